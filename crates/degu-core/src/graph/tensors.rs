//! The tensors of layers that have several maps.

use super::{Attention, BiLstm, Init, InitRule};

/// Takes the path of a map, the part, its shape, initial values, and whether it is trained.
type Tensor<'a> = dyn FnMut(&str, &str, &[usize], Init, bool) + 'a;

/// Of a bidirectional LSTM over `channels` channels.
pub(super) fn lstm(l: &BiLstm, channels: usize, tensor: &mut Tensor<'_>) {
    let (h, gates) = (l.units, 4 * l.units);
    for direction in ["forward", "backward"] {
        let (input, recurrent, bias) = match l.init {
            InitRule::TorchUniform => {
                let uniform = Init::Uniform {
                    bound: 1.0 / (h as f64).sqrt(),
                };
                (uniform, uniform, uniform)
            }
            rule => (
                rule.weight(channels, gates),
                Init::Orthogonal,
                Init::ForgetGate,
            ),
        };
        let name = format!("{}.{direction}", l.name);
        tensor(&name, "weight", &[channels, gates], input, true);
        tensor(&name, "recurrent", &[h, gates], recurrent, true);
        tensor(&name, "bias", &[gates], bias, true);
    }
}

/// Of self-attention over `channels` channels: queries, keys, values, output.
pub(super) fn attention(a: &Attention, channels: usize, tensor: &mut Tensor<'_>) {
    let mut map = |part: &str, from: usize, to: usize, bias: bool| {
        let name = format!("{}.{part}", a.name);
        tensor(&name, "weight", &[from, to], a.init.weight(from, to), true);
        if bias {
            tensor(&name, "bias", &[to], a.init.bias(from), true);
        }
    };
    for part in ["query", "key", "value"] {
        map(part, channels, a.inner, a.project_bias);
    }
    map("output", a.inner, a.channels, a.output_bias);
}
