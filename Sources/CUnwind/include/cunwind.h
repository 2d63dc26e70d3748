// libunwind's remote unwinder (libunwind-x86_64, 1.6) behind plain functions, since Swift cannot call its macros.
//
// All that it needs of the target comes through `struct cunwind_source`: memory, registers, and the place of the unwind table of the
// module that an address lies in. libunwind itself opens no file and calls no ptrace.
#ifndef CUNWIND_H
#define CUNWIND_H

#include <stddef.h>
#include <stdint.h>

/// One memory map of a target, with what libunwind has learned of the code in it.
typedef struct cunwind_space cunwind_space;

/// Where the unwind table of a module lies in the target: its .eh_frame_hdr section (Linux Standard Base 5.0, 10.6.2).
struct cunwind_table {
  uint64_t code_start, code_end;
  uint64_t header;
  uint64_t table;
  uint64_t entries;
};

struct cunwind_source {
  void *context;
  /// Eight bytes of the target's memory: 0, or -1 where there is none.
  int (*read)(void *context, uint64_t address, uint64_t *value);
  /// The table for the code at `address`: 0, or -1 where there is none.
  int (*find)(void *context, uint64_t address, struct cunwind_table *table);
  /// struct user_regs_struct of the stopped thread (sys/user.h), 27 words.
  const uint64_t *registers;
};

struct cunwind_frame {
  uint64_t address;
  uint64_t stack_pointer;
  /// Where in memory the address was found; 0 for the innermost frame, which is a register's.
  uint64_t saved_at;
  /// The frame of a signal handler's return (the code that the signal interrupted follows).
  int is_signal;
};

/// Whether libunwind is installed.
int cunwind_is_there(void);
/// NULL if there is no memory, or no libunwind. `cached`: for how many addresses what the table says is remembered; a power of two, the same for all.
cunwind_space *cunwind_create(unsigned cached);
/// Forgets what was learned, and keeps the space for the next.
void cunwind_destroy(cunwind_space *space);
/// Innermost frame first; at most `most`. Returns their number. Frames whose stack pointer does not grow end the walk.
size_t cunwind_walk(
  cunwind_space *space, const struct cunwind_source *source, struct cunwind_frame *frames, size_t most);

#endif
