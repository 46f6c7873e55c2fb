/* Adam and AdamW over one flat vector, and the norm of the gradient for clipping. */
typedef struct {
  float *w, *m, *v;
  const float *g, *factor; /* factor of the gradient: one value, or null for 1 */
  float lr, root, eps, decay, beta1, rest1, beta2, rest2;
  int length, reserved;
} AdamArgs;

KERNEL(adam, AdamArgs) {
  int i = blockIdx.x * THREADS + threadIdx.x;
  float g, m, v;
  if (i >= a.length) return;
  g = a.factor ? a.g[i] * a.factor[0] : a.g[i];
  m = a.beta1 * a.m[i] + a.rest1 * g;
  v = a.beta2 * a.v[i] + a.rest2 * (g * g);
  a.m[i] = m;
  a.v[i] = v;
  a.w[i] = a.w[i] * a.decay - a.lr * m / (sqrtf(v) * a.root + a.eps);
}

typedef struct {
  const float *g;
  double *part;
  int length, per_split;
} SquaresArgs;

/* Sums of squares, one per block. */
KERNEL(squares, SquaresArgs) {
  SHARED double sums[THREADS];
  int i = blockIdx.x * a.per_split, end = smaller(i + a.per_split, a.length), k;
  double sum = 0.0;
  for (i += threadIdx.x; i < end; i += THREADS) sum += (double)a.g[i] * (double)a.g[i];
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (k = 1; k < THREADS; k++) sum += sums[k];
    a.part[blockIdx.x] = sum;
  }
}

typedef struct {
  const double *part;
  float *factor;
  double limit;
  int parts, reserved;
} ClipArgs;

/* The factor that brings the norm to at most `limit`: 1 where it is below, or not finite. */
KERNEL(clip_factor, ClipArgs) {
  double sum = 0.0, norm;
  int p;
  if (blockIdx.x > 0 || threadIdx.x > 0) return;
  for (p = 0; p < a.parts; p++) sum += a.part[p];
  norm = sqrt(sum);
  a.factor[0] = norm > a.limit && norm < 1e300 ? (float)(a.limit / norm) : 1.0f;
}
