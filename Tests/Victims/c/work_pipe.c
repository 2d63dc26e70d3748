// victim: a parent puts 64 records of 16 bytes into a pipe; three forked workers take records from it, and so does it
// clean: yes
// forbid: foreign-wakeup-write
// forbid: foreign-read
// forbid: busy-poll
//
// No bug: the parent polls and reads what others read too, and may find the pipe empty after a poll that promised
// something. But any of them may take any record, there is an end mark for each, and every record is done once.
#include "victim.h"

enum { WORKERS = 3, RECORDS = 64 };

struct record {
    uint32_t id, seven, xor_nine, one;
};

static int ends[2];
static struct {
    int sum, count;
} *done;

static void put(uint32_t id) {
    struct record record = {id, id * 7, id ^ 9, 1};
    need(write(ends[1], &record, sizeof record) == sizeof record, "a record is written");
}

// Whether it was a record and not the end mark.
static bool take(void) {
    struct record record;
    need(read(ends[0], &record, sizeof record) == sizeof record, "a record is read");
    if (record.id == 0) return false;
    need(record.seven == record.id * 7 && record.xor_nine == (record.id ^ 9), "a record is whole");
    __atomic_fetch_add(&done->sum, (int)record.id, __ATOMIC_RELAXED);
    __atomic_fetch_add(&done->count, 1, __ATOMIC_RELAXED);
    return true;
}

int main(void) {
    limit();
    done = shared_memory(sizeof *done);
    need(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
    for (int i = 0; i < WORKERS; i++) {
        if (fork_child() != 0) continue;
        while (take()) usleep(3000);
        _exit(0);
    }
    for (uint32_t id = 1; id <= RECORDS; id++) put(id);
    for (int i = 0; i < WORKERS + 1; i++) put(0);
    for (bool more = true; more;) {
        wait_input(ends[0]);
        more = take();
        usleep(800);
    }
    for (int i = 0; i < WORKERS; i++) need_success(-1);
    need(done->count == RECORDS && done->sum == RECORDS * (RECORDS + 1) / 2, "every record was done once");
    return 0;
}
