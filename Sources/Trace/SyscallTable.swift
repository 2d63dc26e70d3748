// The one table of system calls: how its arguments are read (from registers by the recorder, from text by StraceLog), so what it does
// to lineage (through the Operation that its shape decodes to), and where a tracer stops at it.

/// How a call's arguments lie. Argument numbers count from 0.
public enum CallShape: Sendable {
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
  /// What may take away the privilege to install filters.
  case privilege

  /// Makes descriptors that its operation does not tell.
  public var makesDescriptors: Bool {
    switch self {
    case .opaque, .seccomp: true
    default: false
    }
  }

  /// Whether it hands over bytes to the descriptor in its first argument.
  public var mayWrite: Bool {
    switch self {
    case .transfer(.output, false), .vector(.output, false), .vectorAt(.output), .send, .message(.output),
      .messages(.output):
      true
    default: false
    }
  }

  public enum Spawn: Sendable { case fork, vfork, clone, clone3 }
}

/// Where launched programs stop at a call; attached ones stop at all of them.
public enum StopRule: Sendable {
  /// In every scope.
  case always
  /// In scope wakeups; in scope light once waits are armed.
  case waits
  /// Where the number in that argument is armed for one of the families.
  case armed(CallFamilies, argument: Int = 0)
  /// In scope all only.
  case all
  /// Never: only attached programs stop here, since they stop everywhere.
  case never
}

public struct SyscallRow: Sendable {
  public let syscall: Syscall
  public let shape: CallShape
  public let rule: StopRule

  init(_ syscall: Syscall, _ shape: CallShape, _ rule: StopRule) {
    self.syscall = syscall
    self.shape = shape
    self.rule = rule
  }
}

public enum SyscallTable {
  public static let rows: [SyscallRow] = [
    SyscallRow(.pipe, .pipe(flags: false), .always),
    SyscallRow(.pipe2, .pipe(flags: true), .always),
    SyscallRow(.eventfd, .eventfd(flags: false), .always),
    SyscallRow(.eventfd2, .eventfd(flags: true), .always),
    SyscallRow(.socketpair, .socketPair, .always),
    SyscallRow(.socket, .socket, .waits),
    SyscallRow(.connect, .connect, .armed(.messages)),
    SyscallRow(.accept, .accept(flags: false), .armed([.reads, .messages])),
    SyscallRow(.accept4, .accept(flags: true), .armed([.reads, .messages])),
    SyscallRow(.listen, .listen, .armed(.messages)),
    SyscallRow(.bind, .bind, .waits),
    SyscallRow(.shutdown, .shutdown, .armed(.closes)),
    SyscallRow(.dup, .dup, .waits),
    SyscallRow(.dup2, .dup2, .waits),
    SyscallRow(.dup3, .dup3, .waits),
    SyscallRow(.fcntl, .fcntl, .waits),
    SyscallRow(.ioctl, .ioctl, .armed(.closes)),
    SyscallRow(.setuid, .privilege, .always),
    SyscallRow(.setreuid, .privilege, .always),
    SyscallRow(.setresuid, .privilege, .always),
    SyscallRow(.capset, .privilege, .always),
    SyscallRow(.setns, .privilege, .always),
    SyscallRow(.flock, .flock, .armed(.messages)),
    SyscallRow(.close, .close, .armed(.closes)),
    SyscallRow(.closeRange, .closeRange, .always),
    SyscallRow(.open, .open(path: 0), .all),
    SyscallRow(.openat, .open(path: 1), .all),
    SyscallRow(.openat2, .openat2, .all),
    SyscallRow(.creat, .creat, .all),
    SyscallRow(.epollCreate, .create(.epoll, flags: -1, value: -1), .waits),
    SyscallRow(.epollCreate1, .create(.epoll, flags: 0, value: -1), .waits),
    SyscallRow(.epollCtl, .epollControl, .waits),
    SyscallRow(.epollWait, .epollWait, .waits),
    SyscallRow(.epollPwait, .epollWait, .waits),
    SyscallRow(.epollPwait2, .epollPwait2, .waits),
    SyscallRow(.poll, .poll, .waits),
    SyscallRow(.ppoll, .ppoll, .waits),
    SyscallRow(.select, .select, .waits),
    SyscallRow(.pselect6, .pselect, .waits),
    SyscallRow(.read, .transfer(.input, positioned: false), .armed(.reads)),
    SyscallRow(.pread64, .transfer(.input, positioned: true), .all),
    SyscallRow(.write, .transfer(.output, positioned: false), .armed(.writes)),
    SyscallRow(.pwrite64, .transfer(.output, positioned: true), .all),
    SyscallRow(.readv, .vector(.input, positioned: false), .armed(.reads)),
    SyscallRow(.writev, .vector(.output, positioned: false), .armed(.writes)),
    SyscallRow(.preadv, .vector(.input, positioned: true), .all),
    SyscallRow(.pwritev, .vector(.output, positioned: true), .all),
    SyscallRow(.preadv2, .vectorAt(.input), .armed(.reads)),
    SyscallRow(.pwritev2, .vectorAt(.output), .armed(.writes)),
    SyscallRow(.vmsplice, .vector(.output, positioned: false), .always),
    SyscallRow(.sendto, .send, .armed(.writes)),
    SyscallRow(.recvfrom, .receive, .armed(.reads)),
    SyscallRow(.sendmsg, .message(.output), .armed([.writes, .messages])),
    SyscallRow(.recvmsg, .message(.input), .armed([.reads, .messages])),
    SyscallRow(.sendmmsg, .messages(.output), .armed([.writes, .messages])),
    SyscallRow(.recvmmsg, .messages(.input), .armed([.reads, .messages])),
    SyscallRow(.splice, .splice, .always),
    SyscallRow(.tee, .tee, .always),
    SyscallRow(.sendfile, .sendfile, .armed(.writes)),
    SyscallRow(.signalfd, .signalfd(flags: false), .waits),
    SyscallRow(.signalfd4, .signalfd(flags: true), .waits),
    SyscallRow(.timerfdCreate, .create(.timerfd, flags: 1, value: 0), .waits),
    SyscallRow(.timerfdSettime, .setTimer, .armed(.reads)),
    SyscallRow(.inotifyInit, .create(.inotify, flags: -1, value: -1), .waits),
    SyscallRow(.inotifyInit1, .create(.inotify, flags: 0, value: -1), .waits),
    SyscallRow(.pidfdOpen, .create(.pidfd, flags: 1, value: 0), .waits),
    SyscallRow(.pidfdGetfd, .takeDescriptor, .always),
    SyscallRow(.memfdCreate, .memfd, .all),
    SyscallRow(.fork, .spawn(.fork), .always),
    SyscallRow(.vfork, .spawn(.vfork), .always),
    SyscallRow(.clone, .spawn(.clone), .always),
    SyscallRow(.clone3, .spawn(.clone3), .always),
    SyscallRow(.unshare, .unshare, .always),
    SyscallRow(.execve, .exec(path: 0), .always),
    SyscallRow(.execveat, .exec(path: 1), .always),
    SyscallRow(.exit, .exit(group: false), .all),
    SyscallRow(.exitGroup, .exit(group: true), .all),
    SyscallRow(.kill, .sendSignal(target: 0, signal: 1), .always),
    SyscallRow(.tkill, .sendSignal(target: 0, signal: 1), .always),
    SyscallRow(.tgkill, .sendSignal(target: 1, signal: 2), .always),
    SyscallRow(.rtSigqueueinfo, .sendSignal(target: 0, signal: 1), .always),
    SyscallRow(.rtTgsigqueueinfo, .sendSignal(target: 1, signal: 2), .always),
    SyscallRow(.pidfdSendSignal, .sendSignal(target: 0, signal: 1), .always),
    SyscallRow(.rtSigaction, .signalAction, .always),
    SyscallRow(.rtSigreturn, .signalReturn, .always),
    SyscallRow(.nanosleep, .sleep(timespec: 0), .waits),
    SyscallRow(.clockNanosleep, .sleep(timespec: 2), .waits),
    SyscallRow(.wait4, .waitChild, .waits),
    SyscallRow(.waitid, .waitChild, .waits),
    SyscallRow(.pause, .plain, .waits),
    SyscallRow(.rtSigsuspend, .plain, .waits),
    SyscallRow(.rtSigtimedwait, .plain, .waits),
    SyscallRow(.ioUringSetup, .ring, .always),
    SyscallRow(.restartSyscall, .restart, .waits),
    SyscallRow(.openByHandleAt, .opaque, .all),
    SyscallRow(.perfEventOpen, .opaque, .all),
    SyscallRow(.bpf, .opaque, .all),
    SyscallRow(.userfaultfd, .opaque, .always),
    SyscallRow(.fanotifyInit, .opaque, .all),
    SyscallRow(.mqOpen, .opaque, .all),
    SyscallRow(.openTree, .opaque, .all),
    SyscallRow(.fsopen, .opaque, .all),
    SyscallRow(.fsmount, .opaque, .all),
    SyscallRow(.fspick, .opaque, .all),
    SyscallRow(.landlockCreateRuleset, .opaque, .all),
    SyscallRow(.memfdSecret, .opaque, .all),
    SyscallRow(.ptrace, .ptrace, .always),
    SyscallRow(.prctl, .prctl, .always),
    SyscallRow(.seccomp, .seccomp, .always),
    SyscallRow(.futex, .futex, .never),
    SyscallRow(.semop, .plain, .waits),
    SyscallRow(.semtimedop, .plain, .waits),
    SyscallRow(.ioGetevents, .plain, .waits),
    SyscallRow(.ioUringEnter, .plain, .never),
  ]

  /// Rows by number.
  private static let byNumber: [CallShape?] = {
    let highest = rows.map { Int($0.syscall.number) }.max() ?? 0
    var table = [CallShape?](repeating: nil, count: highest + 1)
    for row in rows { table[Int(row.syscall.number)] = row.shape }
    return table
  }()

  private static let rules: [StopRule] = {
    var table = [StopRule](repeating: .never, count: byNumber.count)
    for row in rows { table[Int(row.syscall.number)] = row.rule }
    return table
  }()

  public static func rule(_ syscall: Syscall) -> StopRule {
    Int(syscall.number) < rules.count ? rules[Int(syscall.number)] : .never
  }

  public static func shape(_ number: UInt64) -> CallShape? {
    number < UInt64(byNumber.count) ? byNumber[Int(number)] : nil
  }
}

extension Syscall {
  /// Whether it asks, waits or gives way, and does no work: its success is none.
  public var isIdle: Bool { Self.idle.contains(self) }

  /// By number sched_yield, getpid, gettid, clock_gettime, gettimeofday, time, rt_sigprocmask, getppid, getcpu, timerfd_gettime,
  /// rt_sigaction, getsockopt.
  private static let idle: Set<Syscall> = [
    .epollCtl, .nanosleep, .clockNanosleep, .wait4, .waitid, .timerfdSettime, Syscall(24), Syscall(39), Syscall(186),
    Syscall(228), Syscall(96), Syscall(201), Syscall(14), Syscall(110), Syscall(309), Syscall(287), Syscall(13),
    Syscall(55), .fcntl,
  ]
}
