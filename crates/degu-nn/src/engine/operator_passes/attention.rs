//! Self-attention, one sequence at a time.

use crate::engine::arena::Arena;
use crate::engine::operators::{Attention, AttentionBuffers, Map};
use crate::engine::pass::{Pass, rows, rows_mut, start};
use crate::engine::plan::Value;
use degu_kernels::{
    Shape, Start, Window, attention_backward, attention_forward, column_sums, conv_forward,
    conv_weight_gradient,
};
use std::mem::take;

fn window(rows: usize, pitch: usize) -> Window {
    Window {
        rows,
        pitch,
        stride: 1,
        dilation: 1,
    }
}

impl Pass<'_> {
    /// Sequence `n` of the chunk, into `y` `[L, O]`.
    pub(super) fn attention(
        &self,
        arena: &mut Arena,
        b: usize,
        a: &Attention,
        x: &Value,
        n: usize,
        y: &mut [f32],
        keep: bool,
    ) {
        let (length, inner) = (x.rows, a.inner);
        let mut buffers = take(&mut arena.operator[b].attention);
        let place = if keep { n * length * inner } else { 0 };
        let projected = &mut buffers.projected[3 * place..];
        let mixed = &mut buffers.mixed[place..];
        let input = &arena.data[x.root][self.plan.at(x, n, arena.step[x.root])..];
        let weights = &self.weights[b].operator.forward;
        let start = |map: &Map| match &map.bias {
            Some(bias) => Start::Bias(&self.parameters[bias.clone()]),
            None => Start::Zero,
        };
        for (i, map) in a.maps[..3].iter().enumerate() {
            let z = &mut projected[i * inner..];
            let window = window(length, x.pitch);
            conv_forward(&weights[i], input, window, start(map), z, 3 * inner);
        }
        attention_forward(
            self.isa,
            a.heads(length),
            rows(projected, 0, 3 * inner),
            rows_mut(mixed, 0, inner, false),
            &mut buffers.work,
        );
        let window = window(length, inner);
        conv_forward(&weights[3], mixed, window, start(&a.maps[3]), y, a.c_out);
        arena.operator[b].attention = buffers;
    }

    /// Gradients of sequence `n`: of the input and, in training, of the tensors.
    pub(super) fn attention_back(
        &self,
        arena: &mut Arena,
        b: usize,
        a: &Attention,
        x: &Value,
        n: usize,
    ) {
        let (length, inner) = (x.rows, a.inner);
        let mut buffers = take(&mut arena.operator[b].attention);
        let projected = &buffers.projected[n * length * 3 * inner..];
        let weights = &self.weights[b].operator.backward;
        let (dy, from) = self.linear_gradient(arena, b, n);
        conv_forward(
            &weights[3],
            &dy[from..],
            window(length, a.c_out),
            Start::Zero,
            &mut buffers.d_mixed,
            inner,
        );
        attention_backward(
            self.isa,
            a.heads(length),
            rows(projected, 0, 3 * inner),
            rows(&buffers.d_mixed, 0, inner),
            rows_mut(&mut buffers.d_projected, 0, 3 * inner, false),
            &mut buffers.work,
        );
        if self.trains() {
            self.attention_tensors(arena, b, a, x, n, &buffers);
        }
        let slot = self.plan.roots[x.root].slot;
        let at = self.gradient_at(x, n);
        for (i, packed) in weights[..3].iter().enumerate() {
            conv_forward(
                packed,
                &buffers.d_projected[i * inner..],
                window(length, 3 * inner),
                start(i > 0 || self.plan.blocks[b].input_accumulates),
                &mut arena.gradients[slot][at..],
                x.pitch,
            );
        }
        arena.operator[b].attention = buffers;
    }

    /// Adds the gradients of the tensors for sequence `n`.
    fn attention_tensors(
        &self,
        arena: &mut Arena,
        b: usize,
        a: &Attention,
        x: &Value,
        n: usize,
        buffers: &AttentionBuffers,
    ) {
        let (length, inner) = (x.rows, a.inner);
        let mut partial = take(&mut arena.partial);
        let input = &arena.data[x.root][self.plan.at(x, n, arena.step[x.root])..];
        let mixed = &buffers.mixed[n * length * inner..];
        let (dy, from) = self.linear_gradient(arena, b, n);
        let project = |i: usize| {
            let dz = &buffers.d_projected[i * inner..];
            (input, x.pitch, dz, 3 * inner)
        };
        let output = (mixed, inner, &dy[from..], a.c_out);
        let products = [project(0), project(1), project(2), output];
        let mut places = a.places(&self.partials.operator[b]);
        places[1].bias = None;
        for ((map, (x, x_pitch, dz, dz_pitch)), (from, to)) in
            places.iter().zip(products).zip(a.sizes())
        {
            conv_weight_gradient(
                self.isa,
                [1, from, to],
                x,
                window(length, x_pitch),
                dz,
                dz_pitch,
                &mut partial[map.weight.clone()],
            );
            if let Some(bias) = &map.bias {
                let shape = Shape {
                    rows: length,
                    channels: to,
                };
                let sums = &mut partial[bias.clone()];
                column_sums(self.isa, shape, rows(dz, 0, dz_pitch), sums);
            }
        }
        arena.partial = partial;
    }
}
