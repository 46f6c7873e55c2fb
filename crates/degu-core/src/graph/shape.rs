//! Shapes and parameters that follow from a description.

use std::collections::BTreeSet;

use super::tensors::{attention, lstm};
use super::{Graph, Init, Layer};
use crate::{Error, Result};

/// Shape of one example between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Positions by channels, `[L, C]`.
    Sequence {
        /// Positions.
        length: usize,
        /// Channels.
        channels: usize,
    },
    /// A vector, `[F]`.
    Vector {
        /// Features.
        features: usize,
    },
}

impl Shape {
    /// Width of the last axis.
    pub fn width(self) -> usize {
        match self {
            Self::Sequence { channels, .. } => channels,
            Self::Vector { features } => features,
        }
    }

    /// Numbers per example.
    pub fn elements(self) -> usize {
        match self {
            Self::Sequence { length, channels } => length * channels,
            Self::Vector { features } => features,
        }
    }
}

/// One tensor of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterSpec {
    /// Path in checkpoints.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Initial values.
    pub init: Init,
    /// Whether an optimizer changes it; `false` for running statistics.
    pub trained: bool,
}

impl ParameterSpec {
    /// Numbers in the tensor.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Graph {
    /// Shape after the last layer, for an input of `length` bp.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] naming the first layer that does not fit its input.
    pub fn output(&self, length: usize) -> Result<Shape> {
        let input = Shape::Sequence {
            length,
            channels: 4,
        };
        run(&self.layers, input, &mut |_| {})
    }

    /// Width of the features: the last axis of the output.
    ///
    /// # Errors
    ///
    /// As [`Graph::output`].
    pub fn features(&self, length: usize) -> Result<usize> {
        Ok(self.output(length)?.width())
    }

    /// Every tensor, in the order of the layers.
    ///
    /// # Errors
    ///
    /// As [`Graph::output`], and for two tensors of one name.
    pub fn parameters(&self, length: usize) -> Result<Vec<ParameterSpec>> {
        let mut all = Vec::new();
        let input = Shape::Sequence {
            length,
            channels: 4,
        };
        run(&self.layers, input, &mut |p| all.push(p))?;
        let mut names = BTreeSet::new();
        for p in &all {
            if !names.insert(&p.name) {
                return Err(Error::Layer {
                    layer: p.name.clone(),
                    rule: "every layer with parameters has a name of its own",
                    found: "the name twice".to_owned(),
                });
            }
        }
        Ok(all)
    }

    /// Number of trained parameters.
    ///
    /// # Errors
    ///
    /// As [`Graph::parameters`].
    pub fn parameter_count(&self, length: usize) -> Result<usize> {
        let all = self.parameters(length)?;
        Ok(all
            .iter()
            .filter(|p| p.trained)
            .map(ParameterSpec::elements)
            .sum())
    }
}

impl Layer {
    /// Shape after this layer.
    ///
    /// # Errors
    ///
    /// [`Error::Layer`] if the input does not fit.
    pub fn output(&self, input: Shape) -> Result<Shape> {
        run(std::slice::from_ref(self), input, &mut |_| {})
    }
}

fn run(layers: &[Layer], input: Shape, give: &mut dyn FnMut(ParameterSpec)) -> Result<Shape> {
    layers
        .iter()
        .try_fold(input, |shape, layer| step(layer, shape, give))
}

fn step(layer: &Layer, input: Shape, give: &mut dyn FnMut(ParameterSpec)) -> Result<Shape> {
    let fail = |rule: &'static str, found: String| Error::Layer {
        layer: layer.label(),
        rule,
        found,
    };
    let sequence = || match input {
        Shape::Sequence { length, channels } => Ok((length, channels)),
        Shape::Vector { features } => Err(fail(
            "needs positions by channels, before any flatten or global pooling",
            format!("a vector of {features}"),
        )),
    };
    let mut tensor = |name: &str, part: &str, shape: &[usize], init: Init, trained: bool| {
        give(ParameterSpec {
            name: format!("{name}.{part}"),
            shape: shape.to_vec(),
            init,
            trained,
        });
    };
    Ok(match layer {
        Layer::Conv(c) => {
            let (length, channels) = sequence()?;
            if [c.filters, c.width, c.dilation, c.stride, c.groups].contains(&0) {
                return Err(fail(
                    "filters, width, dilation, stride and groups are at least 1",
                    format!("{c:?}"),
                ));
            }
            if channels % c.groups != 0 || c.filters % c.groups != 0 {
                return Err(fail(
                    "groups divide input channels and filters",
                    format!(
                        "{channels} channels, {} filters, {} groups",
                        c.filters, c.groups
                    ),
                ));
            }
            let Some(out) = c.output_length(length) else {
                return Err(fail(
                    "the padded input is at least as long as the reach of the kernel",
                    format!("{length} positions for a reach of {}", c.reach()),
                ));
            };
            let fan_in = c.width * channels / c.groups;
            let weight = c.init.weight(fan_in, c.width * c.filters);
            tensor(
                &c.name,
                "weight",
                &[c.width, channels / c.groups, c.filters],
                weight,
                true,
            );
            if c.bias {
                tensor(&c.name, "bias", &[c.filters], c.init.bias(fan_in), true);
            }
            Shape::Sequence {
                length: out,
                channels: c.filters,
            }
        }
        Layer::Dense(d) => {
            if d.units == 0 {
                return Err(fail("has at least 1 unit", "0".to_owned()));
            }
            let width = input.width();
            tensor(
                &d.name,
                "weight",
                &[width, d.units],
                d.init.weight(width, d.units),
                true,
            );
            if d.bias {
                tensor(&d.name, "bias", &[d.units], d.init.bias(width), true);
            }
            match input {
                Shape::Sequence { length, .. } => Shape::Sequence {
                    length,
                    channels: d.units,
                },
                Shape::Vector { .. } => Shape::Vector { features: d.units },
            }
        }
        Layer::BatchNorm(b) => {
            let c = [input.width()];
            tensor(&b.name, "weight", &c, Init::Constant(1.0), true);
            tensor(&b.name, "bias", &c, Init::Constant(0.0), true);
            tensor(&b.name, "running_mean", &c, Init::Constant(0.0), false);
            tensor(&b.name, "running_var", &c, Init::Constant(1.0), false);
            input
        }
        Layer::LayerNorm(n) => {
            let c = [input.width()];
            tensor(&n.name, "weight", &c, Init::Constant(1.0), true);
            tensor(&n.name, "bias", &c, Init::Constant(0.0), true);
            input
        }
        Layer::Activation(_) => input,
        Layer::Dropout(d) => {
            if !(0.0..1.0).contains(&d.p) {
                return Err(fail("the probability is in [0, 1)", d.p.to_string()));
            }
            input
        }
        Layer::MaxPool(p) | Layer::AvgPool(p) => {
            let (length, channels) = sequence()?;
            if p.size == 0 || p.stride == 0 {
                return Err(fail("window and stride are at least 1", format!("{p:?}")));
            }
            let out = p.output_length(length);
            if out == 0 {
                return Err(fail(
                    "the input holds at least one window; use longer sequences or fewer pools",
                    format!("{length} positions for a window of {}", p.size),
                ));
            }
            Shape::Sequence {
                length: out,
                channels,
            }
        }
        Layer::Crop(c) => {
            let (length, channels) = sequence()?;
            let Some(length) = length.checked_sub(c.left + c.right).filter(|l| *l > 0) else {
                return Err(fail(
                    "the input is longer than what is cut off; use longer sequences or a smaller crop",
                    format!("{length} positions"),
                ));
            };
            Shape::Sequence { length, channels }
        }
        Layer::GlobalMean | Layer::GlobalMax => Shape::Vector {
            features: sequence()?.1,
        },
        Layer::Flatten => Shape::Vector {
            features: input.elements(),
        },
        Layer::Residual(body) => {
            let out = run(body, input, give)?;
            if out != input {
                return Err(fail(
                    "the body keeps the shape",
                    format!("{input:?} to {out:?}"),
                ));
            }
            input
        }
        Layer::Parallel(branches) => parallel(branches, input, give, fail)?,
        Layer::BiLstm(l) => {
            let (length, channels) = sequence()?;
            lstm(l, channels, &mut tensor);
            Shape::Sequence {
                length,
                channels: 2 * l.units,
            }
        }
        Layer::Attention(a) => {
            let (length, channels) = sequence()?;
            if a.heads == 0 || a.inner == 0 || a.channels == 0 {
                return Err(fail(
                    "heads, inner width and channels are at least 1",
                    format!(
                        "{} heads, inner width {}, {} channels",
                        a.heads, a.inner, a.channels
                    ),
                ));
            }
            if !a.inner.is_multiple_of(a.heads) {
                return Err(fail(
                    "heads divide the inner width",
                    format!("{} heads for an inner width of {}", a.heads, a.inner),
                ));
            }
            attention(a, channels, &mut tensor);
            Shape::Sequence {
                length,
                channels: a.channels,
            }
        }
    })
}

fn parallel(
    branches: &[Vec<Layer>],
    input: Shape,
    give: &mut dyn FnMut(ParameterSpec),
    fail: impl Fn(&'static str, String) -> Error,
) -> Result<Shape> {
    let mut joined: Option<Shape> = None;
    for branch in branches {
        let out = run(branch, input, give)?;
        joined = Some(match (joined, out) {
            (None, out) => out,
            (
                Some(Shape::Sequence {
                    length: a,
                    channels: c,
                }),
                Shape::Sequence {
                    length: b,
                    channels: d,
                },
            ) if a == b => Shape::Sequence {
                length: a,
                channels: c + d,
            },
            (Some(Shape::Vector { features: a }), Shape::Vector { features: b }) => {
                Shape::Vector { features: a + b }
            }
            (Some(before), out) => {
                return Err(fail(
                    "branches end at the same number of positions",
                    format!("{before:?} and {out:?}"),
                ));
            }
        });
    }
    joined.ok_or_else(|| fail("has at least one branch", "none".to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::graph::{Graph, NormStyle, Shape};

    #[test]
    fn heads_divide_the_inner_width() {
        let of = |heads, inner| {
            Graph::new(NormStyle::Torch)
                .conv("stem", 6, 3)
                .attention("mix", heads, inner, 5)
        };
        let shape = Shape::Sequence {
            length: 9,
            channels: 5,
        };
        assert_eq!(of(4, 12).output(9).unwrap(), shape);
        // Three maps of 6 x 12 and one of 12 x 5, each with biases.
        let stem = 3 * 4 * 6 + 6;
        assert_eq!(
            of(4, 12).parameter_count(9).unwrap(),
            stem + 3 * (6 * 12 + 12) + 12 * 5 + 5
        );
        let error = of(5, 12).output(9).unwrap_err().to_string();
        assert!(
            error.contains("mix") && error.contains("5 heads for an inner width of 12"),
            "{error}"
        );
        let error = of(0, 12).output(9).unwrap_err().to_string();
        assert!(error.contains("at least 1"), "{error}");
        let flat = Graph::new(NormStyle::Torch)
            .flatten()
            .attention("mix", 1, 2, 2);
        let error = flat.output(9).unwrap_err().to_string();
        assert!(
            error.contains("mix") && error.contains("flatten"),
            "{error}"
        );
    }

    #[test]
    fn a_sequence_that_is_too_short_names_the_pool() {
        let graph = Graph::new(NormStyle::Keras).max_pool(4).max_pool(4);
        let error = graph.output(15).unwrap_err().to_string();
        assert!(
            error.contains("max_pool 4") && error.contains("3 positions"),
            "{error}"
        );
    }

    #[test]
    fn a_crop_leaves_something() {
        let graph = Graph::new(NormStyle::Keras).crop(3, 4);
        assert_eq!(
            graph.output(8).unwrap(),
            crate::graph::Shape::Sequence {
                length: 1,
                channels: 4
            }
        );
        let error = graph.output(7).unwrap_err().to_string();
        assert!(
            error.contains("crop 3 4") && error.contains("7 positions"),
            "{error}"
        );
    }

    #[test]
    fn one_name_twice_is_refused() {
        let graph = Graph::new(NormStyle::Keras).conv("a", 2, 3).conv("a", 2, 3);
        assert!(graph.parameters(9).is_err());
    }

    #[test]
    fn a_residual_body_keeps_the_shape() {
        let graph = Graph::new(NormStyle::Torch).residual(|g| g.conv("a", 5, 3));
        assert!(graph.output(9).is_err());
        let graph = Graph::new(NormStyle::Torch).residual(|g| g.conv("a", 4, 3));
        assert_eq!(graph.parameter_count(9).unwrap(), 3 * 4 * 4 + 4);
    }
}
