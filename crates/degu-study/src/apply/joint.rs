//! An ensemble as one predictor: what its spread is attributed through.

use candle_core::Tensor;
use degu_core::{Ctx, Prediction, Predictor, Result, Sequences};
use degu_nn::ops;

/// Keeps differences of variances above the guard of the rescale rules, which is absolute.
const SCALE: f64 = 1e6;

/// The members of an ensemble as one network.
///
/// The mean is the mean over members, the epistemic part the standard deviation between them (ddof 0) and the aleatoric part the
/// root of their mean variance. All steps after the members are squares, sums and a square root with rescale rules, so DeepLIFT
/// multipliers of the spread are `sum_m w_m multiplier(f_m)` with `w_m = (d_m + d_m,r) / (M (u + u_r))`, complete to rounding.
pub struct Joint<'a> {
    members: Vec<&'a dyn Predictor>,
}

impl<'a> Joint<'a> {
    /// An ensemble of at least one member.
    pub fn new(members: Vec<&'a dyn Predictor>) -> Self {
        Self { members }
    }
}

fn total(parts: &[Tensor]) -> Result<Tensor> {
    let mut parts = parts.iter();
    let first = parts.next().ok_or(degu_core::Error::Missing {
        what: "at least one member",
        by: "an ensemble",
        help: "name the folder of a run with members",
    })?;
    let mut sum = first.clone();
    for part in parts {
        sum = (sum + part)?;
    }
    Ok(sum)
}

/// Root of the mean of squares.
fn root_mean_square(parts: &[Tensor], ctx: &Ctx<'_>) -> Result<Tensor> {
    let squares: Vec<Tensor> = parts
        .iter()
        .map(|part| ops::square(part, ctx))
        .collect::<Result<_>>()?;
    let mean = (total(&squares)? * (SCALE / parts.len() as f64))?;
    // Members that agree to the last bit would divide by zero.
    let mean = (mean + 1e-12)?;
    Ok((ops::sqrt(&mean, ctx)? * (1.0 / SCALE.sqrt()))?)
}

impl Predictor for Joint<'_> {
    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Prediction> {
        let mut means = Vec::new();
        let mut aleatoric = Vec::new();
        for member in &self.members {
            let prediction = member.forward(x, ctx)?;
            means.push(prediction.mean);
            aleatoric.extend(prediction.aleatoric);
        }
        let mean = (total(&means)? * (1.0 / means.len() as f64))?;
        let apart: Vec<Tensor> = means
            .iter()
            .map(|m| Ok((m - &mean)?))
            .collect::<Result<_>>()?;
        let epistemic = root_mean_square(&apart, ctx)?;
        let aleatoric = (aleatoric.len() == means.len())
            .then(|| root_mean_square(&aleatoric, ctx))
            .transpose()?;
        Ok(Prediction {
            epistemic: Some(epistemic),
            aleatoric,
            ..Prediction::of_mean(mean)
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use degu_core::Mode;

    use super::*;

    /// A product of two linear forms, so that maps depend on the reference.
    struct Bilinear(Tensor, Tensor);

    impl Predictor for Bilinear {
        fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Prediction> {
            let x = x.one_hot(DType::F64)?;
            let form =
                |w: &Tensor| -> Result<Tensor> { Ok(x.broadcast_mul(w)?.sum(2)?.sum_keepdim(1)?) };
            let y = ops::product(&form(&self.0)?, &form(&self.1)?, ctx)?;
            Ok(Prediction::of_mean(y))
        }
    }

    const LENGTH: usize = 6;

    fn weights(phase: f64) -> Tensor {
        let values: Vec<f64> = (0..LENGTH * 4)
            .map(|i| (i as f64 * 1.7 + phase).sin())
            .collect();
        Tensor::from_vec(values, (1, LENGTH, 4), &Device::Cpu).unwrap()
    }

    fn one_hot(codes: [usize; LENGTH]) -> Tensor {
        let mut values = vec![0.0; LENGTH * 4];
        for (l, code) in codes.into_iter().enumerate() {
            values[l * 4 + code] = 1.0;
        }
        Tensor::from_vec(values, (1, LENGTH, 4), &Device::Cpu).unwrap()
    }

    #[test]
    fn multipliers_of_the_spread_add_up_and_are_those_of_the_members_weighted() {
        let members: Vec<Bilinear> = (0..3)
            .map(|m| Bilinear(weights(f64::from(m)), weights(0.4 * f64::from(m) + 5.0)))
            .collect();
        let joint = Joint::new(members.iter().map(|m| m as &dyn Predictor).collect());
        let (x, r) = (one_hot([0, 1, 2, 3, 0, 1]), one_hot([3, 1, 0, 0, 2, 1]));
        let pair = Tensor::cat(&[&x, &r], 0).unwrap();
        let multipliers = |model: &dyn Predictor, spread: bool| -> (Vec<f64>, [f64; 2]) {
            let var = Var::from_tensor(&pair).unwrap();
            let mut ctx = Ctx::new(Mode::Rescale);
            let p = model
                .forward(&Sequences::OneHot(var.as_tensor().clone()), &mut ctx)
                .unwrap();
            let y = if spread { p.epistemic.unwrap() } else { p.mean };
            let both = y.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let gradients = y
                .narrow(0, 0, 1)
                .unwrap()
                .sum_all()
                .unwrap()
                .backward()
                .unwrap();
            let gradient = gradients.get(var.as_tensor()).unwrap();
            let half = gradient.narrow(0, 0, 1).unwrap().flatten_all().unwrap();
            (half.to_vec1::<f64>().unwrap(), [both[0], both[1]])
        };
        let (m, u) = multipliers(&joint, true);
        let difference = (&x - &r)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f64>()
            .unwrap();
        let sum: f64 = m.iter().zip(&difference).map(|(m, d)| m * d).sum();
        assert!((sum - (u[0] - u[1])).abs() < 1e-9, "{sum} {u:?}");
        // By hand: d_m = f_m - mean at both inputs.
        let own: Vec<(Vec<f64>, [f64; 2])> =
            members.iter().map(|m| multipliers(m, false)).collect();
        let mean = |k: usize| own.iter().map(|(_, f)| f[k]).sum::<f64>() / 3.0;
        let spread = |k: usize| {
            let squares: f64 = own.iter().map(|(_, f)| (f[k] - mean(k)).powi(2)).sum();
            (squares / 3.0).sqrt()
        };
        assert!((u[0] - spread(0)).abs() < 1e-9 && (u[1] - spread(1)).abs() < 1e-9);
        for (i, found) in m.iter().enumerate() {
            let expected: f64 = own
                .iter()
                .map(|(part, f)| {
                    let d = f[0] - mean(0) + f[1] - mean(1);
                    d / (3.0 * (spread(0) + spread(1))) * part[i]
                })
                .sum();
            assert!((found - expected).abs() < 1e-9, "{i}: {found} {expected}");
        }
    }
}
