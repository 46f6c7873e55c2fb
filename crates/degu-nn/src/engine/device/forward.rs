//! Forward passes: training, and prediction with running statistics.

use super::super::pass::Mode;
use super::super::plan::{Drop, Linear, Source};
use super::super::{DropoutSeed, EngineError, Result};
use super::{DeviceEngine, Pending};
use degu_kernels::Shape;
use degu_kernels::cuda::{
    Buffer, DeviceDropout, DeviceEpilogue, DeviceWindow, Matrix, Product, Products, Seeds,
    WeightView,
};

impl DeviceEngine {
    /// A training pass: batch statistics and dropout. Its outputs stay on the device
    /// ([`outputs`](Self::outputs)).
    ///
    /// Running statistics change at the update that follows ([`adam`](Self::adam),
    /// [`commit_statistics`](Self::commit_statistics)).
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`; codes above 3 count as N
    ///
    /// # Errors
    ///
    /// [`EngineError::Batch`] above `max_batch`, [`EngineError::Empty`] for no sequences,
    /// [`EngineError::Length`] for another number of codes, [`EngineError::Device`].
    pub fn forward_train(&mut self, codes: &[u8], n: usize, dropout: DropoutSeed) -> Result<()> {
        self.check_codes(codes, n, self.capacity)?;
        if n == 0 {
            return Err(EngineError::Empty {
                operation: "a training pass",
            });
        }
        self.pending = None;
        self.memory.codes.upload(0, codes)?;
        self.run(n, Mode::Train { seed: dropout.0 })?;
        self.pending = Some(Pending {
            count: n,
            seed: dropout.0,
            differentiated: false,
        });
        Ok(())
    }

    /// The outputs of the last training pass, `[n, O]` or `[n, B, T]`, copied from the device.
    ///
    /// # Errors
    ///
    /// [`EngineError::NoForward`] without a training pass, [`EngineError::Device`].
    pub fn outputs(&self) -> Result<Vec<f32>> {
        let pending = self.pending.ok_or(EngineError::NoForward)?;
        let mut outputs = vec![0.0; pending.count * self.outputs_per_sequence()];
        self.output_buffer().download(0, &mut outputs)?;
        Ok(outputs)
    }

    /// Where the outputs of a pass lie on the device, `[n, O]` or `[n, B, T]` from the first value
    /// on.
    pub fn output_buffer(&self) -> &Buffer<f32> {
        &self.memory.data[self.plan.output.root]
    }

    /// Predicts any number of sequences. A training pass before it can no longer be differentiated.
    ///
    /// A sequence's outputs have the same bits wherever it stands and whatever the others are.
    ///
    /// # Shapes
    ///
    /// * `codes` - base codes, `[n, L]`
    /// * `out` - outputs, `[n, O]` or `[n, B, T]`
    ///
    /// # Errors
    ///
    /// [`EngineError::Length`] if a slice does not fit `n`, [`EngineError::Device`].
    pub fn predict(&mut self, codes: &[u8], n: usize, out: &mut [f32]) -> Result<()> {
        self.infer(codes, n, None, out)
    }

    /// As [`predict`](Self::predict) with dropout on: one sample of Monte Carlo dropout.
    ///
    /// # Shapes
    ///
    /// * `masks` - the 64 bits that fix the masks of each sequence, `[n]`
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub fn sample(&mut self, codes: &[u8], n: usize, masks: &[u64], out: &mut [f32]) -> Result<()> {
        EngineError::length("masks", n, masks.len())?;
        self.infer(codes, n, Some(masks), out)
    }

    fn infer(
        &mut self,
        codes: &[u8],
        n: usize,
        masks: Option<&[u64]>,
        out: &mut [f32],
    ) -> Result<()> {
        self.check_codes(codes, n, usize::MAX)?;
        let (size, length) = (self.outputs_per_sequence(), self.plan.length);
        EngineError::length("outputs", n * size, out.len())?;
        self.pending = None;
        self.refresh_running()?;
        let tiles = codes.chunks(self.capacity * length);
        for (i, (codes, out)) in tiles.zip(out.chunks_mut(self.capacity * size)).enumerate() {
            let count = codes.len() / length;
            self.memory.codes.upload(0, codes)?;
            let mode = match masks {
                None => Mode::Eval,
                Some(masks) => {
                    let first = i * self.capacity;
                    self.memory.seeds.upload(0, &masks[first..first + count])?;
                    Mode::Sample
                }
            };
            self.run(count, mode)?;
            self.output_buffer().download(0, out)?;
        }
        Ok(())
    }

    /// Batch-norm coefficients from the running statistics.
    fn refresh_running(&mut self) -> Result<()> {
        if self.running_fresh {
            return Ok(());
        }
        for (block, buffers) in self.plan.blocks.iter().zip(&self.memory.running) {
            if let (Some(norm), Some(running)) = (&block.norm, buffers) {
                self.device.norm_running(
                    running,
                    &self.buffers,
                    (norm.mean.start, norm.var.start),
                    &self.parameters,
                    (norm.gamma.start, norm.beta.start),
                    norm.epsilon,
                )?;
            }
        }
        self.running_fresh = true;
        Ok(())
    }

    /// Runs every block on the first `count` sequences.
    pub(super) fn run(&self, count: usize, mode: Mode) -> Result<()> {
        for (b, block) in self.plan.blocks.iter().enumerate() {
            self.linear(b, count, mode)?;
            let y = self.memory.linear(&self.plan, b);
            if let (Mode::Train { .. } | Mode::Statistics, Some(norm), Some(buffers)) =
                (mode, &block.norm, &self.memory.norms[b])
            {
                self.device.norm_batch(
                    buffers,
                    count,
                    self.shape(b),
                    y,
                    &self.memory.parts,
                    &self.parameters,
                    (norm.gamma.start, norm.beta.start),
                    norm.epsilon,
                )?;
            }
            let add = block.add.map(|a| self.memory.value(&self.plan, &a));
            let out = self.memory.value(&self.plan, &block.output);
            self.device
                .epilogue_forward(&self.epilogue(b, count, mode), add, out)?;
        }
        Ok(())
    }

    /// Rows and channels of the linear output of block `b`.
    pub(super) fn shape(&self, b: usize) -> Shape {
        let block = &self.plan.blocks[b];
        Shape {
            rows: block.rows,
            channels: block.channels,
        }
    }

    /// Computes the linear part of block `b`, if it has one.
    fn linear(&self, b: usize, count: usize, mode: Mode) -> Result<()> {
        let block = &self.plan.blocks[b];
        let y = self.memory.linear(&self.plan, b);
        match (&block.linear, &block.input) {
            (Linear::Lookup(w), _) => self.device.lookup_forward(
                &self.memory.codes,
                self.plan.length,
                count,
                w.codes(0, block.rows),
                w.c_out,
                &self.parameters,
                w.weight.start,
                w.bias.as_ref().map(|r| r.start),
                y,
            )?,
            (Linear::Conv(w), Source::Value(_)) => {
                let product = Product {
                    x: self.input(b),
                    window: self.window(b),
                    c_in: w.c_in,
                    c_out: w.c_out,
                    weights: WeightView::forward(&self.parameters, w.weight.start, w.c_in, w.c_out),
                    bias: w.bias.as_ref().map(|r| r.start),
                    out: y,
                    accumulate: false,
                    products: match mode {
                        Mode::Train { .. } => self.products,
                        Mode::Statistics | Mode::Eval | Mode::Sample => Products::F32,
                    },
                };
                self.device
                    .product(&product, count, self.capacity, &self.memory.parts)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The input of a convolution, from the first row of zeros on that it reads.
    pub(super) fn input(&self, b: usize) -> Matrix<'_> {
        let block = &self.plan.blocks[b];
        let (Source::Value(x), Some(w)) = (&block.input, block.weights()) else {
            return self.memory.linear(&self.plan, b);
        };
        let matrix = self.memory.value(&self.plan, x);
        Matrix {
            first: matrix.first - w.left * self.plan.roots[x.root].cols,
            ..matrix
        }
    }

    /// How a convolution reads its input.
    pub(super) fn window(&self, b: usize) -> DeviceWindow {
        let block = &self.plan.blocks[b];
        let (stride, dilation, taps) = block
            .weights()
            .map_or((1, 1, 0), |w| (w.stride, w.dilation, w.taps));
        DeviceWindow {
            rows: block.rows,
            stride,
            dilation,
            taps,
        }
    }

    /// What follows the linear part of block `b`.
    pub(super) fn epilogue(&self, b: usize, count: usize, mode: Mode) -> DeviceEpilogue<'_> {
        let block = &self.plan.blocks[b];
        let norms = match mode {
            Mode::Train { .. } | Mode::Statistics => &self.memory.norms,
            Mode::Eval | Mode::Sample => &self.memory.running,
        };
        let dropout = |drop: Option<Drop>| {
            let seeds = match mode {
                Mode::Train { seed } => Seeds::Step(seed),
                Mode::Sample => Seeds::Sequences(&self.memory.seeds),
                Mode::Statistics | Mode::Eval => return None,
            };
            drop.map(|d| DeviceDropout {
                seeds,
                layer: d.stream,
                rate: d.rate,
            })
        };
        DeviceEpilogue {
            count,
            shape: self.shape(b),
            y: self.memory.linear(&self.plan, b),
            norm: norms[b].as_ref(),
            skip: block.skip.map(|s| self.memory.value(&self.plan, &s)),
            activation: block.activation,
            before: dropout(block.before),
            pool: block.pool,
            after: dropout(block.after),
        }
    }
}
