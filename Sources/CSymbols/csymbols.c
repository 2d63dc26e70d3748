#define _GNU_SOURCE
#include "csymbols.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// libdw and what it needs take 2 ms to load, and most traces need no names: it is loaded with the first file.
#define FUNCTIONS(X)                                                                                        \
  X(dwfl_begin) X(dwfl_end) X(dwfl_report_begin) X(dwfl_report_elf) X(dwfl_report_end) X(dwfl_module_getelf) \
  X(dwfl_module_build_id) X(dwfl_module_addrinfo) X(dwfl_module_nextcu) X(dwfl_module_addrdie)               \
  X(dwarf_getsrc_die) X(dwarf_lineno) X(dwarf_linesrc) X(dwarf_haspc) X(dwfl_standard_find_debuginfo) X(dwfl_offline_section_address) X(dwarf_attr)             \
  X(dwarf_attr_integrate) X(dwarf_formstring) X(dwarf_formudata) X(dwarf_getsrcfiles) X(dwarf_filesrc)       \
  X(dwarf_getscopes) X(dwarf_tag)

static struct {
#define X(name) __typeof__(name) *name##_;
  FUNCTIONS(X)
#undef X
} lib;

static int load(void) {
  static int state;
  if (state != 0) return state > 0;
  state = -1;
  void *handle = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return 0;
#define X(name)                                               \
  *(void **)&lib.name##_ = dlsym(handle, #name);              \
  if (!lib.name##_) return 0;
  FUNCTIONS(X)
#undef X
  state = 1;
  return 1;
}

struct csymbols_file {
  Dwfl *dwfl;
  Dwfl_Module *module;
};

static int find_no_elf(
  Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, char **file_name, Elf **elf) {
  (void)module, (void)data, (void)name, (void)base, (void)file_name, (void)elf;
  return -1;
}

// Opens a regular file; to open a device could do something.
static int open_file(const char *path) {
  int place = open(path, O_PATH | O_CLOEXEC);
  if (place < 0) return -1;
  struct stat facts;
  int descriptor = -1;
  if (fstat(place, &facts) == 0 && S_ISREG(facts.st_mode)) {
    char again[40];
    snprintf(again, sizeof again, "/proc/self/fd/%d", place);
    descriptor = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  }
  close(place);
  return descriptor;
}

static uint64_t digest_of(int descriptor) {
  enum { MOST = 64 * 64 };
  Elf64_Ehdr header;
  unsigned char table[MOST];
  if (pread(descriptor, &header, sizeof header, 0) != sizeof header) return 0;
  size_t size = (size_t)header.e_phentsize * header.e_phnum;
  if (size > sizeof table || pread(descriptor, table, size, (off_t)header.e_phoff) != (ssize_t)size) return 0;
  uint64_t hash = 0xCBF29CE484222325;
  const unsigned char *bytes = (const unsigned char *)&header;
  for (size_t i = 0; i < sizeof header; i++) hash = (hash ^ bytes[i]) * 0x100000001B3;
  for (size_t i = 0; i < size; i++) hash = (hash ^ table[i]) * 0x100000001B3;
  return hash;
}

csymbols_file *csymbols_open(
  const char *path, const uint8_t *build_id, size_t length, uint64_t digest, const char **reason) {
  static char *places = "/usr/lib/debug";
  static Dwfl_Callbacks callbacks = {.find_elf = find_no_elf, .debuginfo_path = &places};
  *reason = "libdw.so.1 is not installed";
  if (!load()) return NULL;
  callbacks.find_debuginfo = lib.dwfl_standard_find_debuginfo_;
  callbacks.section_address = lib.dwfl_offline_section_address_;
  // dwfl_standard_find_debuginfo would ask the servers that it names.
  unsetenv("DEBUGINFOD_URLS");
  *reason = "it is not there";
  int descriptor = open_file(path);
  if (descriptor < 0) return NULL;
  if (length == 0 && digest_of(descriptor) != digest) {
    *reason = "it is another file by now";
    close(descriptor);
    return NULL;
  }
  csymbols_file *file = calloc(1, sizeof *file);
  if (file) file->dwfl = lib.dwfl_begin_(&callbacks);
  if (!file || !file->dwfl) {
    close(descriptor);
    free(file);
    return NULL;
  }
  *reason = "it is no ELF file";
  lib.dwfl_report_begin_(file->dwfl);
  // With a load bias of 0 addresses are the file's own.
  file->module = lib.dwfl_report_elf_(file->dwfl, path, path, descriptor, 0, true);
  lib.dwfl_report_end_(file->dwfl, NULL, NULL);
  if (!file->module) {
    close(descriptor);
    csymbols_close(file);
    return NULL;
  }
  GElf_Addr bias;
  const unsigned char *found = NULL;
  GElf_Addr place;
  lib.dwfl_module_getelf_(file->module, &bias);
  int found_length = lib.dwfl_module_build_id_(file->module, &found, &place);
  if (found_length < 0) found_length = 0;
  if ((size_t)found_length != length || (length > 0 && memcmp(found, build_id, length) != 0)) {
    *reason = "it is another file by now";
    csymbols_close(file);
    return NULL;
  }
  return file;
}

void csymbols_close(csymbols_file *file) {
  if (!file) return;
  if (file->dwfl) lib.dwfl_end_(file->dwfl);
  free(file);
}

static const char *name_of(Dwarf_Die *die) {
  Dwarf_Attribute attribute;
  const char *name = lib.dwarf_formstring_(lib.dwarf_attr_integrate_(die, DW_AT_linkage_name, &attribute));
  return name ? name : lib.dwarf_formstring_(lib.dwarf_attr_integrate_(die, DW_AT_name, &attribute));
}

// The line that an inlined function was called at.
static int call_line(Dwarf_Die *die) {
  Dwarf_Attribute attribute;
  Dwarf_Word line;
  return lib.dwarf_formudata_(lib.dwarf_attr_(die, DW_AT_call_line, &attribute), &line) == 0 ? (int)line : 0;
}

static const char *call_file(Dwarf_Die *unit, Dwarf_Die *die) {
  Dwarf_Attribute attribute;
  Dwarf_Word number;
  Dwarf_Files *files;
  size_t count;
  if (lib.dwarf_formudata_(lib.dwarf_attr_(die, DW_AT_call_file, &attribute), &number) != 0) return NULL;
  if (lib.dwarf_getsrcfiles_(unit, &files, &count) != 0 || number >= count) return NULL;
  return lib.dwarf_filesrc_(files, number, NULL, NULL);
}

// The compilation unit of an address. Without .debug_aranges, which Clang and Go do not write, libdwfl finds none, and each unit is asked.
static Dwarf_Die *unit_of(Dwfl_Module *module, Dwarf_Addr address, Dwarf_Addr *bias) {
  Dwarf_Die *unit = lib.dwfl_module_addrdie_(module, address, bias);
  if (unit) return unit;
  while ((unit = lib.dwfl_module_nextcu_(module, unit, bias)))
    if (lib.dwarf_haspc_(unit, address - *bias) > 0) return unit;
  return NULL;
}

size_t csymbols_names(csymbols_file *file, uint64_t address, struct csymbols_name *names, size_t most) {
  if (most == 0) return 0;
  size_t count = 0;
  GElf_Off offset = 0;
  GElf_Sym symbol;
  const char *function = lib.dwfl_module_addrinfo_(file->module, address, &offset, &symbol, NULL, NULL, NULL);
  // The nearest symbol before an address names it only as far as it goes.
  if (function && symbol.st_size > 0 && offset >= symbol.st_size) function = NULL;
  if (function && symbol.st_size == 0 && offset >= 4096) function = NULL;
  const char *source = NULL;
  int line = 0;
  Dwarf_Addr bias = 0;
  Dwarf_Die *unit = unit_of(file->module, address, &bias);
  Dwarf_Line *found = unit ? lib.dwarf_getsrc_die_(unit, address - bias) : NULL;
  if (found && lib.dwarf_lineno_(found, &line) == 0) source = lib.dwarf_linesrc_(found, NULL, NULL);
  Dwarf_Die *scopes = NULL;
  int depth = unit ? lib.dwarf_getscopes_(unit, address - bias, &scopes) : 0;
  for (int i = 0; i < depth && count + 1 < most; i++) {
    if (lib.dwarf_tag_(&scopes[i]) == DW_TAG_subprogram) break;
    if (lib.dwarf_tag_(&scopes[i]) != DW_TAG_inlined_subroutine) continue;
    names[count++] = (struct csymbols_name){name_of(&scopes[i]), source, line};
    source = call_file(unit, &scopes[i]);
    line = call_line(&scopes[i]);
  }
  free(scopes);
  names[count++] = (struct csymbols_name){function, source, line};
  return count;
}

char *csymbols_demangle(const char *symbol) {
  if (symbol[0] != '_') return NULL;
  return cplus_demangle(symbol, DMGL_AUTO | DMGL_NO_OPTS);
}
