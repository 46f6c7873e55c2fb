//! Writing a network down.

use super::{
    Activation, Attention, BatchNorm, BiLstm, Conv, Crop, Dense, Dropout, Graph, Layer, LayerNorm,
    NormStyle, Padding, Pool,
};

impl Graph {
    /// An empty network; layers added later take their initial values and batch normalisation from
    /// `style`.
    pub fn new(style: NormStyle) -> Self {
        Self {
            layers: Vec::new(),
            style,
        }
    }

    /// Any layer.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Convolution with bias, length kept.
    pub fn conv(self, name: &str, filters: usize, width: usize) -> Self {
        self.conv_with(name, filters, width, |_| {})
    }

    /// Convolution whose remaining options (stride, dilation, padding, bias, groups) are set by
    /// `options`.
    pub fn conv_with(
        self,
        name: &str,
        filters: usize,
        width: usize,
        options: impl FnOnce(&mut Conv),
    ) -> Self {
        let mut conv = Conv {
            name: name.to_owned(),
            filters,
            width,
            dilation: 1,
            stride: 1,
            groups: 1,
            padding: Padding::Same,
            bias: true,
            init: self.style.init(),
        };
        options(&mut conv);
        self.layer(Layer::Conv(conv))
    }

    /// Convolution with bias that keeps every `stride`-th position: see [`Padding::Same`].
    pub fn conv_strided(self, name: &str, filters: usize, width: usize, stride: usize) -> Self {
        self.conv_with(name, filters, width, |c| c.stride = stride)
    }

    /// Affine map with bias.
    pub fn dense(self, name: &str, units: usize) -> Self {
        let init = self.style.init();
        self.layer(Layer::Dense(Dense {
            name: name.to_owned(),
            units,
            bias: true,
            init,
        }))
    }

    /// Batch normalisation.
    pub fn batch_norm(self, name: &str) -> Self {
        let style = self.style;
        self.layer(Layer::BatchNorm(BatchNorm {
            name: name.to_owned(),
            epsilon: style.epsilon(),
            momentum: style.momentum(),
            unbiased: style.unbiased(),
        }))
    }

    /// Layer normalisation with epsilon 1e-5.
    pub fn layer_norm(self, name: &str) -> Self {
        self.layer(Layer::LayerNorm(LayerNorm {
            name: name.to_owned(),
            epsilon: 1e-5,
        }))
    }

    /// Nonlinearity.
    pub fn activation(self, activation: Activation) -> Self {
        self.layer(Layer::Activation(activation))
    }

    /// Rectified linear unit.
    pub fn relu(self) -> Self {
        self.activation(Activation::Relu)
    }

    /// Sigmoid linear unit.
    pub fn silu(self) -> Self {
        self.activation(Activation::Silu)
    }

    /// Maximum of adjacent windows.
    pub fn max_pool(self, size: usize) -> Self {
        self.layer(Layer::MaxPool(Pool { size, stride: size }))
    }

    /// Mean of adjacent windows.
    pub fn avg_pool(self, size: usize) -> Self {
        self.layer(Layer::AvgPool(Pool { size, stride: size }))
    }

    /// Positions `left .. L - right`.
    pub fn crop(self, left: usize, right: usize) -> Self {
        self.layer(Layer::Crop(Crop { left, right }))
    }

    /// Mean over positions.
    pub fn global_mean(self) -> Self {
        self.layer(Layer::GlobalMean)
    }

    /// Inverted dropout; probability 0 adds nothing.
    pub fn dropout(self, name: &str, p: f64) -> Self {
        if p <= 0.0 {
            return self;
        }
        self.layer(Layer::Dropout(Dropout {
            name: name.to_owned(),
            p,
        }))
    }

    /// One vector per sequence.
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten)
    }

    /// `x + body(x)`.
    pub fn residual(self, body: impl FnOnce(Self) -> Self) -> Self {
        let layers = body(Self::new(self.style)).layers;
        self.layer(Layer::Residual(layers))
    }

    /// Branches over the same input, concatenated along channels.
    pub fn parallel(self, branches: Vec<Self>) -> Self {
        self.layer(Layer::Parallel(
            branches.into_iter().map(|b| b.layers).collect(),
        ))
    }

    /// Bidirectional LSTM with `units` per direction.
    pub fn bi_lstm(self, name: &str, units: usize) -> Self {
        let init = self.style.init();
        self.layer(Layer::BiLstm(BiLstm {
            name: name.to_owned(),
            units,
            init,
        }))
    }

    /// Self-attention with biases: `heads` heads of together `inner` channels, and `channels`
    /// output channels.
    pub fn attention(self, name: &str, heads: usize, inner: usize, channels: usize) -> Self {
        self.attention_with(name, heads, inner, channels, |_| {})
    }

    /// Self-attention whose remaining options (biases) are set by `options`.
    pub fn attention_with(
        self,
        name: &str,
        heads: usize,
        inner: usize,
        channels: usize,
        options: impl FnOnce(&mut Attention),
    ) -> Self {
        let mut attention = Attention {
            name: name.to_owned(),
            heads,
            inner,
            channels,
            project_bias: true,
            output_bias: true,
            init: self.style.init(),
        };
        options(&mut attention);
        self.layer(Layer::Attention(attention))
    }
}
