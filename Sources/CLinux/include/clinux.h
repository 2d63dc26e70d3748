// What Swift cannot say of Linux: variadic calls, code between fork and exec, and kernel structs that glibc's module
// does not show. Nothing here knows what faultline is for.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// ptrace(2). Returns 0 or a value; on failure -errno.
long clinux_ptrace(long request, pid_t pid, uintptr_t address, uintptr_t data);

// PTRACE_SEIZE, given up with -EAGAIN after that many milliseconds. All signals must be blocked.
long clinux_seize(pid_t tid, uintptr_t options, int milliseconds);

// struct ptrace_syscall_info (linux/ptrace.h, Linux 5.3), flattened.
struct clinux_syscall_info {
  uint8_t op;  // 0 none, 1 entry, 2 exit, 3 seccomp
  uint32_t arch;
  uint64_t instruction_pointer;
  uint64_t stack_pointer;
  uint64_t number;
  uint64_t arguments[6];
  int64_t result;
};

// PTRACE_GET_SYSCALL_INFO. Returns 0 or -errno.
long clinux_syscall_info(pid_t tid, struct clinux_syscall_info *info);

// PTRACE_GETSIGINFO. Fills number, code and, where the code says that a process sent it, the sender. 0 or -errno.
long clinux_signal_info(pid_t tid, int32_t *number, int32_t *code, int32_t *sender);

// process_vm_readv of one stretch. Returns the bytes read (a short count at an unmapped page) or -errno.
ssize_t clinux_read_memory(pid_t tid, uint64_t address, void *into, size_t count);
/// The eight bytes at each of `count` addresses, by as few calls as there may be. 0, or a negative errno if one cannot be read.
int clinux_read_words(pid_t tid, const uint64_t *addresses, uint64_t *values, size_t count);

// Writes to memory that the tracee itself may only read, too (/proc/TID/mem). Returns the bytes written or -errno.
ssize_t clinux_write_memory(pid_t tid, uint64_t address, const void *from, size_t count);

// What is known of a file without asking who serves it (statx(2), AT_STATX_DONT_SYNC): a FUSE server may be a tracee.
struct clinux_file {
  uint32_t mode, major, minor, user, group;
  uint64_t inode;
  uint64_t mount;  // its id in mountinfo (Linux 5.8)
};

// Fills it in; 0 or -errno.
int clinux_look(const char *path, struct clinux_file *file);

// Whether a program file has capabilities (capabilities(7), "File capabilities").
int clinux_has_capabilities(const char *path);

// kcmp(KCMP_FILES): 1 if both threads use the same descriptor table, 0 if not, -errno if the kernel does not say.
int clinux_same_table(pid_t first, pid_t second);

// Copies a descriptor of another process (pidfd_getfd(2), Linux 5.6) and asks how many bytes wait there to be read
// (FIONREAD). -errno if it cannot be told.
long clinux_bytes_waiting(pid_t pid, int fd);

// The same way: whether poll(2) would tell that there is something to be read, an end or an error.
int clinux_is_readable(pid_t pid, int fd);

// SO_RCVTIMEO, or SO_SNDTIMEO, of another process's socket, in ns; 0 for none, -1 if it is no socket or cannot be asked.
long clinux_socket_timeout(pid_t pid, int fd, int sending);

// Whether all pages of a stretch are mapped to memory or swap (/proc/TID/pagemap): 1 or 0; -errno if it cannot be told.
int clinux_pages_present(pid_t tid, uint64_t address, size_t count);

// kcmp(KCMP_FILE): 1 if both descriptors share an open file, 0 if not, -errno if the kernel does not say.
int clinux_same_file(pid_t first, int first_fd, pid_t second, int second_fd);

// kcmp(KCMP_FILE)'s order of open files: -1, 0 or 1; 2 if the kernel does not say.
int clinux_compare_files(pid_t first, int first_fd, pid_t second, int second_fd);

// Why a launched program did not start.
struct clinux_failure {
  int32_t stage;  // 0 none, 1 filter, 2 exec
  int32_t error;
};

struct clinux_launch {
  char *const *arguments;   // argv, NULL-terminated; argv[0] is looked up in PATH
  const uint64_t *filter;   // struct sock_filter as 8-byte words
  uint16_t filter_length;   // in instructions
};

// Forks a child that waits for clinux_release, then installs the seccomp filter and execs. Its signal mask and dispositions are those from before clinux_block_signals. Returns the pid or -errno.
pid_t clinux_launch_start(const struct clinux_launch *launch);

// Lets the launched child go on to exec.
void clinux_release(void);

// Lets the launched child exit instead, and waits for it.
void clinux_abandon(pid_t pid);

// What the launched child said of its failure, once it has ended or exec'd.
struct clinux_failure clinux_launch_failure(void);

// Blocks all signals, but for those that clinux_wait lets through, and ignores XFSZ.
void clinux_block_signals(void);

// Forgets the signals that wait, and lets all through again that were before clinux_block_signals.
void clinux_restore_signals(void);

// Whether somebody cut a file short that we have mapped.
int clinux_has_lost_pages(void);

// Waits for a child or tracee to have a status. Its number; 0 if a signal or a tick came first; -errno (-ECHILD: there is none).
pid_t clinux_wait(int *status);

// The same without waiting: 0 if none is ready.
pid_t clinux_poll(int *status);

// From now on clinux_wait returns at least every `period` ns; 0: only for signals.
void clinux_tick(int64_t period);

// Whether HUP, INT, QUIT, TERM, TSTP, TTIN or TTOU has come.
int clinux_has_signal(void);

// Takes the oldest one of these that has come. Its number, or 0. `sender`: the process that sent it (si_pid), 0 for the kernel.
int clinux_next_signal(pid_t *sender);

// From now on large blocks of memory go back to the system when they are freed. Arrays that grow leave their old storage behind, and
// glibc left to itself keeps it (2.36, malloc/malloc.c: the threshold for mmap rises with each large block that is freed).
void clinux_return_large_blocks(void);

// Opens /dev/cpu_dma_latency and holds 0 there until the descriptor is closed. The descriptor or -errno.
int clinux_hold_latency(void);

// Keeps this process, and those that it makes from then on, on the core where it runs. 0 or -errno.
int clinux_pin(void);

// The numbers of a process that are pipes, fifos, eventfds or sockets, ascending as /proc/PID/fd lists them. Their count; 0 if it
// has more than `most` descriptors; -errno.
int clinux_channels(pid_t pid, int32_t *numbers, int most);

// What kind of socket a descriptor of another process is.
enum clinux_socket { CLINUX_NO_SOCKET, CLINUX_OTHER_SOCKET, CLINUX_LISTENING, CLINUX_CONNECTED_STREAM };
int clinux_socket_kind(pid_t pid, int fd);

// The same; of a connected stream the peer's address, in words, as a C string of at most `room` bytes.
int clinux_socket_peer(pid_t pid, int fd, char *text, size_t room);

// What a socket of another process is bound to, in the same words. 0 or -errno.
int clinux_socket_address(pid_t pid, int fd, char *text, size_t room);

// Stops this process by a stop signal, until SIGCONT.
void clinux_stop_by(int signal);

// The same, but goes on as soon as `target` is to go on: somebody may continue that one, and not us.
void clinux_stop_with(pid_t target, int signal);

// Ends this process as `signal` would have, without a core file; returns if the signal did not kill.
void clinux_die_by(int signal);

// A file in that folder that has no name until clinux_name_file gives it one (O_TMPFILE, Linux 3.11). Its descriptor or -errno.
int clinux_open_nameless(int folder);

// Gives it one. 0 or an errno.
int clinux_name_file(int descriptor, int folder, const char *name);

// MARK: Probes (probe.c)

// What clinux_probe tries. The order of the list means nothing.
enum clinux_step {
  CLINUX_STEP_PTRACE,               // that ptrace(2) is reached at all
  CLINUX_STEP_SEIZE,                // PTRACE_SEIZE of an own child
  CLINUX_STEP_INTERRUPT,            // PTRACE_INTERRUPT, and its stop
  CLINUX_STEP_SYSCALL_INFO,         // PTRACE_GET_SYSCALL_INFO
  CLINUX_STEP_PEEK,                 // PTRACE_PEEKDATA
  CLINUX_STEP_READ_MEMORY,          // process_vm_readv
  CLINUX_STEP_SAME_FILE,            // kcmp(KCMP_FILE)
  CLINUX_STEP_PIDFD_OPEN,
  CLINUX_STEP_PIDFD_GETFD,
  CLINUX_STEP_FILTER,               // a seccomp filter without NO_NEW_PRIVS
  CLINUX_STEP_FILTER_NO_NEW_PRIVS,  // with it; tried if the other failed
  CLINUX_STEP_FILTER_STOP,          // that SECCOMP_RET_TRACE stops the child, and that entry and exit are told apart
  CLINUX_STEP_ATTACH,               // PTRACE_SEIZE of a process of the same user that is no descendant
  CLINUX_STEP_OTHERS,               // the same of another user's
  CLINUX_STEP_RING,                 // io_uring_setup
  CLINUX_STEPS
};

// What became of a step: 0 it works, above 0 the errno (EPROTO: it succeeded and did something else), this value if
// it was not tried, this value less N if signal N ended who tried.
#define CLINUX_STEP_UNTRIED (-1)

// Tries them all, in children that end before it returns. `options`: for PTRACE_SEIZE; `strangers`: processes of
// other users. Fills CLINUX_STEPS numbers. Returns 0, or -errno if no child could be made.
int clinux_probe(uintptr_t options, const pid_t *strangers, size_t count, int32_t *steps);

// PR_GET_DUMPABLE: 1 if others of the same user may trace and look at this process.
int clinux_is_dumpable(void);

#endif
