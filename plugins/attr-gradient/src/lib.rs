//! Attributor plugins by gradients: saliency.
