// What looks like a CPython of a version that nobody knows yet, or without a GIL: _Py_DebugOffsets with its cookie, version and flag.
// Argument: the version as in PY_VERSION_HEX, and whether it is free-threaded. To be linked with -rdynamic.
#include "channels.h"

struct {
  char cookie[8];
  uint64_t version, free_threaded, words[96];
} _PyRuntime = {.cookie = {'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'}};

int main(int count, char **arguments) {
  demand(count == 3);
  _PyRuntime.version = strtoul(arguments[1], NULL, 16);
  _PyRuntime.free_threaded = strtoul(arguments[2], NULL, 10);
  const char *problem = channels_work(1);
  say("%s\n", problem ? problem : "works");
  return 0;
}
