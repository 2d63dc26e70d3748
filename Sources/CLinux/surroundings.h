// For this target's own files: what a launched program is given back.
#ifndef SURROUNDINGS_H
#define SURROUNDINGS_H

// Signal dispositions, limits and the signal mask as they were before clinux_block_signals.
void clinux_give_back(void);

#endif
