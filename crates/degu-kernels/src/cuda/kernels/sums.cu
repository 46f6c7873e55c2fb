/* Sums over parts, over rows, and of matrices. */
typedef struct {
  const float *part; /* [parts, length] */
  float *out;
  int length, parts;
} SumPartsArgs;

/* out[i] = sum of the parts' values i, in their order. */
KERNEL(sum_parts, SumPartsArgs) {
  int i = blockIdx.x * THREADS + threadIdx.x, p;
  float sum = 0.0f;
  if (i >= a.length) return;
  for (p = 0; p < a.parts; p++) sum += a.part[(i64)p * a.length + i];
  a.out[i] = sum;
}

typedef struct {
  const float *part, *bias; /* [parts, count * rows, channels]; bias may be null */
  float *out;
  i64 out_step;
  int count, rows, channels, out_pitch, parts, accumulate;
} SumRowsArgs;

/* The parts of a product, to where its rows belong. */
KERNEL(sum_rows, SumRowsArgs) {
  int i = blockIdx.x * THREADS + threadIdx.x, total = a.count * a.rows * a.channels, p, r, c;
  float sum = 0.0f, *out;
  if (i >= total) return;
  for (p = 0; p < a.parts; p++) sum += a.part[(i64)p * total + i];
  r = i / a.channels;
  c = i - r * a.channels;
  out = a.out + r / a.rows * a.out_step + (i64)(r % a.rows) * a.out_pitch + c;
  if (a.bias) sum += a.bias[c];
  *out = a.accumulate ? *out + sum : sum;
}

typedef struct {
  const float *source; /* null: zeros */
  float *target;
  i64 source_step, target_step;
  int count, rows, channels, source_pitch, target_pitch, accumulate;
} AddRowsArgs;

/* target = source, or target += source. */
KERNEL(add_rows, AddRowsArgs) {
  int i = blockIdx.x * THREADS + threadIdx.x, r, c, n, m;
  float v, *target;
  if (i >= a.count * a.rows * a.channels) return;
  r = i / a.channels;
  c = i - r * a.channels;
  n = r / a.rows;
  m = r - n * a.rows;
  v = a.source ? a.source[n * a.source_step + (i64)m * a.source_pitch + c] : 0.0f;
  target = a.target + n * a.target_step + (i64)m * a.target_pitch + c;
  *target = a.accumulate ? *target + v : v;
}

typedef struct {
  const float *y;
  float *part;
  i64 y_step;
  int count, rows, channels, y_pitch, per_split, reserved;
} ColumnsArgs;

/* Sums of each channel over one part of the rows, [parts, channels]. Block: LANES channels (x), one part (y). */
KERNEL(column_sums, ColumnsArgs) {
  SHARED float sums[STRIPES][LANES];
  int lane = threadIdx.x % LANES, stripe = threadIdx.x / LANES, c = blockIdx.x * LANES + lane;
  int r = blockIdx.y * a.per_split, end = smaller(r + a.per_split, a.count * a.rows), k;
  float sum = 0.0f;
  if (c < a.channels) {
    for (r += stripe; r < end; r += STRIPES) sum += a.y[r / a.rows * a.y_step + (i64)(r % a.rows) * a.y_pitch + c];
  }
  sums[stripe][lane] = sum;
  __syncthreads();
  if (stripe == 0 && c < a.channels) {
    for (k = 1; k < STRIPES; k++) sum += sums[k][lane];
    a.part[(i64)blockIdx.y * a.channels + c] = sum;
  }
}

/* First row, and sums of the distances from it and of their squares, of each channel over one part, [parts, 3, channels]. */
KERNEL(column_moments, ColumnsArgs) {
  SHARED float sums[STRIPES][LANES];
  SHARED float squares[STRIPES][LANES];
  int lane = threadIdx.x % LANES, stripe = threadIdx.x / LANES, c = blockIdx.x * LANES + lane;
  int r = blockIdx.y * a.per_split, end = smaller(r + a.per_split, a.count * a.rows), k;
  float sum = 0.0f, square = 0.0f, origin = 0.0f, *part;
  if (c < a.channels) {
    origin = a.y[r / a.rows * a.y_step + (i64)(r % a.rows) * a.y_pitch + c];
    for (r += stripe; r < end; r += STRIPES) {
      float d = a.y[r / a.rows * a.y_step + (i64)(r % a.rows) * a.y_pitch + c] - origin;
      sum += d;
      square = fmaf(d, d, square);
    }
  }
  sums[stripe][lane] = sum;
  squares[stripe][lane] = square;
  __syncthreads();
  if (stripe == 0 && c < a.channels) {
    for (k = 1; k < STRIPES; k++) {
      sum += sums[k][lane];
      square += squares[k][lane];
    }
    part = a.part + (i64)blockIdx.y * 3 * a.channels + c;
    part[0] = origin;
    part[a.channels] = sum;
    part[2 * a.channels] = square;
  }
}
