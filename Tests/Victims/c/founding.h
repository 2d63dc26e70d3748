// GLib 2.24's main context, as far as the founding bug needs it (glib/gmain.c: g_main_context_prepare, _check,
// _wakeup_unlocked). A private flag counts the bytes of a pipe; fork copies the flag and shares the pipe.
#pragma once
#include "victim.h"

struct context {
    int read_end, write_end;
    bool poll_waiting;
    long reads;
    pthread_mutex_t lock;
};

static inline void prepare(struct context *context) {
    pthread_mutex_lock(&context->lock);
    context->poll_waiting = true;
    pthread_mutex_unlock(&context->lock);
}

// Says whether a byte was written: none is when the loop is known to be awake.
static inline bool wakeup(struct context *context) {
    pthread_mutex_lock(&context->lock);
    bool asleep = context->poll_waiting;
    if (asleep) {
        context->poll_waiting = false;
        put_byte(context->write_end, 'A');
    }
    pthread_mutex_unlock(&context->lock);
    return asleep;
}

// Says whether a wakeup was consumed: the flag, and not the pipe, is asked.
static inline bool check(struct context *context) {
    pthread_mutex_lock(&context->lock);
    bool woken = !context->poll_waiting;
    if (woken) {
        char byte;
        need(read(context->read_end, &byte, 1) == 1, "reading the own wakeup");
        context->reads++;
    }
    context->poll_waiting = false;
    pthread_mutex_unlock(&context->lock);
    return woken;
}
