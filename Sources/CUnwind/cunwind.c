#include "cunwind.h"

#include <dlfcn.h>
#include <libunwind-x86_64.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

// Exported by libunwind-x86_64, declared by none of its headers.
int UNW_OBJ(dwarf_search_unwind_table)(
  unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);

// libunwind is loaded with the first stack: many traces have none. The names are its macros', by which they mean the exported ones.
#define FUNCTIONS(X)                                                                                          \
  X(create_addr_space, unw_create_addr_space) X(set_caching_policy, unw_set_caching_policy)                   \
  X(set_cache_size, unw_set_cache_size) X(flush_cache, unw_flush_cache) X(init_remote, unw_init_remote)       \
  X(step, unw_step) X(get_reg, unw_get_reg) X(get_save_loc, unw_get_save_loc)                                 \
  X(is_signal_frame, unw_is_signal_frame) X(search_table, UNW_OBJ(dwarf_search_unwind_table))
#define TEXT(name) #name
#define NAME(name) TEXT(name)

static struct {
#define X(field, name) __typeof__(name) *field;
  FUNCTIONS(X)
#undef X
} lib;

// A table may ask for a division by nothing (DW_OP_div, DW_OP_mod), and libunwind does it. It holds no lock then: what the table says
// is fetched under one, and worked out after it (libunwind 1.6.2, src/dwarf/Gparser.c, dwarf_step).
static _Thread_local sigjmp_buf before;
static _Thread_local volatile sig_atomic_t is_walking;

static void divided(int number, siginfo_t *info, void *context) {
  (void)context;
  // Sent by somebody, to our process group maybe: nothing to do with us.
  if (info->si_code <= 0) return;
  if (is_walking) siglongjmp(before, 1);
  // Nobody's walk: the instruction is made again, and ends the process as it should.
  signal(number, SIG_DFL);
}

static int load(void) {
  static int state;
  if (state != 0) return state > 0;
  state = -1;
  void *handle = dlopen("libunwind-x86_64.so.8", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return 0;
#define X(field, name)                                \
  *(void **)&lib.field = dlsym(handle, NAME(name));   \
  if (!lib.field) return 0;
  FUNCTIONS(X)
#undef X
  // The mask is not put back by a jump.
  struct sigaction action = {.sa_sigaction = divided, .sa_flags = SA_NODEFER | SA_SIGINFO};
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGFPE);
  if (sigaction(SIGFPE, &action, NULL) != 0 || pthread_sigmask(SIG_UNBLOCK, &only, NULL) != 0) return 0;
  state = 1;
  return 1;
}

struct cunwind_space {
  unw_addr_space_t space;
  cunwind_space *next;
};

// Spaces that nobody has just now. For one thread.
static cunwind_space *spare;

enum { WORDS = 17 };

// By libunwind's number (UNW_X86_64_RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8 to R15, RIP), the place in struct user_regs_struct.
static const unsigned char places[WORDS] = {10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16};

static int access_memory(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int writes, void *argument) {
  (void)space;
  const struct cunwind_source *source = argument;
  if (writes) return -UNW_EREADONLYREG;
  return source->read(source->context, address, value) == 0 ? 0 : -UNW_EINVAL;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int writes, void *argument) {
  (void)space;
  const struct cunwind_source *source = argument;
  if (writes) return -UNW_EREADONLYREG;
  if (number < 0 || number >= WORDS) return -UNW_EBADREG;
  *value = source->registers[places[number]];
  return 0;
}

static int access_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int writes, void *argument) {
  (void)space, (void)number, (void)value, (void)writes, (void)argument;
  return -UNW_EBADREG;
}

static int find_info(
  unw_addr_space_t space, unw_word_t address, unw_proc_info_t *info, int wants_unwind_info, void *argument) {
  const struct cunwind_source *source = argument;
  struct cunwind_table found;
  if (source->find(source->context, address, &found) != 0) return -UNW_ENOINFO;
  unw_dyn_info_t dynamic = {
    .start_ip = found.code_start,
    .end_ip = found.code_end,
    .format = UNW_INFO_FORMAT_REMOTE_TABLE,
    .u.rti = {
      .segbase = found.header,
      // In words; an entry of the binary search table has two 32-bit numbers.
      .table_len = found.entries * 8 / sizeof(unw_word_t),
      .table_data = found.table,
    },
  };
  int result = lib.search_table(space, address, &dynamic, info, wants_unwind_info, argument);
  // The column of the return address is used as an index unchecked (struct dwarf_cie_info, its seventh word; include/dwarf.h). On x86_64
  // it is 16 (System V ABI, AMD64 supplement, figure 3.36), and what says otherwise is no table.
  if (result == 0 && info->unwind_info && ((const unw_word_t *)info->unwind_info)[6] != 16) return -UNW_EBADFRAME;
  return result;
}

// What is given back is a few bytes of a pool of libunwind's, for each address that its cache had not: the function for it is not
// exported, and the pool dies with the process.
static void put_info(unw_addr_space_t space, unw_proc_info_t *info, void *argument) {
  (void)space, (void)info, (void)argument;
}

static int no_dynamic_list(unw_addr_space_t space, unw_word_t *address, void *argument) {
  (void)space, (void)address, (void)argument;
  return -UNW_ENOINFO;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *argument) {
  (void)space, (void)cursor, (void)argument;
  return -UNW_EINVAL;
}

static int no_name(
  unw_addr_space_t space, unw_word_t address, char *name, size_t size, unw_word_t *offset, void *argument) {
  (void)space, (void)address, (void)name, (void)size, (void)offset, (void)argument;
  return -UNW_ENOINFO;
}

int cunwind_is_there(void) { return load(); }

cunwind_space *cunwind_create(unsigned cached) {
  static unw_accessors_t accessors = {
    .find_proc_info = find_info,
    .put_unwind_info = put_info,
    .get_dyn_info_list_addr = no_dynamic_list,
    .access_mem = access_memory,
    .access_reg = access_register,
    .access_fpreg = access_float,
    .resume = no_resume,
    .get_proc_name = no_name,
  };
  // unw_destroy_addr_space leaves the cache behind, so spaces are used again.
  if (spare) {
    cunwind_space *again = spare;
    spare = again->next;
    return again;
  }
  if (!load()) return NULL;
  cunwind_space *space = malloc(sizeof *space);
  if (!space) return NULL;
  space->space = lib.create_addr_space(&accessors, 0);
  if (!space->space) {
    free(space);
    return NULL;
  }
  lib.set_caching_policy(space->space, UNW_CACHE_GLOBAL);
  // The first use of a cache sets its size to 128, whatever was asked for before (libunwind 1.6.2, src/dwarf/Gparser.c,
  // get_rs_cache; src/mi/Gset_cache_size.c), so it is asked for twice.
  lib.set_cache_size(space->space, cached, 0);
  lib.set_cache_size(space->space, cached, 0);
  return space;
}

void cunwind_destroy(cunwind_space *space) {
  if (!space) return;
  lib.flush_cache(space->space, 0, 0);
  space->next = spare;
  spare = space;
}

size_t cunwind_walk(
  cunwind_space *space, const struct cunwind_source *source, struct cunwind_frame *frames, size_t most) {
  unw_cursor_t cursor;
  if (most == 0 || lib.init_remote(&cursor, space->space, (void *)source) != 0) return 0;
  volatile size_t count = 0;
  uint64_t below = 0;
  if (sigsetjmp(before, 0) != 0) {
    is_walking = 0;
    return count;
  }
  is_walking = 1;
  for (;;) {
    unw_word_t address, pointer;
    if (lib.get_reg(&cursor, UNW_X86_64_RIP, &address) != 0 || lib.get_reg(&cursor, UNW_X86_64_RSP, &pointer) != 0) break;
    // On an alternate signal stack the interrupted code's stack may lie below.
    int was_signal = count > 0 && frames[count - 1].is_signal;
    if (address == 0 || (count > 0 && pointer <= below && !was_signal)) break;
    unw_save_loc_t place;
    frames[count].address = address;
    frames[count].stack_pointer = pointer;
    frames[count].saved_at = lib.get_save_loc(&cursor, UNW_X86_64_RIP, &place) == 0 && place.type == UNW_SLT_MEMORY
                               ? place.u.addr
                               : 0;
    frames[count].is_signal = lib.is_signal_frame(&cursor) > 0;
    below = pointer;
    count = count + 1;
    if (count == most || lib.step(&cursor) <= 0) break;
  }
  is_walking = 0;
  return count;
}
