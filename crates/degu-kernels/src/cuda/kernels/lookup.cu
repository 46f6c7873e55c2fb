/* The first layer on base codes: a convolution over one-hot rows adds rows of a table, [taps, 4, c_out]. Output row m reads the
 * positions m * stride + t * dilation - left; codes above 3 (N) and positions outside add nothing. */
typedef struct {
  int length, rows, taps, stride, dilation, left, c_out, count;
} CodeWindow;

/* The code under tap t of row m of sequence n, or 4. */
DEVICE int code_at(const CodeWindow *w, const u8 *codes, int n, int m, int t) {
  int at = m * w->stride + t * w->dilation - w->left;
  if (at < 0 || at >= w->length) return 4;
  at = codes[(i64)n * w->length + at];
  return at < 4 ? at : 4;
}

typedef struct {
  const u8 *codes;
  const float *table, *bias; /* bias may be null */
  float *y;
  i64 y_step;
  CodeWindow window;
  int y_pitch, reserved;
} LookupArgs;

/* One thread per output. */
KERNEL(lookup_forward, LookupArgs) {
  const CodeWindow *w = &a.window;
  int i = blockIdx.x * THREADS + threadIdx.x, o, n, m, t;
  float sum;
  if (i >= w->count * w->rows * w->c_out) return;
  o = i % w->c_out;
  i /= w->c_out;
  m = i % w->rows;
  n = i / w->rows;
  sum = a.bias ? a.bias[o] : 0.0f;
  for (t = 0; t < w->taps; t++) {
    int code = code_at(w, a.codes, n, m, t);
    if (code < 4) sum += a.table[(t * 4 + code) * w->c_out + o];
  }
  a.y[n * a.y_step + (i64)m * a.y_pitch + o] = sum;
}

/* Taps that a block of the table's gradient works on: four sums each. */
#define LOOKUP_TAPS 8

typedef struct {
  const u8 *codes;
  const float *dy;
  float *part; /* [splits, taps, 4, c_out] */
  i64 dy_step;
  CodeWindow window;
  int dy_pitch, per_split; /* rows of all sequences per part */
} LookupGradientArgs;

/* The table's gradient over one part of the rows. Block: LANES channels (x), LOOKUP_TAPS taps (y), one part (z). */
KERNEL(lookup_gradient, LookupGradientArgs) {
  SHARED float sums[STRIPES][LOOKUP_TAPS * 4][LANES];
  const CodeWindow *w = &a.window;
  int lane = threadIdx.x % LANES, stripe = threadIdx.x / LANES;
  int o = blockIdx.x * LANES + lane, tap = blockIdx.y * LOOKUP_TAPS;
  int total = w->count * w->rows, r = blockIdx.z * a.per_split;
  int end = smaller(r + a.per_split, total), t, k, i;
  float sum[LOOKUP_TAPS * 4];
  UNROLL
  for (k = 0; k < LOOKUP_TAPS * 4; k++) sum[k] = 0.0f;
  if (o < w->c_out) {
    for (r += stripe; r < end; r += STRIPES) {
      int n = r / w->rows, m = r % w->rows;
      float g = a.dy[n * a.dy_step + (i64)m * a.dy_pitch + o];
      UNROLL
      for (t = 0; t < LOOKUP_TAPS; t++) {
        int code = tap + t < w->taps ? code_at(w, a.codes, n, m, tap + t) : 4;
        UNROLL
        for (k = 0; k < 4; k++) sum[t * 4 + k] += code == k ? g : 0.0f;
      }
    }
  }
  UNROLL
  for (k = 0; k < LOOKUP_TAPS * 4; k++) sums[stripe][k][lane] = sum[k];
  __syncthreads();
  for (i = threadIdx.x; i < LOOKUP_TAPS * 4 * LANES; i += THREADS) {
    int row = i / LANES, channel = blockIdx.x * LANES + i % LANES;
    float all = 0.0f;
    if (tap + row / 4 >= w->taps || channel >= w->c_out) continue;
    for (k = 0; k < STRIPES; k++) all += sums[k][row][i % LANES];
    a.part[((i64)blockIdx.z * w->taps * 4 + tap * 4 + row) * w->c_out + channel] = all;
  }
}
