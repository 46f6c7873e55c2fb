//! The backward pass.

use super::super::pass::Mode;
use super::super::plan::{Linear, Source, Value};
use super::super::{EngineError, Result};
use super::memory::rows_of_input;
use super::{DeviceEngine, Pending};
use degu_kernels::Shape;
use degu_kernels::cuda::{
    Buffer, DeviceWindow, EpilogueGradients, Matrix, NormTerms, Product, WeightView,
};
use std::ops::Range;

impl DeviceEngine {
    /// The gradient of every trained tensor from the gradient of the outputs of the last training
    /// pass.
    ///
    /// The bias of a linear layer directly before a batch norm has gradient zero, exactly.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoForward`] without a training pass or after it was used,
    /// [`EngineError::Length`], [`EngineError::NonFinite`], [`EngineError::Device`].
    pub fn backward(&mut self, d_outputs: &[f32]) -> Result<()> {
        let count = self.undifferentiated()?;
        let expected = count * self.outputs_per_sequence();
        EngineError::length("output gradients", expected, d_outputs.len())?;
        EngineError::finite("the gradient of the outputs", d_outputs)?;
        self.memory.d_outputs.upload(0, d_outputs)?;
        self.backward_on_device()
    }

    /// Where [`backward_on_device`](Self::backward_on_device) expects the gradient of the outputs,
    /// `[n, O]` or `[n, B, T]` from the first value on.
    pub fn output_gradient_buffer(&self) -> &Buffer<f32> {
        &self.memory.d_outputs
    }

    /// As [`backward`](Self::backward) with the gradient that lies in
    /// [`output_gradient_buffer`](Self::output_gradient_buffer) when the work before this call is
    /// done; it is not checked for numbers that are not finite.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoForward`], [`EngineError::Device`].
    pub fn backward_on_device(&mut self) -> Result<()> {
        let count = self.undifferentiated()?;
        let Some(Pending { seed, .. }) = self.pending else {
            return Err(EngineError::NoForward);
        };
        self.scatter(count)?;
        for b in (0..self.plan.blocks.len()).rev() {
            self.block_back(b, count, Mode::Train { seed })?;
        }
        self.pending = Some(Pending {
            count,
            seed,
            differentiated: true,
        });
        Ok(())
    }

    /// Sequences of the training pass that has not been differentiated yet.
    pub(super) fn undifferentiated(&self) -> Result<usize> {
        match self.pending {
            Some(Pending {
                count,
                differentiated: false,
                ..
            }) => Ok(count),
            _ => Err(EngineError::NoForward),
        }
    }

    /// Puts the gradient of the outputs where that of the last matrix belongs.
    fn scatter(&self, count: usize) -> Result<()> {
        let output = self.plan.output;
        let size = output.rows * output.cols;
        let row = Shape {
            rows: 1,
            channels: size,
        };
        let source = Matrix {
            buffer: &self.memory.d_outputs,
            first: 0,
            step: size,
            pitch: size,
        };
        let target = Matrix {
            pitch: size,
            ..self.memory.gradient(&self.plan, &output)
        };
        Ok(self.device.add_rows(count, row, source, target, false)?)
    }

    /// All gradients of a block.
    fn block_back(&self, b: usize, count: usize, mode: Mode) -> Result<()> {
        let block = &self.plan.blocks[b];
        let gradient = self.memory.gradient(&self.plan, &block.output);
        if let Some(add) = &block.add {
            let shape = Shape {
                rows: add.rows,
                channels: add.cols,
            };
            let target = self.memory.gradient(&self.plan, add);
            self.clear_rest(count, add, block.add_accumulates)?;
            self.device
                .add_rows(count, shape, gradient, target, block.add_accumulates)?;
        }
        let epilogue = self.epilogue(b, count, mode);
        let terms = match &block.norm {
            None => NormTerms::None,
            Some(norm) => {
                self.device.epilogue_sums(
                    &epilogue,
                    gradient,
                    &self.memory.parts,
                    &self.gradients,
                    (norm.gamma.start, norm.beta.start),
                )?;
                NormTerms::Batch
            }
        };
        let y = match rows_of_input(block) {
            Some((x, first)) => {
                let dx = self.memory.gradient(&self.plan, &x);
                if !block.input_accumulates {
                    self.zero_beside(count, dx, &x, first..first + block.rows)?;
                }
                (dx.from_row(first), block.input_accumulates)
            }
            None => (self.memory.linear(&self.plan, b), false),
        };
        if let Some(skip) = &block.skip {
            self.clear_rest(count, skip, block.skip_accumulates)?;
        }
        let skip = block
            .skip
            .map(|s| (self.memory.gradient(&self.plan, &s), block.skip_accumulates));
        let into = EpilogueGradients { skip, y };
        self.device
            .epilogue_backward(&epilogue, gradient, terms, into)?;
        self.tensors_back(b, count)?;
        self.input_back(b, count)
    }

    /// Zeroes the rows of a matrix's gradient that `value` leaves out, where it is the first to
    /// write there.
    fn clear_rest(&self, count: usize, value: &Value, accumulates: bool) -> Result<()> {
        let root = &self.plan.roots[value.root];
        if accumulates || value.rows >= root.rows || value.pitch != root.cols {
            return Ok(());
        }
        let whole = Value {
            row: 0,
            rows: root.rows,
            ..*value
        };
        let gradient = self.memory.gradient(&self.plan, &whole);
        let read = value.row..value.row + value.rows;
        self.zero_beside(count, gradient, &whole, read)
    }

    /// Clears the gradient of the rows of a matrix that a block does not read.
    fn zero_beside(
        &self,
        count: usize,
        gradient: Matrix<'_>,
        x: &Value,
        read: Range<usize>,
    ) -> Result<()> {
        for rows in [0..read.start, read.end..x.rows] {
            if !rows.is_empty() {
                let shape = Shape {
                    rows: rows.len(),
                    channels: x.cols,
                };
                let target = gradient.from_row(rows.start);
                self.device.zero_rows(count, shape, target)?;
            }
        }
        Ok(())
    }

    /// Gradients of the weights and of a bias that no batch norm cancels, from that of the linear
    /// output.
    fn tensors_back(&self, b: usize, count: usize) -> Result<()> {
        let block = &self.plan.blocks[b];
        let Some(w) = block.weights() else {
            return Ok(());
        };
        let (dy, parts) = (self.memory.linear(&self.plan, b), &self.memory.parts);
        if let (None, Some(bias)) = (&block.norm, &w.bias) {
            let shape = self.shape(b);
            self.device
                .column_sums(count, shape, dy, parts, &self.gradients, bias.start)?;
        }
        match &block.linear {
            Linear::Lookup(_) => self.device.lookup_gradient(
                &self.memory.codes,
                self.plan.length,
                count,
                w.codes(0, block.rows),
                w.c_out,
                dy,
                parts,
                &self.gradients,
                w.weight.start,
            )?,
            _ => self.device.weight_gradient(
                self.input(b),
                self.window(b),
                (w.c_in, w.c_out),
                dy,
                count,
                self.products,
                parts,
                &self.gradients,
                w.weight.start,
            )?,
        }
        Ok(())
    }

    /// The gradient of a convolution's input, one phase of the stride after the other.
    fn input_back(&self, b: usize, count: usize) -> Result<()> {
        let block = &self.plan.blocks[b];
        let (Linear::Conv(w), Source::Value(x)) = (&block.linear, &block.input) else {
            return Ok(());
        };
        let (dy, dx) = (
            self.memory.linear(&self.plan, b),
            self.memory.gradient(&self.plan, x),
        );
        for phase in &w.phases {
            let first = block.front.saturating_add_signed(phase.first);
            let product = Product {
                x: Matrix {
                    first: first * block.channels,
                    ..dy
                },
                window: DeviceWindow {
                    rows: phase.rows,
                    stride: 1,
                    dilation: phase.dilation,
                    taps: phase.taps,
                },
                c_in: w.c_out,
                c_out: w.c_in,
                weights: WeightView::reversed(
                    &self.parameters,
                    w.weight.start,
                    (w.c_in, w.c_out),
                    (phase.tap, phase.tap_step, phase.taps),
                ),
                bias: None,
                out: Matrix {
                    first: dx.first + phase.row * dx.pitch,
                    pitch: dx.pitch * w.stride,
                    ..dx
                },
                accumulate: block.input_accumulates,
                products: self.products,
            };
            self.device
                .product(&product, count, self.capacity, &self.memory.parts)?;
        }
        Ok(())
    }
}
