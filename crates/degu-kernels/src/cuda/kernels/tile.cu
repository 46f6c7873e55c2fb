/* How the threads of a block share a tile of TILE_M by TILE_N sums, and how they multiply DEEP terms, xs[term][row] by ws[term][column].
 * Thread sums lie at rows my_row + ROW(i) and columns my_column + COLUMN(j). */
#undef PAD
#undef MY_ROW
#undef MY_COLUMN
#undef ROW
#undef COLUMN
#undef ROUND
#undef MULTIPLY
#define DEEP 16

#if TENSOR
/* Tensor cores, m16n8k8: factors rounded to TF32 (10 bits of mantissa), sums in f32. Eight warps, four along the rows by two along the
 * columns; a warp has two tiles of 16 rows, each lane the rows lane / 4 and lane / 4 + 8 of them, and of each 8 columns two adjacent ones. */
#define EACH_M 4
#define EACH_N (TILE_N / 8)
#define PAD 8 /* the lanes of a fragment lie in 32 banks */
#define WARP (threadIdx.x / 32)
#define GROUP ((int)(threadIdx.x % 32 / 4))
#define MEMBER ((int)(threadIdx.x % 4))
#define WARP_ROW ((int)(WARP / 2 * 32))
#define WARP_COLUMN ((int)(WARP % 2 * (TILE_N / 2)))
#define MY_ROW (WARP_ROW + GROUP)
#define MY_COLUMN (WARP_COLUMN + 2 * MEMBER)
#define ROW(i) ((i) / 2 * 16 + (i) % 2 * 8)
#define COLUMN(j) ((j) / 2 * 8 + (j) % 2)
#define ROUND(x) round_tf32(x)
#define MULTIPLY(xs, ws) \
  { \
    int k_, m_, n_; \
    UNROLL \
    for (k_ = MEMBER; k_ < DEEP; k_ += 8) { \
      float x_[2][4]; \
      UNROLL \
      for (m_ = 0; m_ < 2; m_++) { \
        x_[m_][0] = xs[k_][WARP_ROW + m_ * 16 + GROUP]; \
        x_[m_][1] = xs[k_][WARP_ROW + m_ * 16 + GROUP + 8]; \
        x_[m_][2] = xs[k_ + 4][WARP_ROW + m_ * 16 + GROUP]; \
        x_[m_][3] = xs[k_ + 4][WARP_ROW + m_ * 16 + GROUP + 8]; \
      } \
      UNROLL \
      for (n_ = 0; n_ < TILE_N / 16; n_++) { \
        float w0_ = ws[k_][WARP_COLUMN + n_ * 8 + GROUP], w1_ = ws[k_ + 4][WARP_COLUMN + n_ * 8 + GROUP]; \
        UNROLL \
        for (m_ = 0; m_ < 2; m_++) { \
          multiply_tile(&sum[2 * m_][2 * n_], &sum[2 * m_][2 * n_ + 1], &sum[2 * m_ + 1][2 * n_], &sum[2 * m_ + 1][2 * n_ + 1], \
                        x_[m_], w0_, w1_); \
        } \
      } \
    } \
  }
#else
/* Multiply-adds in f32: each thread adjacent rows by adjacent columns. */
#define PAD 4
#define MY_ROW ((int)(threadIdx.x / (TILE_N / EACH_N)) * EACH_M)
#define MY_COLUMN ((int)(threadIdx.x % (TILE_N / EACH_N)) * EACH_N)
#define ROW(i) (i)
#define COLUMN(j) (j)
#define ROUND(x) (x)
#define MULTIPLY(xs, ws) \
  { \
    int k_; \
    UNROLL \
    for (k_ = 0; k_ < DEEP; k_++) { \
      float x_[EACH_M], w_[EACH_N]; \
      UNROLL \
      for (i = 0; i < EACH_M; i++) x_[i] = xs[k_][my_row + i]; \
      UNROLL \
      for (j = 0; j < EACH_N; j++) w_[j] = ws[k_][my_column + j]; \
      UNROLL \
      for (i = 0; i < EACH_M; i++) { \
        UNROLL \
        for (j = 0; j < EACH_N; j++) sum[i][j] = fmaf(x_[i], w_[j], sum[i][j]); \
      } \
    } \
  }
#endif
