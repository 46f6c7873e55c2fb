//! Layers with weights: convolutions, dense layers and batch norms.

use super::super::convolution::Weights;
use super::super::operators::{Groups, Operator};
use super::super::plan::{Block, Linear, Norm, Source};
use super::{Compiler, Flow, Result, Stage};
use degu_core::graph;
use degu_kernels::Phase;

impl Compiler<'_> {
    pub(super) fn conv(&mut self, c: &graph::Conv, flow: Flow) -> Result<Flow> {
        let (left, _) = c.pad();
        let rows = c.output_length(flow.shape.0).unwrap_or(0);
        if c.groups != 1 {
            return self.groups(c, left, rows, flow);
        }
        self.linear(
            &c.name,
            [c.width, c.dilation, c.stride, left],
            (rows, c.filters),
            c.bias,
            flow,
        )
    }

    pub(super) fn dense(&mut self, d: &graph::Dense, flow: Flow) -> Result<Flow> {
        let rows = flow.shape.0;
        self.linear(&d.name, [1, 1, 1, 0], (rows, d.units), d.bias, flow)
    }

    fn linear(
        &mut self,
        name: &str,
        geometry: [usize; 4],
        shape: (usize, usize),
        bias: bool,
        flow: Flow,
    ) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let (rows, c_out) = shape;
        let weights = self.weights(name, geometry, closed.shape, c_out, bias)?;
        let halo = weights.gradient_halo(rows);
        let linear = match closed.at {
            Source::Codes => Linear::Lookup(weights),
            Source::Value(_) => Linear::Conv(weights),
        };
        let mut block = Block::new(closed.at, linear, rows, c_out);
        (block.front, block.back) = halo;
        Ok(Flow {
            at: closed.at,
            shape,
            open: Some((block, Stage::Linear)),
        })
    }

    /// Geometry and tensors of a convolution over `[rows, c_in]`; `geometry` is taps, dilation,
    /// stride and zeros on the left.
    fn weights(
        &self,
        name: &str,
        [taps, dilation, stride, left]: [usize; 4],
        (rows, c_in): (usize, usize),
        c_out: usize,
        bias: bool,
    ) -> Result<Weights> {
        Ok(Weights {
            taps,
            dilation,
            stride,
            left,
            c_in,
            c_out,
            weight: self.layout.range(name, "weight")?,
            bias: if bias {
                Some(self.layout.range(name, "bias")?)
            } else {
                None
            },
            phases: Phase::all(rows, taps, stride, dilation, left),
            winograd: false,
            winograd_phases: vec![],
            stacked: false,
        })
    }

    fn groups(&mut self, c: &graph::Conv, left: usize, rows: usize, flow: Flow) -> Result<Flow> {
        let geometry = [c.width, c.dilation, c.stride, left];
        let weights = self.weights(&c.name, geometry, flow.shape, c.filters, c.bias)?;
        let halo = weights.gradient_halo(rows);
        let operator = Operator::Groups(Groups {
            weights,
            groups: c.groups,
        });
        let mut flow = self.operator(operator, (rows, c.filters), flow)?;
        if let Some((block, _)) = &mut flow.open {
            (block.front, block.back) = halo;
        }
        Ok(flow)
    }

    pub(super) fn norm(&self, b: &graph::BatchNorm) -> Result<Norm> {
        Ok(Norm {
            gamma: self.layout.range(&b.name, "weight")?,
            beta: self.layout.range(&b.name, "bias")?,
            mean: self.layout.range(&b.name, "running_mean")?,
            var: self.layout.range(&b.name, "running_var")?,
            epsilon: b.epsilon,
            momentum: b.momentum,
            unbiased: b.unbiased,
        })
    }
}
