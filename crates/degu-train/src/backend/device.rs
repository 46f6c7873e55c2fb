//! Where and how precisely networks compute.

use degu_nn::ops::Rounding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Result, TrainError};

/// Where to compute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("pattern" = "^(auto|cpu|cuda(:[0-9]+)?)$"))]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The first CUDA device that is given to the process, or else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by its number; an error where it is missing.
    Cuda(usize),
}

impl TryFrom<String> for Device {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => other
                .strip_prefix("cuda:")
                .and_then(|n| n.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| {
                    format!("expected \"auto\", \"cpu\" or \"cuda:0\", found {other:?}")
                }),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        match device {
            Device::Auto => "auto".to_owned(),
            Device::Cpu => "cpu".to_owned(),
            Device::Cuda(n) => format!("cuda:{n}"),
        }
    }
}

impl Device {
    /// Opens the device, on CUDA with a stream of its own: networks trained side by side do not
    /// wait for each other.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if CUDA was asked for and cannot be had; never a silent CPU run.
    pub fn open(self) -> Result<candle_core::Device> {
        let cuda = |n: usize| {
            if cfg!(feature = "cuda") {
                candle_core::Device::new_cuda_with_stream(n).map_err(reason)
            } else {
                Err("this binary was built without CUDA (build with `--features cuda`)".to_owned())
            }
        };
        match self {
            Self::Cpu => Ok(candle_core::Device::Cpu),
            Self::Cuda(n) => cuda(n).map_err(|problem| TrainError::Device {
                device: self.into(),
                problem,
            }),
            Self::Auto => Ok(cuda(0).unwrap_or_else(|reason| {
                tracing::debug!(%reason, "device = \"auto\": using the CPU");
                candle_core::Device::Cpu
            })),
        }
    }
}

/// Arithmetic of matrix products while training; parameters and activations have 32 bits, sums are
/// taken in 32 bits, and predictions, calibration and attribution are not rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// CUDA only: products round their factors to 10 bits of mantissa (a relative error of about
    /// 5e-4 each) and are faster for it. With autograd it is a setting of the process: predictions
    /// of its networks on the same device round as well.
    Tf32,
    /// CUDA only: products round their factors and results to 8 bits of mantissa (a relative error
    /// of about 4e-3 each).
    Bf16,
}

impl Precision {
    /// Sets what is a setting of the process on a device, before networks are trained there.
    ///
    /// # Errors
    ///
    /// [`TrainError::Device`] if rounding is asked for on the CPU.
    pub fn prepare(self, device: &candle_core::Device) -> Result<()> {
        if device.is_cuda() {
            candle_core::cuda::set_gemm_reduced_precision_f32(self == Self::Tf32);
        } else if self != Self::F32 {
            let name = if self == Self::Tf32 { "tf32" } else { "bf16" };
            return Err(TrainError::Device {
                device: "cpu".to_owned(),
                problem: format!(
                    "`precision = \"{name}\"` is arithmetic of CUDA devices; write \"f32\", or `device = \"cuda:0\"`"
                ),
            });
        }
        Ok(())
    }

    /// What the products of a step round to.
    pub(super) fn rounding(self) -> Rounding {
        match self {
            Self::F32 | Self::Tf32 => Rounding::None,
            Self::Bf16 => Rounding::Bf16,
        }
    }
}
/// What went wrong, without the places in this program's code that it passed.
fn reason(error: candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => reason(*inner),
        other => other.to_string(),
    }
}
