//! Layers with weights: convolutions, dense layers and batch norms.

use super::super::plan::{Block, Linear, Norm, Source, Weights};
use super::super::special::{Groups, Special};
use super::{Compiler, Flow, Result, Stage};
use degu_core::graph;

impl Compiler<'_> {
    pub(super) fn conv(&mut self, c: &graph::Conv, flow: Flow) -> Result<Flow> {
        let (left, _) = c.pad();
        let rows = c.output_length(flow.shape.0).unwrap_or(0);
        if c.groups != 1 {
            return self.groups(c, left, rows, flow);
        }
        self.linear(
            &c.name,
            [c.width, c.dilation, left],
            (rows, c.filters),
            c.bias,
            flow,
        )
    }

    pub(super) fn dense(&mut self, d: &graph::Dense, flow: Flow) -> Result<Flow> {
        let rows = flow.shape.0;
        self.linear(&d.name, [1, 1, 0], (rows, d.units), d.bias, flow)
    }

    fn linear(
        &mut self,
        name: &str,
        [taps, dilation, left]: [usize; 3],
        shape: (usize, usize),
        bias: bool,
        flow: Flow,
    ) -> Result<Flow> {
        let closed = self.close(flow, None)?;
        let (rows_in, c_in) = closed.shape;
        let (rows, c_out) = shape;
        let weights = Weights {
            taps,
            dilation,
            left,
            c_in,
            c_out,
            weight: self.layout.range(name, "weight")?,
            bias: if bias {
                Some(self.layout.range(name, "bias")?)
            } else {
                None
            },
            stacked: false,
        };
        let linear = match closed.at {
            Source::Codes => Linear::Lookup(weights),
            Source::Value(_) => Linear::Conv(weights),
        };
        let mut block = Block::new(closed.at, linear, rows, c_out);
        block.front = (taps - 1) * dilation - left;
        block.back = rows_in + left - rows;
        Ok(Flow {
            at: closed.at,
            shape,
            open: Some((block, Stage::Linear)),
        })
    }

    fn groups(&mut self, c: &graph::Conv, left: usize, rows: usize, flow: Flow) -> Result<Flow> {
        let (rows_in, c_in) = flow.shape;
        let weights = Weights {
            taps: c.width,
            dilation: c.dilation,
            left,
            c_in,
            c_out: c.filters,
            weight: self.layout.range(&c.name, "weight")?,
            bias: if c.bias {
                Some(self.layout.range(&c.name, "bias")?)
            } else {
                None
            },
            stacked: false,
        };
        let special = Special::Groups(Groups {
            weights,
            groups: c.groups,
        });
        let mut flow = self.special(special, (rows, c.filters), flow)?;
        if let Some((block, _)) = &mut flow.open {
            block.front = (c.width - 1) * c.dilation - left;
            block.back = rows_in + left - rows;
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
