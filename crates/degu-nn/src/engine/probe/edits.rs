//! Single substitutions: only what a substitution reaches is computed again.
//!
//! The layers before the first dense layer that sees the whole sequence are local: a base reaches a
//! window of each. For every edit these windows are computed again in a copy of the sequence's
//! activations and put back afterwards; what follows runs on many edits at once. Both parts do the
//! arithmetic of the plain forward pass in its order, so the outputs have the bits of
//! [`Probe::predict`].

use super::{Probe, Scratch};
use crate::engine::arena::Arena;
use crate::engine::convolution::Weights;
use crate::engine::forward;
use crate::engine::pass::Pass;
use crate::engine::plan::{Block, Linear, Plan, Source, Value};
use crate::engine::{EngineError, Result};
use degu_kernels::{RowsMut, Shape, Start, add_rows};
use std::mem::take;

/// The replacement of a base: position from 0, and the new code.
pub type Edit = (usize, u8);

/// Edits whose last layers run together.
const TOGETHER: usize = 48;

/// Edits of one job, which begins with a forward pass of the whole sequence.
const JOB: usize = 4 * TOGETHER;

/// First and last row.
type Interval = Option<(usize, usize)>;

impl Probe {
    /// Outputs of one sequence after each of `edits`, made one at a time.
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[L]`
    /// * `out` - outputs, `[edits, O]`
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`] if a slice does not fit, or a position lies beyond the sequence.
    pub fn substitutions(&self, codes: &[u8], edits: &[Edit], out: &mut [f32]) -> Result<()> {
        self.engine.check(codes, 1, 1)?;
        let size = self.outputs_per_sequence();
        EngineError::length("outputs", edits.len() * size, out.len())?;
        if let Some((position, _)) = edits.iter().find(|(p, _)| *p >= codes.len()) {
            return Err(EngineError::Length {
                what: "base codes before the last edit",
                expected: position + 1,
                found: codes.len(),
            });
        }
        let jobs = edits.chunks(JOB).zip(out.chunks_mut(JOB * size));
        self.each(jobs.collect(), |scratch, (edits, out)| {
            self.edited(scratch, codes, edits, out);
            Ok(())
        })
    }

    fn edited(&self, scratch: &mut Scratch, codes: &[u8], edits: &[Edit], out: &mut [f32]) {
        let plan = &self.engine.plan;
        let size = self.outputs_per_sequence();
        let t = scratch.edits.get_or_insert_with(|| EditBuffers::new(plan));
        t.work.first = 0;
        t.work.count = 1;
        forward::infer(&self.pass(codes), &mut t.work, 0..t.local);
        t.base.clone_from(&t.work.data);
        let mut edited = codes.to_vec();
        for (edits, out) in edits.chunks(TOGETHER).zip(out.chunks_mut(TOGETHER * size)) {
            let mut all = Vec::with_capacity(edits.len() * codes.len());
            for (n, (position, base)) in edits.iter().enumerate() {
                edited[*position] = *base;
                self.pass(&edited).edit(t, *position, n);
                all.extend_from_slice(&edited);
                edited[*position] = codes[*position];
            }
            t.rest.first = 0;
            t.rest.count = edits.len();
            let pass = self.pass(&all);
            forward::infer(&pass, &mut t.rest, t.local..plan.blocks.len());
            pass.outputs(&t.rest, out);
        }
    }
}

/// Buffers of one job.
#[derive(Debug)]
pub(super) struct EditBuffers {
    /// Blocks that work locally, from the first on.
    local: usize,
    /// Matrices of the sequence itself.
    base: Vec<Vec<f32>>,
    /// The same, edited and put back.
    work: Arena,
    /// Rows of each matrix that an edit has changed.
    changed: Vec<Interval>,
    /// Matrices of the local part that the rest reads.
    border: Vec<usize>,
    /// The rest of the network, for many edits.
    rest: Arena,
}

impl EditBuffers {
    fn new(plan: &Plan) -> Self {
        let whole = |v: &Value| v.rows == plan.roots[v.root].rows;
        let local = plan
            .blocks
            .iter()
            .position(|b| b.stacked() || !b.reads().all(|v| whole(&v)))
            .unwrap_or(plan.blocks.len());
        let (first, second) = plan.blocks.split_at(local);
        let written = |blocks: &[Block], root| blocks.iter().any(|b| b.output.root == root);
        let border: Vec<usize> = (0..plan.roots.len())
            .filter(|r| written(first, *r))
            .filter(|r| {
                *r == plan.output.root
                    || written(second, *r)
                    || second.iter().any(|b| b.reads().any(|v| v.root == *r))
            })
            .collect();
        let step: Vec<usize> = plan
            .roots
            .iter()
            .map(super::super::plan::Root::stride)
            .collect();
        let matrices = |keep: &dyn Fn(usize) -> bool, count: usize| -> Vec<Vec<f32>> {
            let size =
                |(r, step): (usize, &usize)| vec![0.0; if keep(r) { step * count } else { 0 }];
            step.iter().enumerate().map(size).collect()
        };
        let scratch = |blocks: &[Block], count: usize| {
            let values = blocks.iter().map(|b| {
                let rows = if b.stacked() { b.rows * count } else { b.rows };
                rows.max(b.band()) * b.channels
            });
            vec![0.0; values.max().unwrap_or(0)]
        };
        let arena = |data: Vec<Vec<f32>>, scratch: Vec<f32>| Arena {
            data,
            step: step.clone(),
            scratch,
            ..Arena::default()
        };
        let base = matrices(&|r| written(first, r), 1);
        let rest = matrices(&|r| border.contains(&r) || written(second, r), TOGETHER);
        Self {
            local,
            work: arena(base.clone(), scratch(first, 1)),
            base,
            changed: vec![None; plan.roots.len()],
            rest: arena(rest, scratch(second, TOGETHER)),
            border,
        }
    }
}

/// The smallest interval that holds both.
fn hull(a: Interval, b: Interval) -> Interval {
    match (a, b) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, None) => one,
        (None, other) => other,
    }
}

impl Block {
    /// Rows of the linear output that see a change of the input rows `changed`.
    fn sees(&self, changed: Interval) -> Interval {
        let (low, high) = changed?;
        let Some(w) = self.weights() else {
            return changed;
        };
        let reach = (w.taps - 1) * w.dilation;
        let first = (low + w.left).saturating_sub(reach).div_ceil(w.stride);
        let last = ((high + w.left) / w.stride).min(self.rows.checked_sub(1)?);
        (first <= last).then_some((first, last))
    }
}

impl Pass<'_> {
    /// Runs the local part for a sequence with another base at `position`, keeps what the rest
    /// reads as number `n`, and puts the matrices back.
    fn edit(&self, t: &mut EditBuffers, position: usize, n: usize) {
        t.changed.fill(None);
        for b in 0..t.local {
            self.window(&mut t.work, &mut t.changed, b, position);
        }
        for root in &t.border {
            let size = t.work.data[*root].len();
            t.rest.data[*root][n * size..(n + 1) * size].copy_from_slice(&t.work.data[*root]);
        }
        for (root, changed) in t.changed.iter().enumerate() {
            if let Some((low, high)) = changed {
                let shape = &self.plan.roots[root];
                let range = (shape.front + low) * shape.cols..(shape.front + high + 1) * shape.cols;
                t.work.data[root][range.clone()].copy_from_slice(&t.base[root][range]);
            }
        }
    }

    /// Computes the rows of block `b` again that a change reaches, in whole pooling windows.
    fn window(&self, work: &mut Arena, changed: &mut [Interval], b: usize, position: usize) {
        let block = &self.plan.blocks[b];
        let input = match block.input {
            Source::Codes => Some((position, position)),
            Source::Value(x) => changed[x.root],
        };
        let pooled = |rows: Interval| {
            let (low, high) = rows?;
            let (size, last) = (block.pool.size(), block.pooled(block.rows).checked_sub(1)?);
            (low / size <= last).then(|| (low / size, (high / size).min(last)))
        };
        let rows = hull(
            block.sees(input),
            block.skip.and_then(|s| s.overlap(changed[s.root])),
        );
        let out = hull(
            pooled(rows),
            block.add.and_then(|a| a.overlap(changed[a.root])),
        );
        let Some((low, high)) = out else { return };
        let (first, rows) = (
            low * block.pool.size(),
            (high + 1 - low) * block.pool.size(),
        );
        let mut scratch = take(&mut work.scratch);
        match (&block.linear, block.input) {
            (Linear::Lookup(w), _) => {
                self.look_up(w, self.codes, first, rows, &mut scratch);
                self.finish(work, b, 0, first, rows, &scratch, w.c_out);
            }
            (Linear::Conv(w), Source::Value(x)) => {
                let at = self.convolve_rows(work, b, x, w, (first, rows), &mut scratch);
                self.finish(work, b, 0, first, rows, &scratch[at..], block.channels);
            }
            (Linear::None, Source::Value(x)) => {
                let data = take(&mut work.data[x.root]);
                let at = self.plan.at(&x, 0, 0) + first * x.pitch;
                self.finish(work, b, 0, first, rows, &data[at..], x.pitch);
                work.data[x.root] = data;
            }
            // Networks with other layers are refused before they come here.
            (Linear::Operator(_), _) | (_, Source::Codes) => {}
        }
        work.scratch = scratch;
        if let Some(add) = &block.add {
            let mut data = take(&mut work.data[block.output.root]);
            let at = self.plan.at(&block.output, 0, 0) + low * block.output.pitch;
            add_rows(
                self.isa,
                Shape {
                    rows: high + 1 - low,
                    channels: add.cols,
                },
                self.rows(work, add, 0, low),
                RowsMut {
                    values: &mut data[at..],
                    pitch: block.output.pitch,
                    accumulate: true,
                },
            );
            work.data[block.output.root] = data;
        }
        changed[block.output.root] = hull(changed[block.output.root], out);
    }

    /// Rows `first ..` of a convolution, and where they begin in `y`.
    fn convolve_rows(
        &self,
        work: &mut Arena,
        b: usize,
        x: Value,
        w: &Weights,
        (first, rows): (usize, usize),
        y: &mut [f32],
    ) -> usize {
        let Some(packed) = &self.weights[b].forward else {
            return 0;
        };
        let (from, end) = packed.whole(first, first + rows, w.dilation, self.plan.blocks[b].rows);
        let at = self.plan.at(&x, 0, 0) + from * w.stride * x.pitch - w.left * x.pitch;
        let window = w.window(end - from, x.pitch);
        let start = match &w.bias {
            Some(bias) => Start::Bias(&self.parameters[bias.clone()]),
            None => Start::Zero,
        };
        let x = &work.data[x.root][at..];
        packed.forward(x, window, start, y, w.c_out, &mut work.work);
        (first - from) * w.c_out
    }
}
