/* Batch norm between the passes, one thread per channel, in f64: statistics of the batch from those of its parts, the scale and shift
 * that they make, gradients of gamma and beta, running statistics. */
DEVICE void set_coefficients(float *coefficients, int channels, int c, double mean, double variance, double epsilon, float gamma,
                             float beta) {
  double inverse = 1.0 / sqrt(variance + epsilon), scale = (double)gamma * inverse;
  coefficients[c] = (float)mean;
  coefficients[channels + c] = (float)inverse;
  coefficients[2 * channels + c] = (float)scale;
  coefficients[3 * channels + c] = (float)((double)beta - mean * scale);
}

typedef struct {
  const float *part, *gamma, *beta; /* part as column_moments writes it */
  float *coefficients;              /* [mean, 1 / sd, scale, shift, ..] of all channels */
  double *statistics;               /* [mean, biased variance] of all channels */
  double epsilon;
  int channels, parts, rows, per_split;
} NormBatchArgs;

/* Merges the parts by Chan's formula. */
KERNEL(norm_batch, NormBatchArgs) {
  int c = blockIdx.x * THREADS + threadIdx.x, p;
  double count = 0.0, mean = 0.0, m2 = 0.0;
  if (c >= a.channels) return;
  for (p = 0; p < a.parts; p++) {
    const float *part = a.part + (i64)p * 3 * a.channels + c;
    double rows = smaller(a.per_split, a.rows - p * a.per_split), total = count + rows;
    double sum = part[a.channels], square = part[2 * a.channels];
    double deviations = square - sum * sum / rows, delta = (double)part[0] + sum / rows - mean;
    mean += delta * (rows / total);
    m2 += (deviations > 0.0 ? deviations : deviations == deviations ? 0.0 : deviations) + delta * delta * (count * rows / total);
    count = total;
  }
  a.statistics[c] = mean;
  a.statistics[a.channels + c] = m2 / count;
  set_coefficients(a.coefficients, a.channels, c, mean, m2 / count, a.epsilon, a.gamma[c], a.beta[c]);
}

typedef struct {
  const float *mean, *variance, *gamma, *beta;
  float *coefficients;
  double epsilon;
  int channels, reserved;
} NormRunningArgs;

/* Scale and shift from the running statistics. */
KERNEL(norm_running, NormRunningArgs) {
  int c = blockIdx.x * THREADS + threadIdx.x;
  if (c >= a.channels) return;
  set_coefficients(a.coefficients, a.channels, c, a.mean[c], a.variance[c], a.epsilon, a.gamma[c], a.beta[c]);
}

typedef struct {
  const float *part; /* [parts, 2, channels]: sums of g and of g (y - mean) */
  float *coefficients, *d_gamma, *d_beta;
  double count; /* rows of the batch */
  int channels, parts;
} NormGradientArgs;

/* Gradients of gamma and beta; and the terms constant and slope of dy = scale g + constant + slope (y - mean), coefficients 4 and 5. */
KERNEL(norm_gradient, NormGradientArgs) {
  int c = blockIdx.x * THREADS + threadIdx.x, p;
  double g = 0.0, gy = 0.0, inverse, scale;
  if (c >= a.channels) return;
  for (p = 0; p < a.parts; p++) {
    g += a.part[(i64)p * 2 * a.channels + c];
    gy += a.part[(i64)(p * 2 + 1) * a.channels + c];
  }
  inverse = a.coefficients[a.channels + c];
  scale = a.coefficients[2 * a.channels + c];
  a.d_beta[c] = (float)g;
  a.d_gamma[c] = (float)(gy * inverse);
  a.coefficients[4 * a.channels + c] = (float)(-scale * g / a.count);
  a.coefficients[5 * a.channels + c] = (float)(-scale * gy * inverse * inverse / a.count);
}

typedef struct {
  const double *statistics;
  float *mean, *variance;
  double momentum, correction; /* of the biased variance */
  int channels, reserved;
} NormCommitArgs;

/* Folds the statistics of a batch into the running ones. */
KERNEL(norm_commit, NormCommitArgs) {
  int c = blockIdx.x * THREADS + threadIdx.x;
  double mean, variance;
  if (c >= a.channels) return;
  mean = a.mean[c];
  variance = a.variance[c];
  a.mean[c] = (float)(mean + a.momentum * (a.statistics[c] - mean));
  a.variance[c] = (float)(variance + a.momentum * (a.statistics[a.channels + c] * a.correction - variance));
}
