// What a system call asked for, decoded: one case per kind of effect, holding exactly what that effect needs.

/// The decoded arguments of a call. Descriptors that the call returned are in its result, unless two were.
public enum Operation: Sendable {
  /// Known by name only.
  case plain
  /// pipe, pipe2. Both descriptors are -1 until the call returned.
  case pipe(read: FD, write: FD, flags: UInt32, inode: UInt64)
  /// A call that makes one open file of a kind and returns its descriptor. `value`: the eventfd's initial counter, the
  /// signalfd's mask, the timerfd's clock. `fd`: signalfd's first argument (-1 for a new one).
  case create(ObjectKind, flags: UInt32, value: UInt64, fd: FD)
  case socketPair(first: FD, second: FD, domain: Int32, type: Int32)
  case socket(domain: Int32, type: Int32)
  case connect(FD, address: StringID)
  case bind(FD, address: StringID)
  case listen(FD)
  case accept(FD, flags: UInt32)
  case shutdown(FD, how: Int32)
  /// dup, dup2, dup3 and fcntl's F_DUPFD forms. `to` is the number asked for: -1 for the lowest free one.
  case duplicate(from: FD, to: FD, closeOnExec: Bool)
  /// F_SETFD, FIOCLEX, FIONCLEX.
  case setCloseOnExec(FD, Bool)
  /// F_SETFL and FIONBIO: whether O_NONBLOCK is on afterwards.
  case setNonblocking(FD, Bool)
  /// Any other fcntl or ioctl, by its command.
  case control(FD, command: UInt32)
  case lock(FD, operation: Int32)
  case close(FD)
  /// Descriptors first...last; flags: 2 unshare, 4 close-on-exec only (close_range(2)).
  case closeRange(first: UInt32, last: UInt32, flags: UInt32)
  /// open, openat, openat2, creat. Kind, inode and device of what it found are known once it returned.
  case open(path: StringID, flags: UInt32, kind: ObjectKind, inode: UInt64)
  /// op: 1 ADD, 2 DEL, 3 MOD.
  case epollControl(epoll: FD, op: Int32, fd: FD, events: Readiness, data: UInt64)
  case wait(Wait)
  case transfer(Transfer)
  /// splice, tee, sendfile: bytes from one descriptor to another.
  case move(from: FD, to: FD, requested: UInt64, consumes: Bool)
  case setTimer(FD)
  /// pidfd_getfd: `remote` of the process behind `pidfd` becomes the returned descriptor. `owner`: a thread of that
  /// process.
  case takeDescriptor(pidfd: FD, remote: FD, owner: ThreadID)
  /// fork, vfork, clone, clone3. `child` is `unknown` until the kernel made it.
  case spawn(flags: UInt64, child: ThreadID)
  case unshare(flags: UInt64)
  case exec(Exec)
  case exit(status: Int32, group: Bool)
  case sendSignal(target: Int32, signal: Int32)
  case signalAction(signal: Int32, SignalDisposition)
  case signalReturn
  /// nanosleep, clock_nanosleep: the time asked for, in ns (relative; 0 for an absolute deadline).
  case sleep(Nanoseconds)
  case waitChild(pid: Int32)
  case ring(entries: UInt32)
  /// futex(2): the word's address, the operation with its flags (FUTEX_PRIVATE_FLAG 128, FUTEX_CLOCK_REALTIME 256), and the
  /// value that a wait expects or how many a wake wakes.
  case futex(address: UInt64, operation: UInt32, value: UInt32)
}

/// poll, ppoll, select, pselect6, epoll_wait and its kin.
public struct Wait: Sendable {
  /// The epoll descriptor, or -1.
  public var epoll: FD
  /// For poll and select every descriptor that was asked about; for epoll what was returned.
  public var entries: ArenaRange
  /// The timeout in ns; -1 for ever.
  public var timeout: Int64
  /// How many events epoll_wait may return (maxevents); 0 for the others.
  public var capacity: UInt32

  public init(epoll: FD, entries: ArenaRange, timeout: Int64, capacity: UInt32 = 0) {
    self.capacity = capacity
    self.epoll = epoll
    self.entries = entries
    self.timeout = timeout
  }

  @inlinable public var isEpoll: Bool { epoll >= 0 }
}

/// read, write, send, recv and their kin: bytes through one descriptor.
public struct Transfer: Sendable {
  public enum Direction: UInt8, Sendable { case input, output }

  public var fd: FD
  public var direction: Direction
  /// The size of the buffer that was given, in bytes.
  public var requested: UInt64
  /// MSG_* flags of the message calls, else 0.
  public var flags: UInt32
  /// At a position of its own (pread64, pwrite64): touches no stream.
  public var positioned: Bool
  /// The first bytes that were written.
  public var payload: ArenaRange
  /// sendmmsg, recvmmsg: how many messages; the result counts bytes. 0 for all other calls.
  public var messages: UInt32 = 0
  /// Descriptors that were sent or received by SCM_RIGHTS.
  public var passed: ArenaRange

  public init(
    fd: FD, direction: Direction, requested: UInt64, flags: UInt32 = 0, positioned: Bool = false,
    payload: ArenaRange = .empty, passed: ArenaRange = .empty
  ) {
    self.fd = fd
    self.direction = direction
    self.requested = requested
    self.flags = flags
    self.positioned = positioned
    self.payload = payload
    self.passed = passed
  }

  /// MSG_PEEK: looks, takes nothing.
  @inlinable public var peeks: Bool { flags & 0x2 != 0 }
}

/// execve, execveat.
public struct Exec: Sendable {
  public var path: StringID
  /// argv as string ids, in the arena's numbers.
  public var arguments: ArenaRange
  /// The thread that called exec, if it was not the leader (whose number it now has); else `unknown`.
  public var caller: ThreadID

  public init(path: StringID, arguments: ArenaRange, caller: ThreadID) {
    self.path = path
    self.arguments = arguments
    self.caller = caller
  }
}

/// What a process does with a signal (sigaction(2)).
public struct SignalDisposition: Hashable, Sendable {
  public enum Action: UInt8, Sendable { case standard, ignore, handler }

  public var action: Action
  /// The handler's address in the target.
  public var handler: UInt64
  /// SA_* flags.
  public var flags: UInt64

  public init(action: Action, handler: UInt64, flags: UInt64) {
    self.action = action
    self.handler = handler
    self.flags = flags
  }

  public static let standard = SignalDisposition(action: .standard, handler: 0, flags: 0)
  /// SA_RESTART.
  @inlinable public var restarts: Bool { flags & 0x1000_0000 != 0 }
  /// SA_ONSTACK.
  @inlinable public var usesAlternateStack: Bool { flags & 0x0800_0000 != 0 }
}
