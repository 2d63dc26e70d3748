// An io_uring writes into a pipe and reads from it with io_uring_enter alone: the calls that would do it are
// never made.
#include "program.h"

#include <linux/io_uring.h>
#include <sys/uio.h>

int main(void) {
  alarm(60);
  struct io_uring_params settings = {0};
  int ring = syscall(SYS_io_uring_setup, 4, &settings);
  if (ring < 0) {
    tell("io_uring_setup", ring);
    return 0;
  }
  say("ring is %d\n", ring);
  size_t size = settings.sq_off.array + settings.sq_entries * 4;
  size_t other = settings.cq_off.cqes + settings.cq_entries * sizeof(struct io_uring_cqe);
  char *rings = mmap(NULL, size > other ? size : other, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe *entries;
  size_t length = settings.sq_entries * sizeof *entries;
  entries = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  demand(rings != MAP_FAILED && entries != MAP_FAILED && (settings.features & IORING_FEAT_SINGLE_MMAP));
  int ends[2];
  demand(pipe(ends) == 0);
  char text[8] = "";
  for (int i = 0; i < 2; i++) {
    _Atomic unsigned *tail = (void *)(rings + settings.sq_off.tail);
    unsigned place = *tail & *(unsigned *)(rings + settings.sq_off.ring_mask);
    entries[place] = (struct io_uring_sqe){.opcode = i ? IORING_OP_READ : IORING_OP_WRITE, .fd = ends[!i], .len = 5,
                                           .addr = (uintptr_t)(i ? text : "hello"), .user_data = i};
    ((unsigned *)(rings + settings.sq_off.array))[place] = place;
    atomic_store(tail, *tail + 1);
    tell("io_uring_enter", syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
    _Atomic unsigned *head = (void *)(rings + settings.cq_off.head);
    struct io_uring_cqe *done = (void *)(rings + settings.cq_off.cqes);
    say("completed %d\n", done[*head & *(unsigned *)(rings + settings.cq_off.ring_mask)].res);
    atomic_store(head, *head + 1);
  }
  say("%s\n", text);
  return 0;
}
