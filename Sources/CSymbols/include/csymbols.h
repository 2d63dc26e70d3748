// Names for addresses: elfutils' libdwfl (0.188), which finds symbol tables, separate debug files and line tables, and GNU libiberty's
// demangler, behind plain functions.
#ifndef CSYMBOLS_H
#define CSYMBOLS_H

#include <stddef.h>
#include <stdint.h>

/// One ELF file with what can be found of its symbols.
typedef struct csymbols_file csymbols_file;

struct csymbols_name {
  /// As in the symbol table, or the debug information's name of an inlined function; NULL where there is none. Lives as long as the file.
  const char *function;
  /// NULL and 0 where there is no line table.
  const char *source;
  int line;
};

/// Opens the file at `path` if its NT_GNU_BUILD_ID is the given one; with `length` 0, if it has none and FNV-1a (64 bits) of its ELF
/// header and program headers is `digest`. NULL with `*reason` set otherwise: it is not there, no ELF file, or another. The path may be a
/// stranger's choice: what is no regular file is not opened. Separate debug files are looked for under /usr/lib/debug only, and no
/// debuginfod server is asked.
csymbols_file *csymbols_open(
  const char *path, const uint8_t *build_id, size_t length, uint64_t digest, const char **reason);
void csymbols_close(csymbols_file *file);
/// The functions at an address of the file (p_vaddr), the innermost of those that were inlined there first. Returns how many.
size_t csymbols_names(csymbols_file *file, uint64_t address, struct csymbols_name *names, size_t most);
/// The readable form of a C++ or Rust symbol, to be freed; NULL where it is none.
char *csymbols_demangle(const char *symbol);

#endif
