//! Where the matrices of a compiled network lie: rows of zeros around them, and gradients that
//! share a place.

use super::error::EngineError;
use super::filters::Rule;
use super::plan::{Linear, Plan, Root, Source};

type Result<T> = std::result::Result<T, EngineError>;

/// Gives each matrix the zero rows that its readers need.
pub(super) fn halos(plan: &mut Plan) -> Result<()> {
    for block in &plan.blocks {
        if let (Source::Value(x), Some(w)) = (&block.input, block.weights()) {
            let root = &mut plan.roots[x.root];
            root.front = root.front.max(w.left);
            let end = block.rows.saturating_sub(1) * w.stride + (w.taps - 1) * w.dilation + 1;
            root.back = root.back.max(end.saturating_sub(w.left + x.rows));
            if root.flat && root.front + root.back > 0 {
                return Err(EngineError::unsupported(
                    "flatten",
                    "kernel for a matrix that is both flattened and convolved",
                ));
            }
        }
    }
    Ok(())
}

/// Rows of a sequence up to which the dense layers of a chunk are computed as one product.
const STACKED_ROWS: usize = 16;

/// Decides how the products of each block are computed; finds the dense layers that are one product
/// for a whole chunk.
pub(super) fn products(plan: &mut Plan, rule: Rule) {
    for b in 0..plan.blocks.len() {
        let Source::Value(x) = plan.blocks[b].input else {
            continue;
        };
        let contiguous = plan.contiguous(&x);
        let block = &mut plan.blocks[b];
        if let Linear::Conv(w) = &mut block.linear {
            w.choose(rule, block.rows);
            w.stacked = w.taps == 1 && w.stride == 1 && block.rows <= STACKED_ROWS && contiguous;
        }
    }
}

/// Decides which gradients accumulate, and gives matrices whose gradients never live together the
/// same place.
pub(super) fn gradients(plan: &mut Plan) {
    let mut live = vec![false; plan.roots.len()];
    // Matrices that a stacked product reads or writes lie densely, so they get a place of their
    // own.
    let mut dense = vec![false; plan.roots.len()];
    for block in &plan.blocks {
        if let (Source::Value(x), true) = (block.input, block.product()) {
            dense[x.root] = true;
        }
    }
    let mut free: Vec<usize> = vec![];
    let Plan {
        roots,
        blocks,
        slots,
        output,
        ..
    } = plan;
    let mut claim =
        |roots: &mut Vec<Root>, live: &mut Vec<bool>, free: &mut Vec<usize>, root: usize| {
            let met = live[root];
            if !met {
                live[root] = true;
                let reused = if dense[root] { None } else { free.pop() };
                let slot = reused.unwrap_or_else(|| {
                    slots.push(0);
                    slots.len() - 1
                });
                slots[slot] = slots[slot].max(roots[root].elements());
                roots[root].slot = slot;
            }
            met
        };
    claim(roots, &mut live, &mut free, output.root);
    // A matrix of branches is done when the first of its writers is.
    let mut first_writer = vec![usize::MAX; roots.len()];
    for (b, block) in blocks.iter().enumerate().rev() {
        first_writer[block.output.root] = b;
    }
    for (b, block) in blocks.iter_mut().enumerate().rev() {
        if let Some(add) = block.add {
            block.add_accumulates = claim(roots, &mut live, &mut free, add.root);
        }
        if let Some(skip) = block.skip {
            block.skip_accumulates = claim(roots, &mut live, &mut free, skip.root);
        }
        if let Source::Value(x) = block.input {
            block.input_accumulates = claim(roots, &mut live, &mut free, x.root);
        }
        let done = block.output.root;
        if first_writer[done] == b && !dense[done] {
            free.push(roots[done].slot);
        }
    }
}
