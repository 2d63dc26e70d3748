// For this target's own files: what a launched program is given back, and what a fork of ours is not to take.
#ifndef SURROUNDINGS_H
#define SURROUNDINGS_H

// Signal dispositions, limits and the signal mask as they were before clinux_block_signals.
void clinux_give_back(void);

// Blocks the signals that clinux_wait has let through.
void clinux_hold_signals(void);

#endif
