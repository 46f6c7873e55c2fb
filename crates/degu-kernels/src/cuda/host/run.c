/* Runs the blocks of a launch one after the other, and the threads of a block as fibers that take turns at barriers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define DEGU_STACK (64 * 1024)

typedef struct {
  jmp_buf state;
  ucontext_t start;
  int at; /* line of the barrier it waits at; 0 before the kernel, -1 after it */
  int started;
} degu_fiber;

static jmp_buf degu_scheduler;
static degu_fiber *degu_current;
static void (*degu_kernel)(const void *);
static const void *degu_args;

extern char __start_degu_shared[] __attribute__((visibility("hidden")));
extern char __stop_degu_shared[] __attribute__((visibility("hidden")));

/* Gives way to the scheduler; returns when the fiber's turn comes again. */
static __attribute__((noinline)) void degu_yield(int at) {
  degu_current->at = at;
  if (_setjmp(degu_current->state) == 0) _longjmp(degu_scheduler, 1);
}

static void degu_barrier(int line) { degu_yield(line); }

static void degu_fiber_main(void) {
  for (;;) {
    degu_kernel(degu_args);
    degu_yield(-1);
  }
}

static __attribute__((noinline)) void degu_resume(degu_fiber *fiber) {
  degu_current = fiber;
  if (_setjmp(degu_scheduler) != 0) return;
  if (fiber->started) _longjmp(fiber->state, 1);
  fiber->started = 1;
  setcontext(&fiber->start);
}

/* 0; or 1 where some threads of a block waited at another barrier than the others, or at none; or 2 without memory.
 * `reversed`: the last thread and the last block first. */
int degu_launch(void (*kernel)(const void *), const void *args, const unsigned *grid, unsigned threads, int reversed) {
  degu_fiber *fibers = calloc(threads, sizeof *fibers);
  char *stacks = mmap(0, (size_t)threads * DEGU_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  size_t blocks = (size_t)grid[0] * grid[1] * grid[2], b;
  unsigned t;
  volatile int wrong = 0;
  if (!fibers || stacks == MAP_FAILED) wrong = 2;
  degu_kernel = kernel;
  degu_args = args;
  for (t = 0; !wrong && t < threads; t++) {
    getcontext(&fibers[t].start);
    fibers[t].start.uc_stack.ss_sp = stacks + (size_t)t * DEGU_STACK;
    fibers[t].start.uc_stack.ss_size = DEGU_STACK;
    fibers[t].start.uc_link = 0;
    makecontext(&fibers[t].start, degu_fiber_main, 0);
  }
  for (b = 0; !wrong && b < blocks; b++) {
    size_t block = reversed ? blocks - 1 - b : b;
    blockIdx.x = block % grid[0];
    blockIdx.y = block / grid[0] % grid[1];
    blockIdx.z = block / grid[0] / grid[1];
    memset(__start_degu_shared, 0xff, __stop_degu_shared - __start_degu_shared); /* NaN */
    for (t = 0; t < threads; t++) fibers[t].at = 0;
    do {
      for (t = 0; t < threads; t++) {
        unsigned thread = reversed ? threads - 1 - t : t;
        threadIdx.x = thread;
        degu_resume(&fibers[thread]);
      }
      for (t = 1; t < threads; t++) wrong |= fibers[t].at != fibers[0].at;
    } while (!wrong && fibers[0].at != -1);
  }
  if (stacks != MAP_FAILED) munmap(stacks, (size_t)threads * DEGU_STACK);
  free(fibers);
  return wrong;
}
