/* What the kernels are written in, for CUDA. The same names for a C compiler: host/shim.h. */
#define DEVICE static __device__ __forceinline__
#define KERNEL(name, Args) extern "C" __global__ void __launch_bounds__(THREADS, 2) name(const Args a)
#define SHARED __shared__ __align__(16)
#define UNROLL _Pragma("unroll")
