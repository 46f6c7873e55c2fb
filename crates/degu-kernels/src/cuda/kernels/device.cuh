/* What the kernels are written in, for CUDA. The same names for a C compiler: host/shim.h. */
#define DEVICE static __device__ __forceinline__
#define KERNEL(name, Args) extern "C" __global__ void __launch_bounds__(THREADS, 2) name(const Args a)
#define SHARED __shared__ __align__(16)
#define UNROLL _Pragma("unroll")

/* Tensor cores (Ampere and newer; the driver launches nothing with them elsewhere). */
DEVICE float round_tf32(float x) {
#if __CUDA_ARCH__ >= 800
  unsigned int bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
#else
  return x;
#endif
}

/* c += x w for tiles of 16 rows, 8 terms and 8 columns, spread over the lanes of a warp. */
DEVICE void multiply_tile(float *c0, float *c1, float *c2, float *c3, const float *x, float w0, float w1) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(*c0), "+f"(*c1), "+f"(*c2), "+f"(*c3)
      : "r"(__float_as_uint(x[0])), "r"(__float_as_uint(x[1])), "r"(__float_as_uint(x[2])), "r"(__float_as_uint(x[3])),
        "r"(__float_as_uint(w0)), "r"(__float_as_uint(w1)));
#endif
}
