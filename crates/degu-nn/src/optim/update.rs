//! The arithmetic of one step.

use super::config::OptimizerConfig;

/// Constants of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update {
    pub(super) adaptive: bool,
    pub(super) nesterov: bool,
    pub(super) beta1: f64,
    pub(super) beta2: f64,
    pub(super) eps: f64,
    pub(super) weight_decay: f64,
    /// Whether the weight decay is a part of the gradient.
    pub(super) coupled: bool,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            adaptive: true,
            nesterov: false,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
            coupled: true,
        }
    }
}

impl OptimizerConfig {
    pub(super) fn update(&self) -> Update {
        match self {
            Self::Adam(o) => Update {
                beta1: o.beta1,
                beta2: o.beta2,
                eps: o.eps,
                weight_decay: o.weight_decay,
                ..Update::default()
            },
            Self::AdamW(o) => Update {
                beta1: o.beta1,
                beta2: o.beta2,
                eps: o.eps,
                weight_decay: o.weight_decay,
                coupled: false,
                ..Update::default()
            },
            Self::Sgd(o) => Update {
                adaptive: false,
                nesterov: o.nesterov,
                beta1: o.momentum,
                weight_decay: o.weight_decay,
                ..Update::default()
            },
        }
    }
}

impl Update {
    /// One step of Adam or AdamW on the values of a tensor.
    pub(super) fn adam(
        self,
        step: u64,
        lr: f64,
        w: &mut [f64],
        g: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let step = i32::try_from(step).unwrap_or(i32::MAX);
        let size = lr / (1.0 - self.beta1.powi(step));
        let root = (1.0 - self.beta2.powi(step)).sqrt();
        let (penalty, keep) = if self.coupled {
            (self.weight_decay, 1.0)
        } else {
            (0.0, 1.0 - lr * self.weight_decay)
        };
        for (((w, g), m), v) in w.iter_mut().zip(g).zip(first).zip(second) {
            let mut g = f64::from(*g);
            if penalty > 0.0 {
                g += penalty * *w;
            }
            let m_new = self.beta1 * f64::from(*m) + (1.0 - self.beta1) * g;
            let v_new = self.beta2 * f64::from(*v) + (1.0 - self.beta2) * g * g;
            (*m, *v) = (m_new as f32, v_new as f32);
            *w = *w * keep - size * m_new / (v_new.sqrt() / root + self.eps);
        }
    }

    /// One step of gradient descent with momentum.
    pub(super) fn sgd(self, step: u64, lr: f64, w: &mut [f64], g: &[f32], velocity: &mut [f32]) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(velocity) {
            let g = f64::from(*g) + self.weight_decay * *w;
            let v_new = if step == 1 {
                g
            } else {
                self.beta1 * f64::from(*v) + g
            };
            *v = v_new as f32;
            *w -= lr
                * if self.nesterov {
                    g + self.beta1 * v_new
                } else {
                    v_new
                };
        }
    }
}
