//! How many positions layers leave.

use super::{Conv, Padding, Pool};

impl Conv {
    /// Positions from the first to the last tap, both included: dilation (width - 1) + 1.
    pub fn reach(&self) -> usize {
        self.dilation * self.width.saturating_sub(1) + 1
    }

    /// Zeros added before and after the input.
    pub fn pad(&self) -> (usize, usize) {
        let total = self.reach() - 1;
        match self.padding {
            Padding::Valid => (0, 0),
            Padding::Same => (total / 2, total - total / 2),
            Padding::Causal => (total, 0),
            Padding::Explicit { left, right } => (left, right),
        }
    }

    /// Output positions for `length` input positions, `floor((length + padding - reach) / stride) +
    /// 1`; `None` if the kernel does not fit.
    pub fn output_length(&self, length: usize) -> Option<usize> {
        let (left, right) = self.pad();
        let free = (length + left + right).checked_sub(self.reach())?;
        Some(free / self.stride + 1)
    }
}

impl Pool {
    /// Windows over `length` positions.
    pub fn output_length(self, length: usize) -> usize {
        if length < self.size {
            0
        } else {
            (length - self.size) / self.stride + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Conv, Graph, Layer, NormStyle, Padding, Shape};

    const PADDINGS: [Padding; 5] = [
        Padding::Same,
        Padding::Valid,
        Padding::Causal,
        Padding::Explicit { left: 3, right: 0 },
        Padding::Explicit { left: 0, right: 8 },
    ];

    fn conv(width: usize, dilation: usize, stride: usize, padding: Padding) -> Graph {
        Graph::new(NormStyle::Torch).conv_with("a", 2, width, |c| {
            c.dilation = dilation;
            c.stride = stride;
            c.padding = padding;
        })
    }

    /// Starts of windows within the padded input, one by one.
    #[test]
    fn lengths_are_numbers_of_windows() {
        for padding in PADDINGS {
            for (width, dilation) in [(1, 1), (2, 1), (3, 1), (4, 2), (3, 5)] {
                for stride in 1..5 {
                    for length in 1..14 {
                        let graph = conv(width, dilation, stride, padding);
                        let Layer::Conv(c) = &graph.layers[0] else {
                            unreachable!()
                        };
                        let (left, right) = c.pad();
                        let padded = length + left + right;
                        let last = dilation * (width - 1);
                        let windows = (0..padded)
                            .step_by(stride)
                            .filter(|s| s + last < padded)
                            .count();
                        match graph.output(length) {
                            Ok(Shape::Sequence { length: out, .. }) => assert_eq!(out, windows),
                            Ok(other) => panic!("{other:?}"),
                            Err(error) => {
                                assert_eq!(windows, 0, "{error}");
                                let text = error.to_string();
                                assert!(text.contains("`a`") && text.contains("reach"), "{text}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn same_padding_keeps_the_positions_that_a_stride_divides() {
        for length in 1..20 {
            for stride in 1..6 {
                let Ok(Shape::Sequence { length: out, .. }) =
                    conv(4, 2, stride, Padding::Same).output(length)
                else {
                    panic!("length {length}")
                };
                assert_eq!(out, length.div_ceil(stride));
            }
        }
    }

    #[test]
    fn a_stride_of_0_is_refused() {
        let error = conv(3, 1, 0, Padding::Same).output(9).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`a`") && text.contains("stride"), "{text}");
    }

    #[test]
    fn a_description_without_a_stride_has_stride_1() {
        let Layer::Conv(c) = &conv(3, 2, 1, Padding::Causal).layers[0] else {
            unreachable!()
        };
        let mut value = serde_json::to_value(c).unwrap();
        value.as_object_mut().unwrap().remove("stride");
        assert_eq!(serde_json::from_value::<Conv>(value).unwrap(), *c);
    }
}
