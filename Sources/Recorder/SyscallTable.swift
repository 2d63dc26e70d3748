// The one table of system calls: what is stopped at, how its arguments are read, and so what it does to lineage (through
// the Operation that its shape decodes to).

import Trace

/// How a call's arguments lie. Argument numbers count from 0.
enum CallShape: Sendable {
  case plain
  case pipe(flags: Bool)
  case eventfd(flags: Bool)
  /// Makes a descriptor of that kind; `flags`: which argument holds O_CLOEXEC and O_NONBLOCK, or -1.
  case create(ObjectKind, flags: Int, value: Int)
  case signalfd(flags: Bool)
  case memfd
  case socketPair, socket, connect, bind, listen, shutdown
  case accept(flags: Bool)
  case dup, dup2
  case dup3
  case fcntl, ioctl
  case flock
  case close, closeRange
  /// `path`: which argument; the flags follow it.
  case open(path: Int)
  case creat, openat2
  case epollControl
  case epollWait, epollPwait2
  case poll, ppoll, select, pselect
  /// fd, buffer, size.
  case transfer(Transfer.Direction, positioned: Bool)
  /// fd, iovec, count.
  case vector(Transfer.Direction, positioned: Bool)
  /// preadv2 and pwritev2: a position of -1 means the stream's.
  case vectorAt(Transfer.Direction)
  case send, receive
  case message(Transfer.Direction)
  case messages(Transfer.Direction)
  case splice, tee, sendfile
  case setTimer
  case takeDescriptor
  case spawn(Spawn)
  case unshare
  case exec(path: Int)
  case exit(group: Bool)
  /// Which arguments hold the target and the signal.
  case sendSignal(target: Int, signal: Int)
  case signalAction, signalReturn
  case sleep(timespec: Int)
  case waitChild
  case ring
  case restart
  case futex
  /// Makes a descriptor that is looked up once it is there.
  case opaque
  /// What would show the tracer, or our filter.
  case ptrace, prctl, seccomp

  /// Makes descriptors that its operation does not tell.
  var makesDescriptors: Bool {
    switch self {
    case .opaque, .seccomp: true
    default: false
    }
  }

  enum Spawn: Sendable { case fork, vfork, clone, clone3 }
}

struct SyscallRow: Sendable {
  let syscall: Syscall
  let shape: CallShape
  /// Only attached programs stop here, since they stop everywhere.
  let isForAttached: Bool

  init(_ syscall: Syscall, _ shape: CallShape, isForAttached: Bool = false) {
    self.syscall = syscall
    self.shape = shape
    self.isForAttached = isForAttached
  }
}

enum SyscallTable {
  static let rows: [SyscallRow] = [
    SyscallRow(.pipe, .pipe(flags: false)),
    SyscallRow(.pipe2, .pipe(flags: true)),
    SyscallRow(.eventfd, .eventfd(flags: false)),
    SyscallRow(.eventfd2, .eventfd(flags: true)),
    SyscallRow(.socketpair, .socketPair),
    SyscallRow(.socket, .socket),
    SyscallRow(.connect, .connect),
    SyscallRow(.accept, .accept(flags: false)),
    SyscallRow(.accept4, .accept(flags: true)),
    SyscallRow(.listen, .listen),
    SyscallRow(.bind, .bind),
    SyscallRow(.shutdown, .shutdown),
    SyscallRow(.dup, .dup),
    SyscallRow(.dup2, .dup2),
    SyscallRow(.dup3, .dup3),
    SyscallRow(.fcntl, .fcntl),
    SyscallRow(.ioctl, .ioctl),
    SyscallRow(.flock, .flock),
    SyscallRow(.close, .close),
    SyscallRow(.closeRange, .closeRange),
    SyscallRow(.open, .open(path: 0)),
    SyscallRow(.openat, .open(path: 1)),
    SyscallRow(.openat2, .openat2),
    SyscallRow(.creat, .creat),
    SyscallRow(.epollCreate, .create(.epoll, flags: -1, value: -1)),
    SyscallRow(.epollCreate1, .create(.epoll, flags: 0, value: -1)),
    SyscallRow(.epollCtl, .epollControl),
    SyscallRow(.epollWait, .epollWait),
    SyscallRow(.epollPwait, .epollWait),
    SyscallRow(.epollPwait2, .epollPwait2),
    SyscallRow(.poll, .poll),
    SyscallRow(.ppoll, .ppoll),
    SyscallRow(.select, .select),
    SyscallRow(.pselect6, .pselect),
    SyscallRow(.read, .transfer(.input, positioned: false)),
    SyscallRow(.pread64, .transfer(.input, positioned: true)),
    SyscallRow(.write, .transfer(.output, positioned: false)),
    SyscallRow(.pwrite64, .transfer(.output, positioned: true)),
    SyscallRow(.readv, .vector(.input, positioned: false)),
    SyscallRow(.writev, .vector(.output, positioned: false)),
    SyscallRow(.preadv, .vector(.input, positioned: true)),
    SyscallRow(.pwritev, .vector(.output, positioned: true)),
    SyscallRow(.preadv2, .vectorAt(.input)),
    SyscallRow(.pwritev2, .vectorAt(.output)),
    SyscallRow(.vmsplice, .vector(.output, positioned: false)),
    SyscallRow(.sendto, .send),
    SyscallRow(.recvfrom, .receive),
    SyscallRow(.sendmsg, .message(.output)),
    SyscallRow(.recvmsg, .message(.input)),
    SyscallRow(.sendmmsg, .messages(.output)),
    SyscallRow(.recvmmsg, .messages(.input)),
    SyscallRow(.splice, .splice),
    SyscallRow(.tee, .tee),
    SyscallRow(.sendfile, .sendfile),
    SyscallRow(.signalfd, .signalfd(flags: false)),
    SyscallRow(.signalfd4, .signalfd(flags: true)),
    SyscallRow(.timerfdCreate, .create(.timerfd, flags: 1, value: 0)),
    SyscallRow(.timerfdSettime, .setTimer),
    SyscallRow(.inotifyInit, .create(.inotify, flags: -1, value: -1)),
    SyscallRow(.inotifyInit1, .create(.inotify, flags: 0, value: -1)),
    SyscallRow(.pidfdOpen, .create(.pidfd, flags: 1, value: 0)),
    SyscallRow(.pidfdGetfd, .takeDescriptor),
    SyscallRow(.memfdCreate, .memfd),
    SyscallRow(.fork, .spawn(.fork)),
    SyscallRow(.vfork, .spawn(.vfork)),
    SyscallRow(.clone, .spawn(.clone)),
    SyscallRow(.clone3, .spawn(.clone3)),
    SyscallRow(.unshare, .unshare),
    SyscallRow(.execve, .exec(path: 0)),
    SyscallRow(.execveat, .exec(path: 1)),
    SyscallRow(.exit, .exit(group: false)),
    SyscallRow(.exitGroup, .exit(group: true)),
    SyscallRow(.kill, .sendSignal(target: 0, signal: 1)),
    SyscallRow(.tkill, .sendSignal(target: 0, signal: 1)),
    SyscallRow(.tgkill, .sendSignal(target: 1, signal: 2)),
    SyscallRow(.rtSigqueueinfo, .sendSignal(target: 0, signal: 1)),
    SyscallRow(.rtTgsigqueueinfo, .sendSignal(target: 1, signal: 2)),
    SyscallRow(.pidfdSendSignal, .sendSignal(target: 0, signal: 1)),
    SyscallRow(.rtSigaction, .signalAction),
    SyscallRow(.rtSigreturn, .signalReturn),
    SyscallRow(.nanosleep, .sleep(timespec: 0)),
    SyscallRow(.clockNanosleep, .sleep(timespec: 2)),
    SyscallRow(.wait4, .waitChild),
    SyscallRow(.waitid, .waitChild),
    SyscallRow(.pause, .plain),
    SyscallRow(.rtSigsuspend, .plain),
    SyscallRow(.rtSigtimedwait, .plain),
    SyscallRow(.ioUringSetup, .ring),
    SyscallRow(.restartSyscall, .restart),
    SyscallRow(.openByHandleAt, .opaque),
    SyscallRow(.perfEventOpen, .opaque),
    SyscallRow(.bpf, .opaque),
    SyscallRow(.userfaultfd, .opaque),
    SyscallRow(.fanotifyInit, .opaque),
    SyscallRow(.mqOpen, .opaque),
    SyscallRow(.openTree, .opaque),
    SyscallRow(.fsopen, .opaque),
    SyscallRow(.fsmount, .opaque),
    SyscallRow(.fspick, .opaque),
    SyscallRow(.landlockCreateRuleset, .opaque),
    SyscallRow(.memfdSecret, .opaque),
    SyscallRow(.ptrace, .ptrace),
    SyscallRow(.prctl, .prctl),
    SyscallRow(.seccomp, .seccomp),
    SyscallRow(.futex, .futex, isForAttached: true),
    SyscallRow(.semop, .plain),
    SyscallRow(.semtimedop, .plain),
    SyscallRow(.ioGetevents, .plain),
    SyscallRow(.ioUringEnter, .plain, isForAttached: true),
  ]

  /// Rows by number.
  private static let byNumber: [CallShape?] = {
    let highest = rows.map { Int($0.syscall.number) }.max() ?? 0
    var table = [CallShape?](repeating: nil, count: highest + 1)
    for row in rows { table[Int(row.syscall.number)] = row.shape }
    return table
  }()

  static func shape(_ number: UInt64) -> CallShape? {
    number < UInt64(byNumber.count) ? byNumber[Int(number)] : nil
  }
}
