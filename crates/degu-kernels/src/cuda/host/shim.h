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
