//! Architectures that break one rule each, and one that breaks none.

use candle_core::{DType, Tensor};
use degu_core::{
    Architecture, Ctx, Error, ModelIo, Network, OutputKind, Params, PluginConfig, Result,
    Sequences,
    graph::{Init, NormStyle},
};
use degu_nn::ops;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    MixesRows,
    BareRelu,
    DeadParameter,
    TwoInputs,
    AnyLength,
    CutGradient,
}

/// A dense layer over all positions and a smooth nonlinearity, with a fault.
struct Small {
    fault: Fault,
    length: usize,
    weight: Tensor,
    dtype: DType,
}

/// Units of the dense layer.
const UNITS: usize = 8;

impl Network for Small {
    fn features(&self) -> Option<usize> {
        Some(UNITS)
    }

    fn forward(&self, x: &Sequences, ctx: &mut Ctx<'_>) -> Result<Tensor> {
        let (_, length) = x.dims()?;
        if length != self.length && self.fault != Fault::AnyLength {
            return Err(Error::Shape {
                name: "sequences",
                expected: "[N, L] of the length the network was built for",
                got: vec![length],
            });
        }
        let codes = matches!(x, Sequences::Codes(_));
        let mut x = x.one_hot(self.dtype)?;
        if self.fault == Fault::CutGradient {
            // Values are right, and half of the gradient is lost.
            x = ((x.detach() * 0.5)? + (x * 0.5)?)?;
        }
        if self.fault == Fault::AnyLength {
            x = x.narrow(1, 0, self.length.min(length))?;
        }
        let flat = x.flatten_from(1)?.contiguous()?;
        let mut z = ops::linear(&flat, &self.weight, None)?;
        if self.fault == Fault::TwoInputs && codes {
            z = (z * 1.001)?;
        }
        // In batches of three alone: other checks must not notice.
        if self.fault == Fault::MixesRows && z.dim(0)? == 3 {
            z = z.broadcast_sub(&(z.mean_keepdim(0)? * 0.1)?)?;
        }
        match self.fault {
            // A square without `ops`: its gradient is a derivative, not a multiplier.
            Fault::BareRelu => Ok((z.sqr()? * 0.1)?),
            _ => ops::softplus(&z, ctx),
        }
    }
}

fn build(fault: Fault, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
    if io.output != OutputKind::Scalar {
        return Err(Error::Unsupported {
            operation: "small".to_owned(),
            rule: "profile output",
            help: "use another",
        });
    }
    let inputs = 4 * io.length;
    let init = Init::glorot_uniform(inputs, UNITS);
    let weight = params.get("dense.weight", &[inputs, UNITS], init)?;
    if fault == Fault::DeadParameter {
        params.get("unused.weight", &[3, 3], init)?;
    }
    Ok(Box::new(Small {
        fault,
        length: io.length,
        weight,
        dtype: params.dtype(),
    }))
}

macro_rules! architecture {
    ($config:ident, $name:literal, $fault:expr) => {
        /// A network for tests.
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        struct $config {
            /// Rule of initial values; not used.
            style: NormStyle,
        }

        impl PluginConfig for $config {}

        impl Architecture for $config {
            fn network(&self, io: &ModelIo, params: &Params<'_>) -> Result<Box<dyn Network>> {
                build($fault, io, params)
            }
        }

        degu_core::register!(Architecture $name, $config, revision = 1, "a network for tests");
    };
}

architecture!(Sound, "sound", Fault::None);
architecture!(MixesRows, "mixes-rows", Fault::MixesRows);
architecture!(BareRelu, "bare-relu", Fault::BareRelu);
architecture!(DeadParameter, "dead-parameter", Fault::DeadParameter);
architecture!(TwoInputs, "two-inputs", Fault::TwoInputs);
architecture!(AnyLength, "any-length", Fault::AnyLength);
architecture!(CutGradient, "cut-gradient", Fault::CutGradient);
