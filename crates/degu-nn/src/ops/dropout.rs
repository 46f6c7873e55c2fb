//! Inverted dropout with masks that are a function of where they apply.

use candle_core::Tensor;
use degu_core::{Ctx, Error, Mode, Result, Seed};
use degu_kernels::DropoutMask;
use rand::Rng as _;

use super::custom::with_gradient;

/// The 64 bits that fix the masks of every layer in a step: the `DropoutSeed` of the fused engine.
pub fn dropout_seed(stream: Seed, step: u64) -> u64 {
    stream.child(step.to_string()).rng().next_u64()
}

/// The mask of example `sample` of the batch in the layer at `path`, under the [`dropout_seed`] of
/// the step; the same bits in every engine and on every device.
pub fn dropout_mask(seed: u64, path: &str, sample: usize, p: f64) -> DropoutMask {
    // FNV-1a of the path, so that adding a layer does not change the others' masks.
    let layer = path.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    DropoutMask::new(seed, layer, sample as u64, p)
}

/// The stream of Monte Carlo dropout of one sequence, a function of its base codes alone: the same
/// sequence has the same masks wherever it stands, and other sequences have others.
pub fn sequence_stream(codes: &[u8]) -> Seed {
    Seed::root(0)
        .child("mc-dropout")
        .child(String::from_utf8_lossy(codes))
}

/// The bits that fix the masks of pass number `pass`, one per stream; see [`Ctx::with_masks`].
pub fn sequence_masks(streams: &[Seed], pass: usize) -> Vec<u64> {
    let label = pass.to_string();
    streams
        .iter()
        .map(|s| s.child(&label).first_u64())
        .collect()
}

/// Inverted dropout of the layer at `path`; the identity in the modes `Eval` and `Rescale`.
///
/// A mask depends on the stream, the path, the step, the place of the example in the batch and the
/// element, and on nothing else: other layers, threads, devices and a resumed run do not matter. In
/// [`Mode::Sample`] all examples share one mask, so a pass is one network drawn from the family,
/// unless the context brings [masks](Ctx::with_masks) of the examples; either way a prediction does
/// not depend on how examples are batched.
///
/// # Shapes
///
/// * `x` - `[N, ..]`
/// * `p` - probability of a zero, in `[0, 1)`
///
/// # Errors
///
/// [`Shape`](Error::Shape) if there are not as many masks as examples; if a tensor operation fails.
pub fn dropout(x: &Tensor, p: f64, path: &str, ctx: &Ctx<'_>) -> Result<Tensor> {
    let (stream, step, shared) = match ctx.mode() {
        Mode::Train { dropout, step } => (dropout, step, false),
        Mode::Sample { dropout, step } => (dropout, step, true),
        _ => return Ok(x.clone()),
    };
    if p <= 0.0 {
        return Ok(x.clone());
    }
    let seed = dropout_seed(stream, step);
    let samples = x.dims().first().copied().unwrap_or(1);
    let elements = x.elem_count() / samples.max(1);
    let mut values = Vec::with_capacity(x.elem_count());
    let masks = ctx.masks().filter(|_| shared);
    if let Some(masks) = masks
        && masks.len() != samples
    {
        return Err(Error::Shape {
            name: "masks of the examples",
            expected: "one per example of the batch, [N]",
            got: vec![masks.len(), samples],
        });
    }
    for sample in 0..samples {
        let mask = match masks {
            Some(masks) => dropout_mask(masks[sample], path, 0, p),
            None => dropout_mask(seed, path, if shared { 0 } else { sample }, p),
        };
        let factor = mask.factor() as f32;
        values.extend((0..elements).map(|e| if mask.keeps(e as u32) { factor } else { 0.0 }));
    }
    let mask = Tensor::from_vec(values, x.shape(), x.device())?.to_dtype(x.dtype())?;
    let y = (x.detach().contiguous()? * &mask)?;
    Ok(with_gradient("dropout", &[x], y, move |g| {
        Ok(vec![Some((g * &mask)?)])
    })?)
}
