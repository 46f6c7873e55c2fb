/* What the kernels are written in, for a C compiler: every thread of a block is a fiber, and a barrier is where fibers wait for each
 * other. One launch at a time. Shared memory of all kernels lies in one section, so that it can be poisoned before each block. */
#include <math.h>
#include <setjmp.h>
#include <stddef.h>

typedef struct {
  unsigned x, y, z;
} degu_dim;

static degu_dim threadIdx, blockIdx;

#define DEVICE static inline
#define UNROLL
#define SHARED static __attribute__((section("degu_shared"), aligned(16)))
/* Two levels, so that a kernel's name may be a macro. */
#define KERNEL(name, Args) KERNEL_(name, Args)
#define KERNEL_(name, Args) \
  static void name##_thread(const Args a); \
  const size_t degu_size_##name = sizeof(Args); \
  void degu_run_##name(const void *args) { name##_thread(*(const Args *)args); } \
  static void name##_thread(const Args a)
static void degu_barrier(int line);
#define __syncthreads() degu_barrier(__LINE__)

/* Tensor cores. Every thread of a block multiplies at the same places, so a barrier of the block stands for one of the warp. */
static inline float round_tf32(float x) {
  union {
    float value;
    unsigned bits;
  } u = {x};
  if ((u.bits & 0x7f800000u) != 0x7f800000u) u.bits = (u.bits + 0x1000u) & ~0x1fffu;
  return u.value;
}

/* What the lanes of each warp bring: x [row][term] and w [term][column], as the instruction's description places them. */
static float degu_x[32][16][8], degu_w[32][8][8];

static void multiply_tile(float *c0, float *c1, float *c2, float *c3, const float *x, float w0, float w1) {
  int warp = threadIdx.x / 32, group = threadIdx.x % 32 / 4, member = threadIdx.x % 4, k;
  degu_x[warp][group][member] = x[0];
  degu_x[warp][group + 8][member] = x[1];
  degu_x[warp][group][member + 4] = x[2];
  degu_x[warp][group + 8][member + 4] = x[3];
  degu_w[warp][member][group] = w0;
  degu_w[warp][member + 4][group] = w1;
  __syncthreads();
  for (k = 0; k < 8; k++) {
    *c0 += degu_x[warp][group][k] * degu_w[warp][k][2 * member];
    *c1 += degu_x[warp][group][k] * degu_w[warp][k][2 * member + 1];
    *c2 += degu_x[warp][group + 8][k] * degu_w[warp][k][2 * member];
    *c3 += degu_x[warp][group + 8][k] * degu_w[warp][k][2 * member + 1];
  }
  __syncthreads();
}
