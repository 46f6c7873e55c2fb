/* Types and rules that every kernel shares.
 *
 * A matrix per sequence is `rows` rows of channels: value (n, m, c) of it lies at n * step + m * pitch + c. Every block has THREADS
 * threads in one dimension. Nothing is added by atomics: sums are cut into parts, whose order is fixed, and the parts are added in
 * theirs. Arguments are one structure, pointers first, so that Rust and C lay it out alike. */
typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned char u8;

/* Channels and rows that the blocks of the per-channel sums look at side by side. */
#define LANES 32
#define STRIPES (THREADS / LANES)

DEVICE int smaller(int x, int y) { return x < y ? x : y; }
