//! The passes over operators: forward, and the gradients of their inputs and tensors.

mod attention;
mod groups;
mod lstm;
mod rowwise;

use super::arena::Arena;
use super::operators::Operator;
use super::pass::Pass;
use super::plan::{Linear, Source};

impl Pass<'_> {
    /// The layer in place of the linear part of block `b`, for `count` sequences from `n` on;
    /// `keep` for a backward pass to follow.
    pub(super) fn operator(
        &self,
        arena: &mut Arena,
        b: usize,
        n: usize,
        count: usize,
        y: &mut [f32],
        keep: bool,
    ) {
        let block = &self.plan.blocks[b];
        let (Linear::Operator(operator), Source::Value(x)) = (&block.linear, block.input) else {
            return;
        };
        match operator {
            Operator::BiLstm(l) => self.lstm(arena, b, l, &x, count, y, keep),
            Operator::Attention(a) => self.attention(arena, b, a, &x, n, y, keep),
            Operator::Groups(g) => self.groups(arena, b, g, &x, n, y),
            _ => self.rowwise(arena, block, operator, &x, n, y),
        }
    }

    /// Gradients of its input and, per chunk, of its tensors.
    pub(super) fn operator_back(&self, arena: &mut Arena, b: usize, n: usize, count: usize) {
        let block = &self.plan.blocks[b];
        let (Linear::Operator(operator), Source::Value(x)) = (&block.linear, block.input) else {
            return;
        };
        match operator {
            Operator::BiLstm(l) => self.lstm_back(arena, b, l, &x, count),
            Operator::Attention(a) => self.attention_back(arena, b, a, &x, n),
            Operator::Groups(g) => self.groups_back(arena, b, g, &x, n),
            _ => self.rowwise_back(arena, b, operator, &x, n),
        }
    }
}
