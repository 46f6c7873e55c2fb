/* Activations and their derivatives, in the order of `Activation`. A NaN goes through. */
enum { IDENTITY, RELU, SILU, ELU, GELU, SOFTPLUS, SIGMOID, TANH, EXP };

DEVICE float logistic(float z) { return 1.0f / (1.0f + expf(-z)); }

DEVICE float normal_cdf(float z) { return 0.5f * erfcf(-0.70710678118654752f * z); }

DEVICE float activate(int kind, float z) {
  switch (kind) {
    case RELU: return z <= 0.0f ? 0.0f : z;
    case SILU: return z * logistic(z);
    case ELU: return z <= 0.0f ? expf(z) - 1.0f : z;
    case GELU: return z * normal_cdf(z);
    case SOFTPLUS: return log1pf(expf(-fabsf(z))) + (z <= 0.0f ? 0.0f : z);
    case SIGMOID: return logistic(z);
    case TANH: return tanhf(z);
    case EXP: return expf(z);
    default: return z;
  }
}

DEVICE float activation_slope(int kind, float z) {
  float p;
  switch (kind) {
    case RELU: return z > 0.0f ? 1.0f : 0.0f;
    case SILU: p = logistic(z); return p * fmaf(z, 1.0f - p, 1.0f);
    case ELU: return z > 0.0f ? 1.0f : expf(z);
    case GELU: return fmaf(z, 0.39894228040143268f * expf(-0.5f * z * z), normal_cdf(z));
    case SOFTPLUS: return logistic(z);
    case SIGMOID: p = logistic(z); return p * (1.0f - p);
    case TANH: p = tanhf(z); return 1.0f - p * p;
    case EXP: return expf(z);
    default: return 1.0f;
  }
}
