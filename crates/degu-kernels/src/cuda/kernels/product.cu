/* Convolution and dense layers as a tiled matrix product over overlapping rows: no matrix of windows is ever made. The input
 * gradient is the same product over the gradient with rows of zeros around it, with transposed weights, for one residue of the
 * stride after the other.
 *
 * out(n, m, o) = bias(o) + sum over taps t and channels c of x(n, m * stride + t * dilation, c) * w(t, c, o)
 *
 * A block computes TILE_M rows (of all sequences) by TILE_N columns, a thread EACH_M by EACH_N of them (tile.cu), DEEP terms at a time: the
 * next terms are fetched into registers while the present ones are multiplied out of shared memory. Each output is one chain of
 * multiply-adds in the order of (t, c), wherever its row lies in the batch; with several parts (blockIdx.z) one chain per part. */
#ifndef PRODUCT_ARGS
#define PRODUCT_ARGS
typedef struct {
  const float *x, *w, *bias; /* bias may be null */
  float *out;                /* or parts [splits, count * rows, c_out] */
  i64 x_step, out_step;
  int count, rows, c_in, c_out, taps, x_pitch, x_stride, dilation, out_pitch;
  int w_tap, w_row, w_column; /* distances in w from one t, c, o to the next */
  int accumulate;             /* add to what `out` holds */
  int per_split;              /* terms per part; all of them if out is not in parts */
  int split;                  /* whether out is in parts */
  int dense;                  /* whether w_column is 1 and w_tap is c_in * w_row */
} ProductArgs;
#endif

KERNEL(PRODUCT, ProductArgs) {
  SHARED float xs[DEEP][TILE_M + PAD];
  SHARED float ws[DEEP][TILE_N + PAD];
  const int terms = a.taps * a.c_in, total = a.count * a.rows;
  const int row0 = blockIdx.x * TILE_M, column0 = blockIdx.y * TILE_N;
  const int first = blockIdx.z * a.per_split, last = smaller(first + a.per_split, terms);
  const int deep = threadIdx.x % DEEP, line = threadIdx.x / DEEP;
  const int my_row = MY_ROW, my_column = MY_COLUMN;
  int at[TILE_M / LINES], i, j, term;
  float x_next[TILE_M / LINES], w_next[(TILE_N + LINES - 1) / LINES];
  float sum[EACH_M][EACH_N];
  /* Where the rows that this thread fetches begin. Rows beyond the last are fetched like the last and not written. */
  UNROLL
  for (i = 0; i < TILE_M / LINES; i++) {
    int r = smaller(row0 + line + i * LINES, total - 1);
    at[i] = (int)(r / a.rows * a.x_step) + r % a.rows * a.x_stride * a.x_pitch;
  }
  UNROLL
  for (i = 0; i < EACH_M; i++) {
    UNROLL
    for (j = 0; j < EACH_N; j++) sum[i][j] = 0.0f;
  }
#define FETCH(from) \
  { \
    int k_ = (from) + deep, inside = k_ < last, t_ = inside ? k_ / a.c_in : 0, c_ = inside ? k_ - t_ * a.c_in : 0; \
    const float *x_ = a.x + ((i64)t_ * a.dilation * a.x_pitch + c_); \
    UNROLL \
    for (i = 0; i < TILE_M / LINES; i++) x_next[i] = inside ? x_[at[i]] : 0.0f; \
    if (a.dense) { \
      UNROLL \
      for (i = 0; i < (TILE_N + LINES - 1) / LINES; i++) { \
        int e_ = threadIdx.x + i * THREADS, d_ = (from) + e_ / TILE_N, o_ = column0 + e_ % TILE_N; \
        w_next[i] = 0.0f; \
        if (e_ < DEEP * TILE_N && d_ < last && o_ < a.c_out) \
          w_next[i] = a.w[(i64)d_ * a.w_row + o_]; \
      } \
    } else { \
      UNROLL \
      for (i = 0; i < (TILE_N + LINES - 1) / LINES; i++) { \
        int e_ = line + i * LINES, o_ = column0 + e_; \
        w_next[i] = 0.0f; \
        if (e_ < TILE_N && inside && o_ < a.c_out) \
          w_next[i] = a.w[(i64)t_ * a.w_tap + (i64)c_ * a.w_row + (i64)o_ * a.w_column]; \
      } \
    } \
  }
  FETCH(first)
  for (term = first; term < last; term += DEEP) {
    UNROLL
    for (i = 0; i < TILE_M / LINES; i++) xs[deep][line + i * LINES] = ROUND(x_next[i]);
    UNROLL
    for (i = 0; i < (TILE_N + LINES - 1) / LINES; i++) {
      if (a.dense) {
        int e = threadIdx.x + i * THREADS;
        if (e < DEEP * TILE_N) ws[e / TILE_N][e % TILE_N] = ROUND(w_next[i]);
      } else if (line + i * LINES < TILE_N) {
        ws[deep][line + i * LINES] = ROUND(w_next[i]);
      }
    }
    __syncthreads();
    if (term + DEEP < last) FETCH(term + DEEP)
    MULTIPLY(xs, ws)
    __syncthreads();
  }
#undef FETCH
  UNROLL
  for (i = 0; i < EACH_M; i++) {
    int r = row0 + my_row + ROW(i);
    float *out;
    if (r >= total) continue;
    out = a.split ? a.out + ((i64)blockIdx.z * total + r) * a.c_out : a.out + r / a.rows * a.out_step + (i64)(r % a.rows) * a.out_pitch;
    UNROLL
    for (j = 0; j < EACH_N; j++) {
      int o = column0 + my_column + COLUMN(j);
      float v = sum[i][j];
      if (o >= a.c_out) continue;
      if (!a.split) {
        if (a.bias) v += a.bias[o];
        if (a.accumulate) v += out[o];
      }
      out[o] = v;
    }
  }
}
