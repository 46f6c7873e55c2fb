#!/usr/bin/env bash
# Static archives libcuda.a, libcublas.a ... whose functions load the real library at the first call (x86-64 Linux).
# usage: lazy_libraries.sh LINKDIR CUDARC_SOURCE LIBCUDART_STATIC     writes LINKDIR/lib/lib*.a
# candle asks the linker for -lcuda -lcublas ...; the linker takes an archive when the folder holds no .so, so the
# binary needs no CUDA library to start. candle and cudarc stay unpatched.
set -euo pipefail
LINK=${1:?usage: lazy_libraries.sh LINKDIR CUDARC_SOURCE LIBCUDART_STATIC}
CUDARC=${2:?} CUDART_STATIC=${3:?}
CC=${CC:-cc}
mkdir -p "$LINK/lib"
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT

# lazy LIBRARY "SONAMES" MODULE PREFIX ERROR: per function a jump through a table slot. The slot first points at a
# resolver that saves the argument registers, opens the library, fills the slot and jumps on. Without the library
# the slot gets a function that returns ERROR.
lazy() {
  local lib=$1 names=$2 mod=$3 pre=$4 err=$5 S=$W/$1.S C=$W/$1_c.c
  mapfile -t fns < <(grep -oE "pub unsafe fn $pre[A-Za-z0-9_]+" "$CUDARC/src/$mod/sys/mod.rs" | awk '{print $4}' | sort -u)
  {
    echo '.text'
    for i in "${!fns[@]}"; do
      f=${fns[$i]}
      printf '.globl %s\n.type %s,@function\n%s: jmp *lz_%s_tab+%d(%%rip)\n' "$f" "$f" "$f" "$lib" $((i * 8))
      printf 'lz_%s_r%d: movl $%d,%%r11d\n jmp lz_%s_go\n' "$lib" "$i" "$i" "$lib"
    done
    cat <<ASM
lz_${lib}_go:
 push %rbp
 mov %rsp,%rbp
 push %rdi
 push %rsi
 push %rdx
 push %rcx
 push %r8
 push %r9
 push %rax
 push %r11
 sub \$128,%rsp
 and \$-16,%rsp
 movups %xmm0,(%rsp)
 movups %xmm1,16(%rsp)
 movups %xmm2,32(%rsp)
 movups %xmm3,48(%rsp)
 movups %xmm4,64(%rsp)
 movups %xmm5,80(%rsp)
 movups %xmm6,96(%rsp)
 movups %xmm7,112(%rsp)
 mov %r11d,%edi
 call lz_${lib}_resolve
 mov %rax,%r11
 movups (%rsp),%xmm0
 movups 16(%rsp),%xmm1
 movups 32(%rsp),%xmm2
 movups 48(%rsp),%xmm3
 movups 64(%rsp),%xmm4
 movups 80(%rsp),%xmm5
 movups 96(%rsp),%xmm6
 movups 112(%rsp),%xmm7
 mov -8(%rbp),%rdi
 mov -16(%rbp),%rsi
 mov -24(%rbp),%rdx
 mov -32(%rbp),%rcx
 mov -40(%rbp),%r8
 mov -48(%rbp),%r9
 mov -56(%rbp),%rax
 mov %rbp,%rsp
 pop %rbp
 jmp *%r11
.section .data.rel,"aw"
.balign 8
.globl lz_${lib}_tab
.hidden lz_${lib}_tab
lz_${lib}_tab:
ASM
    for i in "${!fns[@]}"; do echo " .quad lz_${lib}_r$i"; done
    echo '.section .note.GNU-stack,"",@progbits'
  } > "$S"
  {
    echo '#include <dlfcn.h>'
    echo "extern void *lz_${lib}_tab[] __attribute__((visibility(\"hidden\")));"
    echo "static const char *const names[] = {$(printf '"%s",' "${fns[@]}")};"
    echo "static int missing(void){return $err;}"
    cat <<CC
__attribute__((visibility("hidden"))) void *lz_${lib}_resolve(unsigned i){
  static void *h; static int tried; void *p = 0;
  if(!__atomic_load_n(&tried,__ATOMIC_ACQUIRE)){
    static const char *const so[]={$(for n in $names; do printf '"%s",' "$n"; done)0};
    void *t=0; for(int k=0;so[k]&&!t;k++) t=dlopen(so[k],RTLD_NOW|RTLD_GLOBAL);
    __atomic_store_n(&h,t,__ATOMIC_RELEASE); __atomic_store_n(&tried,1,__ATOMIC_RELEASE);}
  void *lib=__atomic_load_n(&h,__ATOMIC_ACQUIRE);
  if(lib) p=dlsym(lib,names[i]);
  if(!p) p=(void*)missing;
  __atomic_store_n(&lz_${lib}_tab[i],p,__ATOMIC_RELEASE);
  return p; }
CC
  } > "$C"
  $CC -c -fPIC -O2 -o "$W/$lib.1.o" "$S"
  $CC -c -fPIC -O2 -o "$W/$lib.2.o" "$C"
  rm -f "$LINK/lib/lib$lib.a"
  ar rcs "$LINK/lib/lib$lib.a" "$W/$lib.1.o" "$W/$lib.2.o"
}

# The last number is what a call returns when the library is missing: 100 = CUDA_ERROR_NO_DEVICE and the like.
lazy cuda     libcuda.so.1      driver   cu     100
lazy cublas   libcublas.so.13   cublas   cublas 1
lazy cublasLt libcublasLt.so.13 cublaslt cublas 1
lazy curand   libcurand.so.10   curand   curand 203
lazy nvrtc    libnvrtc.so.13    nvrtc    nvrtc  11
lazy cudnn    libcudnn.so.9     cudnn    cudnn  1001
cp "$CUDART_STATIC" "$LINK/lib/libcudart.a"
ls "$LINK/lib"
