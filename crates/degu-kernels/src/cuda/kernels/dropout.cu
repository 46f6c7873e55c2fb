/* Dropout by a hash of where an element is: the masks of `DropoutMask`, bit for bit. */
typedef struct {
  const u64 *seeds; /* one per sequence; or null, and `base` for all */
  u64 base;         /* mix(mix(seed) + layer) */
  u64 layer;
  u32 threshold;
  float factor; /* of kept elements */
  int on;
  int reserved;
} Dropout;

DEVICE u64 mix64(u64 x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

/* The key of sequence n; 0 where there is no dropout. */
DEVICE u64 dropout_key(const Dropout *d, int n) {
  if (!d->on) return 0;
  return d->seeds ? mix64(mix64(mix64(d->seeds[n]) + d->layer)) : mix64(d->base + (u64)n);
}

/* The factor of one element: 0 or 1 / (1 - rate), and 1 without dropout. */
DEVICE float dropout_factor(const Dropout *d, u64 key, u32 element) {
  u32 x;
  if (!d->on) return 1.0f;
  x = element + (u32)key;
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= (u32)(key >> 32);
  x ^= x >> 15;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return x >= d->threshold ? d->factor : 0.0f;
}
