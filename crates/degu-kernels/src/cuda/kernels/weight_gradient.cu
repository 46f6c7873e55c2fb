/* The weight gradient of a convolution or dense layer: a matrix product whose terms are the rows of all sequences.
 *
 * dw(t, c, o) = sum over n, m of x(n, m * stride + t * dilation, c) * dy(n, m, o)
 *
 * A block computes TILE_M of the (t, c) by TILE_N of the o over one part of the rows (blockIdx.z); the parts are added afterwards. */
#ifndef WEIGHT_GRADIENT_ARGS
#define WEIGHT_GRADIENT_ARGS
typedef struct {
  const float *x, *dy;
  float *part; /* [splits, taps * c_in, c_out] */
  i64 x_step, dy_step;
  int count, rows, c_in, c_out, taps, x_pitch, x_stride, dilation, dy_pitch;
  int per_split; /* rows per part */
} WeightGradientArgs;
#endif

KERNEL(WEIGHT_GRADIENT, WeightGradientArgs) {
  SHARED float xs[DEEP][TILE_M + PAD];
  SHARED float ys[DEEP][TILE_N + PAD];
  SHARED int x_at[2][DEEP], y_at[2][DEEP];
  const int terms = a.taps * a.c_in, total = a.count * a.rows;
  const int first = blockIdx.z * a.per_split, last = smaller(first + a.per_split, total);
  const int row0 = blockIdx.x * TILE_M, column0 = blockIdx.y * TILE_N;
  const int my_row = MY_ROW, my_column = MY_COLUMN;
  /* This thread fetches one (t, c), or one o, of several rows. */
  const int x_line = threadIdx.x % TILE_M, x_row = threadIdx.x / TILE_M;
  const int y_line = threadIdx.x % TILE_N, y_row = threadIdx.x / TILE_N;
  const int k_x = smaller(row0 + x_line, terms - 1), o_y = smaller(column0 + y_line, a.c_out - 1);
  const int x_offset = k_x / a.c_in * a.dilation * a.x_pitch + k_x % a.c_in;
  int i, j, r, step = 0;
  float x_next[DEEP * TILE_M / THREADS], y_next[(DEEP * TILE_N + THREADS - 1) / THREADS];
  float sum[EACH_M][EACH_N];
  UNROLL
  for (i = 0; i < EACH_M; i++) {
    UNROLL
    for (j = 0; j < EACH_N; j++) sum[i][j] = 0.0f;
  }
  /* Where rows begin; -1 beyond the last. */
#define PLACE(from, slot) \
  if (threadIdx.x < DEEP) { \
    int r_ = (from) + threadIdx.x, n_ = r_ / a.rows, m_ = r_ - n_ * a.rows; \
    x_at[slot][threadIdx.x] = r_ < last ? (int)(n_ * a.x_step) + m_ * a.x_stride * a.x_pitch : -1; \
    y_at[slot][threadIdx.x] = r_ < last ? (int)(n_ * a.dy_step) + m_ * a.dy_pitch : -1; \
  }
#define FETCH(slot) \
  UNROLL \
  for (i = 0; i < DEEP * TILE_M / THREADS; i++) { \
    int p_ = x_at[slot][x_row + i * (THREADS / TILE_M)]; \
    x_next[i] = p_ < 0 ? 0.0f : a.x[(i64)p_ + x_offset]; \
  } \
  UNROLL \
  for (i = 0; i < (DEEP * TILE_N + THREADS - 1) / THREADS; i++) { \
    int d_ = y_row + i * (THREADS / TILE_N), p_ = d_ < DEEP ? y_at[slot][d_] : -1; \
    y_next[i] = p_ < 0 ? 0.0f : a.dy[(i64)p_ + o_y]; \
  }
  PLACE(first, 0)
  __syncthreads();
  FETCH(0)
  PLACE(first + DEEP, 1)
  for (r = first; r < last; r += DEEP, step ^= 1) {
    UNROLL
    for (i = 0; i < DEEP * TILE_M / THREADS; i++) xs[x_row + i * (THREADS / TILE_M)][x_line] = ROUND(x_next[i]);
    UNROLL
    for (i = 0; i < (DEEP * TILE_N + THREADS - 1) / THREADS; i++) {
      int d = y_row + i * (THREADS / TILE_N);
      if (d < DEEP) ys[d][y_line] = ROUND(y_next[i]);
    }
    __syncthreads();
    if (r + DEEP < last) {
      FETCH(step ^ 1)
      PLACE(r + 2 * DEEP, step)
    }
    MULTIPLY(xs, ys)
    __syncthreads();
  }
#undef FETCH
#undef PLACE
  UNROLL
  for (i = 0; i < EACH_M; i++) {
    int row = row0 + my_row + ROW(i);
    if (row >= terms) continue;
    UNROLL
    for (j = 0; j < EACH_N; j++) {
      int o = column0 + my_column + COLUMN(j);
      if (o < a.c_out) a.part[((i64)blockIdx.z * terms + row) * a.c_out + o] = sum[i][j];
    }
  }
}
