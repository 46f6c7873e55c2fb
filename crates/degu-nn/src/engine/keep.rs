//! What the backward pass needs of the output of a block's linear part.
//!
//! Where no batch norm, pool or curved activation follows, the derivative of what follows is known
//! from the signs, or without any: one bit a value is kept instead of 32, and the linear outputs of
//! such blocks share the buffer of one sequence. A network of dilated residual layers without batch
//! norm (BPNet) trains in little more than half of the memory.

use super::arena::Arena;
use super::pass::Pass;
use super::plan::{Block, Keep, Plan};
use degu_kernels::{Activation, Pool, Rows, Shape, pack_signs, sign_words, unpack_signs};
use std::mem::take;

/// Decides for every block.
pub(super) fn decide(plan: &mut Plan) {
    for block in &mut plan.blocks {
        let plain = block.stored() && !block.stacked() && block.norm.is_none();
        block.keep = match block.activation {
            Activation::Relu if plain && block.pool.size() == 1 => Keep::Signs,
            Activation::Identity if plain && matches!(block.pool, Pool::Mean(_) | Pool::Max(1)) => {
                Keep::Nothing
            }
            _ => Keep::All,
        };
    }
}

impl Block {
    /// Values of the shared buffer that this block uses in a light arena.
    pub(super) fn line(&self) -> usize {
        if self.stored() && self.keep != Keep::All {
            self.stride()
        } else {
            0
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            rows: self.rows,
            channels: self.channels,
        }
    }

    /// Words of the signs of one sequence.
    pub(super) fn signs(&self) -> usize {
        if self.keep == Keep::Signs {
            sign_words(self.shape())
        } else {
            0
        }
    }
}

impl Arena {
    /// Whether the values of a block's linear output are kept here.
    pub(super) fn keeps(&self, block: &Block) -> bool {
        block.stored() && (!self.light || block.keep == Keep::All)
    }

    /// First value of sequence `n`, halo included, in the buffer that holds a block's linear
    /// output.
    pub(super) fn linear_at(&self, block: &Block, n: usize) -> usize {
        if self.keeps(block) {
            n * block.stride()
        } else {
            0
        }
    }

    /// The buffer of a block's linear output, for [`Self::put_linear`] to bring back.
    pub(super) fn take_linear(&mut self, b: usize, block: &Block) -> Vec<f32> {
        take(if self.keeps(block) {
            &mut self.y[b]
        } else {
            &mut self.line
        })
    }

    pub(super) fn put_linear(&mut self, b: usize, block: &Block, y: Vec<f32>) {
        if self.keeps(block) {
            self.y[b] = y;
        } else {
            self.line = y;
        }
    }
}

impl Pass<'_> {
    /// Keeps the signs of sequence `n` of a block that keeps no more; `y` is its linear output.
    pub(super) fn note_signs(&self, arena: &mut Arena, b: usize, n: usize, y: &[f32]) {
        let block = &self.plan.blocks[b];
        if arena.keeps(block) || block.keep != Keep::Signs {
            return;
        }
        let mut signs = take(&mut arena.signs[b]);
        let words = block.signs();
        pack_signs(
            self.isa,
            block.shape(),
            Rows {
                values: y,
                pitch: block.channels,
            },
            block.skip.as_ref().map(|s| self.rows(arena, s, n, 0)),
            &mut signs[n * words..(n + 1) * words],
        );
        arena.signs[b] = signs;
    }

    /// Puts values of the same derivative into the shared buffer, and zeros into its halo.
    pub(super) fn restore_line(&self, arena: &mut Arena, b: usize, n: usize) {
        let block = &self.plan.blocks[b];
        if !block.stored() || arena.keeps(block) {
            return;
        }
        let (from, to) = (
            block.front * block.channels,
            (block.front + block.rows) * block.channels,
        );
        arena.line[..from].fill(0.0);
        arena.line[to..block.stride()].fill(0.0);
        if block.keep == Keep::Signs {
            let words = block.signs();
            unpack_signs(
                self.isa,
                block.shape(),
                &arena.signs[b][n * words..(n + 1) * words],
                &mut arena.line[from..to],
                block.channels,
            );
        }
    }

    /// The gradient of the linear part's output, and where that of sequence `n` starts in it, halo
    /// included.
    pub(super) fn linear_gradient<'b>(
        &self,
        arena: &'b Arena,
        b: usize,
        n: usize,
    ) -> (&'b [f32], usize) {
        let block = &self.plan.blocks[b];
        let buffer = if arena.keeps(block) {
            &arena.y[b]
        } else {
            &arena.line
        };
        (buffer, arena.linear_at(block, n))
    }
}
