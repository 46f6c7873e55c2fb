//! Convolution over positions, channels-last: windows are gathered and multiplied with the kernel
//! in one matrix product.
//!
//! An output element is the sum of its window in the order of taps and channels, so equal windows
//! give equal values wherever they lie in sequence and batch.

use candle_core::{DType, Device, Result as TensorResult, Tensor};
use degu_core::{Error, Result, graph::Conv};

use super::{
    custom::with_gradient,
    linear::{check_bias, column_sums, plus},
    rounding::multiply,
};

/// How a kernel moves over its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvOptions {
    /// Zeros added on the left and on the right, in positions.
    pub pad: (usize, usize),
    /// Distance between taps.
    pub dilation: usize,
    /// Distance between outputs.
    pub stride: usize,
    /// Groups of channels that see only each other.
    pub groups: usize,
}

impl Default for ConvOptions {
    fn default() -> Self {
        Self {
            pad: (0, 0),
            dilation: 1,
            stride: 1,
            groups: 1,
        }
    }
}

impl ConvOptions {
    /// Zeros so that the length stays: `floor(total / 2)` on the left, the rest on the right, total
    /// = dilation (width - 1).
    pub fn same(width: usize, dilation: usize) -> Self {
        let total = dilation * width.saturating_sub(1);
        Self {
            pad: (total / 2, total - total / 2),
            dilation,
            ..Self::default()
        }
    }

    /// The options of a layer of a graph.
    pub fn of(layer: &Conv) -> Self {
        Self {
            pad: layer.pad(),
            dilation: layer.dilation,
            stride: layer.stride,
            groups: layer.groups,
        }
    }
}

/// One-dimensional convolution (cross-correlation).
///
/// # Shapes
///
/// * `x` - activations, `[N, L, C]`, any strides
/// * `weight` - `[K, C / groups, O]`; `bias` - `[O]`
/// * returns `[N, floor((L + left + right - dilation (K - 1) - 1) / stride) + 1, O]`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if the shapes do not fit each other or the kernel is longer than the
/// padded input.
pub fn conv1d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    options: &ConvOptions,
) -> Result<Tensor> {
    let (n, length, channels) = x.dims3()?;
    let plan = Plan::new(n, length, channels, weight, *options)?;
    check_bias("bias of conv1d", bias, plan.filters)?;
    let source = x.detach().contiguous()?;
    let w = plan.kernel(&weight.detach())?;
    let y = plus(plan.product(&plan.windows(&source)?, &w)?, bias)?.reshape((
        n,
        plan.out,
        plan.filters,
    ))?;
    let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
    let tracked: Vec<bool> = inputs.iter().map(|t| t.track_op()).collect();
    Ok(with_gradient("conv1d", &inputs, y, move |g| {
        let mut all = vec![None; tracked.len()];
        if tracked[0] {
            all[0] = Some(plan.input_gradient(g, &w)?);
        }
        if tracked[1] {
            all[1] = Some(plan.weight_gradient(g, &plan.windows(&source)?)?);
        }
        if let Some(slot) = all.get_mut(2) {
            *slot = Some(column_sums(&g.reshape(((), plan.filters))?)?);
        }
        Ok(all)
    })?)
}

/// The same convolution of a one-hot sequence given as base codes; bit for bit equal to [`conv1d`]
/// of the one-hot tensor.
///
/// # Shapes
///
/// * `codes` - `[N, L]`, u8, A 0, C 1, G 2, T 3, N 4 (contributes nothing)
/// * `weight` - `[K, 4, O]`; `bias` - `[O]`
///
/// # Errors
///
/// As [`conv1d`]; groups other than 1 do not fit.
pub fn conv1d_codes(
    codes: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    options: &ConvOptions,
) -> Result<Tensor> {
    let (n, length) = codes.dims2()?;
    let plan = Plan::new(n, length, 4, weight, *options)?;
    check_bias("bias of conv1d", bias, plan.filters)?;
    let codes = codes.contiguous()?;
    let w = weight.detach();
    let dtype = w.dtype();
    let w = plan.kernel(&w)?;
    let y = plus(plan.product(&plan.code_windows(&codes, dtype)?, &w)?, bias)?.reshape((
        n,
        plan.out,
        plan.filters,
    ))?;
    let inputs: Vec<&Tensor> = std::iter::once(weight).chain(bias).collect();
    Ok(with_gradient("conv1d_codes", &inputs.clone(), y, {
        let count = inputs.len();
        move |g| {
            let mut all = vec![None; count];
            all[0] = Some(plan.weight_gradient(g, &plan.code_windows(&codes, dtype)?)?);
            if let Some(slot) = all.get_mut(1) {
                *slot = Some(column_sums(&g.reshape(((), plan.filters))?)?);
            }
            Ok(all)
        }
    })?)
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    n: usize,
    length: usize,
    channels: usize,
    width: usize,
    filters: usize,
    out: usize,
    options: ConvOptions,
}

impl Plan {
    fn new(
        n: usize,
        length: usize,
        channels: usize,
        weight: &Tensor,
        options: ConvOptions,
    ) -> Result<Self> {
        let (width, per_group, filters) = weight.dims3()?;
        let ConvOptions {
            pad,
            dilation,
            stride,
            groups,
        } = options;
        let shape = |name, expected, got: &[usize]| {
            Err(Error::Shape {
                name,
                expected,
                got: got.to_vec(),
            })
        };
        if width == 0 || dilation == 0 || stride == 0 || groups == 0 {
            return shape(
                "conv1d [width, dilation, stride, groups]",
                "at least 1 each",
                &[width, dilation, stride, groups],
            );
        }
        if per_group * groups != channels || filters % groups != 0 {
            return shape(
                "weight of conv1d",
                "[K, C / groups, O] with groups dividing O",
                &[width, per_group, filters, groups],
            );
        }
        let reach = dilation * (width - 1) + 1;
        let padded = length + pad.0 + pad.1;
        if padded < reach {
            return shape(
                "x of conv1d",
                "[N, L, C] with L + padding at least the reach of the kernel",
                &[n, length, channels],
            );
        }
        Ok(Self {
            n,
            length,
            channels,
            width,
            filters,
            out: (padded - reach) / stride + 1,
            options,
        })
    }

    fn padded(&self) -> usize {
        self.length + self.options.pad.0 + self.options.pad.1
    }

    fn is_pointwise(&self) -> bool {
        self.width == 1 && self.options.stride == 1 && self.options.pad == (0, 0)
    }

    /// Padded position of each tap of each output, `[out K]`.
    fn taps(&self, device: &Device) -> TensorResult<Tensor> {
        let ConvOptions {
            dilation, stride, ..
        } = self.options;
        let taps: Vec<u32> = (0..self.out)
            .flat_map(|l| (0..self.width).map(move |t| (l * stride + t * dilation) as u32))
            .collect();
        Tensor::from_vec(taps, self.out * self.width, device)
    }

    /// Rows of the matrix product, `[N out, K C]`, or `[groups, N out, K C / groups]`.
    fn windows(&self, x: &Tensor) -> TensorResult<Tensor> {
        let (left, right) = self.options.pad;
        let x = if left + right > 0 {
            x.pad_with_zeros(1, left, right)?
        } else {
            x.clone()
        };
        let windows = if self.is_pointwise() {
            x
        } else {
            x.contiguous()?.index_select(&self.taps(x.device())?, 1)?
        };
        self.grouped(&windows)
    }

    /// The same of codes: padding is code 4, which is a row of zeros.
    fn code_windows(&self, codes: &Tensor, dtype: DType) -> TensorResult<Tensor> {
        let (left, right) = self.options.pad;
        let device = codes.device();
        let fill = |width: usize| Tensor::full(4u8, (self.n, width), device);
        let mut parts = Vec::with_capacity(3);
        if left > 0 {
            parts.push(fill(left)?);
        }
        parts.push(codes.clone());
        if right > 0 {
            parts.push(fill(right)?);
        }
        let codes = Tensor::cat(&parts, 1)?.contiguous()?;
        let windows = codes.index_select(&self.taps(device)?, 1)?.flatten_all()?;
        let mut table = [0f32; 5 * 4];
        for base in 0..4 {
            table[base * 4 + base] = 1.0;
        }
        let table = Tensor::from_slice(&table, (5, 4), device)?.to_dtype(dtype)?;
        self.grouped(&table.index_select(&windows, 0)?)
    }

    fn grouped(&self, windows: &Tensor) -> TensorResult<Tensor> {
        let (rows, groups) = (self.n * self.out, self.options.groups);
        if groups == 1 {
            return windows.reshape((rows, self.width * self.channels));
        }
        let per = self.channels / groups;
        windows
            .reshape((rows, self.width, groups, per))?
            .permute((2, 0, 1, 3))?
            .contiguous()?
            .reshape((groups, rows, self.width * per))
    }

    /// The kernel as `[K C, O]`, or `[groups, K C / groups, O / groups]`.
    fn kernel(&self, weight: &Tensor) -> TensorResult<Tensor> {
        let groups = self.options.groups;
        let rows = self.width * self.channels / groups;
        let weight = weight.contiguous()?;
        if groups == 1 {
            return weight.reshape((rows, self.filters));
        }
        weight
            .reshape((rows, groups, self.filters / groups))?
            .permute((1, 0, 2))?
            .contiguous()
    }

    fn product(&self, windows: &Tensor, kernel: &Tensor) -> TensorResult<Tensor> {
        let y = multiply(windows, kernel)?;
        if self.options.groups == 1 {
            Ok(y)
        } else {
            y.permute((1, 0, 2))?
                .contiguous()?
                .reshape(((), self.filters))
        }
    }

    /// The gradient as rows, `[N out, O]`, or `[groups, N out, O / groups]`.
    fn rows(&self, g: &Tensor) -> TensorResult<Tensor> {
        let groups = self.options.groups;
        if groups == 1 {
            return g.reshape(((), self.filters));
        }
        g.reshape(((), groups, self.filters / groups))?
            .permute((1, 0, 2))?
            .contiguous()
    }

    fn input_gradient(&self, g: &Tensor, kernel: &Tensor) -> TensorResult<Tensor> {
        let groups = self.options.groups;
        let kernel = kernel.transpose(kernel.rank() - 2, kernel.rank() - 1)?;
        let windows = multiply(&self.rows(g)?, &kernel.contiguous()?)?;
        let windows = if groups == 1 {
            windows
        } else {
            windows
                .reshape((
                    groups,
                    self.n * self.out,
                    self.width,
                    self.channels / groups,
                ))?
                .permute((1, 2, 0, 3))?
                .contiguous()?
        };
        if self.is_pointwise() {
            return windows.reshape((self.n, self.length, self.channels));
        }
        let windows = windows.reshape((self.n, self.out * self.width, self.channels))?;
        Tensor::zeros(
            (self.n, self.padded(), self.channels),
            g.dtype(),
            g.device(),
        )?
        .index_add(&self.taps(g.device())?, &windows, 1)?
        .narrow(1, self.options.pad.0, self.length)?
        .contiguous()
    }

    fn weight_gradient(&self, g: &Tensor, windows: &Tensor) -> TensorResult<Tensor> {
        let groups = self.options.groups;
        let shape = (self.width, self.channels / groups, self.filters);
        if groups == 1 {
            // A transposed view of a matrix: a copy would cost more than the product.
            return multiply(&windows.t()?, &self.rows(g)?)?.reshape(shape);
        }
        let product = multiply(&windows.transpose(1, 2)?.contiguous()?, &self.rows(g)?)?;
        product.permute((1, 0, 2))?.contiguous()?.reshape(shape)
    }
}
