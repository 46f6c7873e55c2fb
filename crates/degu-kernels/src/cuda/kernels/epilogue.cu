/* What follows a linear layer, in one pass: batch norm as scale and shift, a skip connection, activation, dropout, pooling, a second
 * dropout, and a matrix added to the result; and its backward passes. Nothing in between is stored: the backward passes compute it
 * again, the winner of a maximum by the same arithmetic, and the first of tied rows gets the gradient. */
typedef struct {
  const float *y, *skip, *scale, *shift; /* skip, scale and shift may be null */
  i64 y_step, skip_step;
  Dropout before, after;
  int y_pitch, skip_pitch, count, rows, channels, activation, pool, maximum;
} Epilogue;

/* A thread's window w of sequence n and channel c. */
typedef struct {
  int n, w, c;
  u64 before, after;
  float scale, shift;
} Place;

DEVICE void enter_channel(const Epilogue *t, Place *p, int c) {
  p->c = c;
  p->scale = t->scale ? t->scale[c] : 1.0f;
  p->shift = t->scale ? t->shift[c] : 0.0f;
}

DEVICE void enter_sequence(const Epilogue *t, Place *p, int n) {
  p->n = n;
  p->before = dropout_key(&t->before, n);
  p->after = dropout_key(&t->after, n);
}

DEVICE float linear_at(const Epilogue *t, const Place *p, int m) {
  return t->y[p->n * t->y_step + (i64)m * t->y_pitch + p->c];
}

/* What enters the activation in row m, from the linear output there. */
DEVICE float entering(const Epilogue *t, const Place *p, int m, float y) {
  float z = t->scale ? fmaf(y, p->scale, p->shift) : y;
  return t->skip ? z + t->skip[p->n * t->skip_step + (i64)m * t->skip_pitch + p->c] : z;
}

DEVICE float before_factor(const Epilogue *t, const Place *p, int m) {
  return dropout_factor(&t->before, p->before, (u32)m * (u32)t->channels + (u32)p->c);
}

DEVICE float after_factor(const Epilogue *t, const Place *p) {
  return dropout_factor(&t->after, p->after, (u32)p->w * (u32)t->channels + (u32)p->c);
}

/* The winner of a window of a maximum. */
typedef struct {
  int k;
  float z, y, factor;
} Winner;

DEVICE Winner winner_of(const Epilogue *t, const Place *p) {
  Winner best;
  float top = 0.0f;
  int k;
  best.k = 0;
  best.z = best.y = 0.0f;
  best.factor = 1.0f;
  for (k = 0; k < t->pool; k++) {
    int m = p->w * t->pool + k;
    float y = linear_at(t, p, m), z = entering(t, p, m, y), factor = before_factor(t, p, m);
    float v = activate(t->activation, z) * factor;
    if (k == 0 || v > top) {
      top = v;
      best.k = k;
      best.z = z;
      best.y = y;
      best.factor = factor;
    }
  }
  return best;
}

typedef struct {
  Epilogue epilogue;
  const float *add; /* may be null */
  float *out;
  i64 add_step, out_step;
  int add_pitch, out_pitch;
} EpilogueForwardArgs;

/* One thread per result. */
KERNEL(epilogue_forward, EpilogueForwardArgs) {
  const Epilogue *t = &a.epilogue;
  int windows = t->rows / t->pool, i = blockIdx.x * THREADS + threadIdx.x, k;
  float v = 0.0f;
  Place p;
  if (i >= t->count * windows * t->channels) return;
  enter_channel(t, &p, i % t->channels);
  i /= t->channels;
  p.w = i % windows;
  enter_sequence(t, &p, i / windows);
  for (k = 0; k < t->pool; k++) {
    int m = p.w * t->pool + k;
    float z = entering(t, &p, m, linear_at(t, &p, m)), e = activate(t->activation, z) * before_factor(t, &p, m);
    if (k == 0) v = e;
    else if (!t->maximum) v += e;
    else if (e > v) v = e;
  }
  if (!t->maximum && t->pool > 1) v *= 1.0f / t->pool;
  v *= after_factor(t, &p);
  if (a.add) v += a.add[p.n * a.add_step + (i64)p.w * a.add_pitch + p.c];
  a.out[p.n * a.out_step + (i64)p.w * a.out_pitch + p.c] = v;
}

typedef struct {
  Epilogue epilogue;
  const float *gradient, *mean;
  float *part;
  i64 gradient_step;
  int gradient_pitch, per_split; /* windows of all sequences per part */
} EpilogueSumsArgs;

/* Sums of g and g (y - mean) over one part of the windows, [parts, 2, channels], g being the gradient at the batch norm's output.
 * Block: LANES channels (x), one part (y). */
KERNEL(epilogue_sums, EpilogueSumsArgs) {
  SHARED float sums[STRIPES][LANES];
  SHARED float products[STRIPES][LANES];
  const Epilogue *t = &a.epilogue;
  int windows = t->rows / t->pool, lane = threadIdx.x % LANES, stripe = threadIdx.x / LANES;
  int c = blockIdx.x * LANES + lane, i = blockIdx.y * a.per_split, end = smaller(i + a.per_split, t->count * windows), k;
  float sum = 0.0f, product = 0.0f;
  Place p;
  if (c < t->channels) {
    float mean = a.mean[c];
    enter_channel(t, &p, c);
    for (i += stripe; i < end; i += STRIPES) {
      float g;
      p.w = i % windows;
      enter_sequence(t, &p, i / windows);
      g = a.gradient[p.n * a.gradient_step + (i64)p.w * a.gradient_pitch + c] * after_factor(t, &p);
      if (t->maximum && t->pool > 1) {
        Winner best = winner_of(t, &p);
        g *= best.factor * activation_slope(t->activation, best.z);
        sum += g;
        product = fmaf(g, best.y - mean, product);
      } else {
        g *= 1.0f / t->pool;
        for (k = 0; k < t->pool; k++) {
          int m = p.w * t->pool + k;
          float y = linear_at(t, &p, m), z = entering(t, &p, m, y);
          float e = g * activation_slope(t->activation, z) * before_factor(t, &p, m);
          sum += e;
          product = fmaf(e, y - mean, product);
        }
      }
    }
  }
  sums[stripe][lane] = sum;
  products[stripe][lane] = product;
  __syncthreads();
  if (stripe == 0 && c < t->channels) {
    for (k = 1; k < STRIPES; k++) {
      sum += sums[k][lane];
      product += products[k][lane];
    }
    a.part[(i64)blockIdx.y * 2 * t->channels + c] = sum;
    a.part[(i64)(blockIdx.y * 2 + 1) * t->channels + c] = product;
  }
}

typedef struct {
  Epilogue epilogue;
  const float *gradient, *mean, *constant, *slope; /* mean null: no terms of a batch norm */
  float *d_skip, *d_y;                             /* d_skip may be null; d_y may be y */
  i64 gradient_step, d_skip_step, d_y_step;
  int gradient_pitch, d_skip_pitch, d_y_pitch, skip_accumulates, y_accumulates, reserved;
} EpilogueBackwardArgs;

DEVICE void put_gradient(const EpilogueBackwardArgs *a, const Place *p, int m, float y, float g) {
  float *d_y = a->d_y + p->n * a->d_y_step + (i64)m * a->d_y_pitch + p->c, d = g * p->scale;
  if (a->d_skip) {
    float *d_skip = a->d_skip + p->n * a->d_skip_step + (i64)m * a->d_skip_pitch + p->c;
    *d_skip = a->skip_accumulates ? *d_skip + g : g;
  }
  if (a->mean) d = fmaf(a->slope[p->c], y - a->mean[p->c], d + a->constant[p->c]);
  *d_y = a->y_accumulates ? *d_y + d : d;
}

/* The gradients of linear output and skip connection. One thread per window; rows that fill no window are one more, without gradient
 * from above. */
KERNEL(epilogue_backward, EpilogueBackwardArgs) {
  const Epilogue *t = &a.epilogue;
  int all = (t->rows + t->pool - 1) / t->pool, i = blockIdx.x * THREADS + threadIdx.x, k;
  Place p;
  float g;
  if (i >= t->count * all * t->channels) return;
  enter_channel(t, &p, i % t->channels);
  i /= t->channels;
  p.w = i % all;
  enter_sequence(t, &p, i / all);
  if (p.w == t->rows / t->pool) {
    for (k = p.w * t->pool; k < t->rows; k++) put_gradient(&a, &p, k, linear_at(t, &p, k), 0.0f);
    return;
  }
  g = a.gradient[p.n * a.gradient_step + (i64)p.w * a.gradient_pitch + p.c] * after_factor(t, &p);
  if (t->maximum && t->pool > 1) {
    Winner best = winner_of(t, &p);
    g *= best.factor * activation_slope(t->activation, best.z);
    for (k = 0; k < t->pool; k++) {
      int m = p.w * t->pool + k;
      put_gradient(&a, &p, m, linear_at(t, &p, m), k == best.k ? g : 0.0f);
    }
  } else {
    g *= 1.0f / t->pool;
    for (k = 0; k < t->pool; k++) {
      int m = p.w * t->pool + k;
      float y = linear_at(t, &p, m), z = entering(t, &p, m, y);
      put_gradient(&a, &p, m, y, g * activation_slope(t->activation, z) * before_factor(t, &p, m));
    }
  }
}
