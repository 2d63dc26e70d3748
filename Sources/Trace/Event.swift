// The vocabulary: what one thread did, and when. Recorder and StraceLog make events, World and the rules read them.

/// One thing that happened in the traced programs. Fixed size; its variable parts lie in the batch's `Arena`.
public struct Event: Sendable {
  /// Which part of a call the event tells. A call that nothing overlaps is one event; else it has a begin, so that what
  /// happens meanwhile finds the thread inside the call, and later an end that holds the whole call again.
  public enum Phase: UInt8, Sendable { case whole, begin, end }

  public var thread: ThreadID
  public var phase: Phase
  /// When the call entered the kernel, as the tracer saw it.
  public var entered: Nanoseconds
  /// When the call returned; equal to `entered` for a begin and for what is no call.
  public var exited: Nanoseconds
  /// How many equal calls this event stands for; 1 unless a run was folded.
  public var repeats: UInt32
  /// Of a folded run: from the first call's return to the last's, which is `exited`. `entered` is the first call's.
  public var span: Nanoseconds = 0
  /// Of a folded run: the time inside of all of its calls. Of one call see `timeInside`.
  public var inside: Nanoseconds = 0
  /// How many different calls take turns in the run: 2 for poll, read, poll, read. Their events follow each other, and
  /// each counts its own calls; those that the run has not come to yet are not there. 1 where one call repeats.
  public var cycle: UInt8 = 1
  /// The event's place in the trace, from 0. A begin and its end count as two.
  public var sequence: UInt64
  /// Where the thread stood in the call. Not in the event's record, but told before it (`Body.stack`): whoever reads events in their
  /// order can put it here.
  public var stack = StackID.none
  public var body: Body

  public init(
    thread: ThreadID, phase: Phase = .whole, entered: Nanoseconds, exited: Nanoseconds, repeats: UInt32 = 1,
    sequence: UInt64 = 0, body: Body
  ) {
    self.thread = thread
    self.phase = phase
    self.entered = entered
    self.exited = exited
    self.repeats = repeats
    self.sequence = sequence
    self.body = body
  }

  /// When the event became known: the begin's entry, otherwise the exit.
  @inlinable public var time: Nanoseconds { phase == .begin ? entered : exited }

  /// When the first of its calls returned.
  @inlinable public var firstReturn: Nanoseconds { exited - min(exited, span) }
  /// The time inside of all of its calls.
  @inlinable public var timeInside: Nanoseconds { repeats > 1 ? inside : exited - min(exited, entered) }
  /// What one of its calls took, on the average.
  @inlinable public var meanTime: Nanoseconds { timeInside / UInt64(max(1, repeats)) }

  public enum Body: Sendable {
    case call(Syscall, CallResult, Operation)
    /// A thread was born; `Event.thread` is the new one.
    case start(Start)
    /// The thread is gone; the status as wait(2) encodes it (0 for all but a thread group's last).
    case end(status: Int32)
    /// A signal was delivered to the thread (a handler runs, or the default action follows).
    case signal(SignalDelivery)
    /// A handler was left without rt_sigreturn (siglongjmp): the frame of that signal is gone.
    case handlerLeft(signal: Int32)
    /// Processor time of the thread since its birth: running, and runnable but waiting for a core
    /// (/proc/PID/task/TID/schedstat, nanoseconds).
    case usage(running: UInt64, waiting: UInt64)
    /// A descriptor that existed before the trace, as /proc shows it.
    case existing(ExistingDescriptor)
    /// Something that the tracer cannot see.
    case blindSpot(BlindSpot, detail: StringID)
    /// The thread's comm (/proc/PID/task/TID/comm).
    case name(StringID)
    /// What the program's runtime calls the thread or its process (Python's Thread.name, multiprocessing's Process.name).
    case givenName(GivenName, StringID)
    /// A thread that was there before the trace.
    case existingThread(ExistingThread)
    /// A number that the model took for open, and /proc shows closed.
    case missing(FD)
    /// An entry of an epoll instance that existed before the trace (fdinfo's `tfd:` lines).
    case interest(epoll: FD, fd: FD, events: Readiness, data: UInt64)
    /// Which signals the thread's process caught and ignored before the trace (SigCgt and SigIgn of /proc/PID/status):
    /// bit N-1 for signal N. `installer`: a thread of the process that decided it, where that is another one's and known.
    case handlers(caught: UInt64, ignored: UInt64, installer: ThreadID)
    /// A process that is not traced and holds an end of a traced one's channel.
    case outsider(Outsider)
    /// Where a thread ran that makes no calls: the file that is mapped there, and the offset in that file; the empty text
    /// and the address where nothing is.
    case running(module: StringID, offset: UInt64)
    /// The thread waits for a mutex that this tid holds, by the mutex's own words (glibc 2.36, nptl: struct
    /// __pthread_mutex_s; futex(2) for PI locks). The target's pid namespace.
    case lockedBy(tid: Int32)
    /// How much the tracer stops at, in the thread's process and all that it makes from then on. Without it: everything.
    case scope(Scope)
    /// From now on calls of these families on the numbers first...last are seen in the thread's process, and in all that it
    /// makes: filters are inherited, and outlive exec.
    case armed(CallFamilies, first: FD, last: FD)
    /// Where the thread stood in the call that it is inside of, or else in the next that is told of it; or, if not in a call, where
    /// it just ran.
    case stack(StackID, isOfCall: Bool)
    /// One of the tracer's counters at the end of the trace.
    case counter(name: StringID, value: UInt64)
  }
}

/// Whose name a runtime gives.
public enum GivenName: UInt8, Sendable {
  case thread, process
}

/// How much a tracer stops at.
public enum Scope: UInt8, Sendable, CaseIterable {
  /// Every call of interest, on whatever descriptor.
  case all
  /// What makes channels, waits and processes; reads, writes and closes only where they are armed.
  case wakeups
  /// What makes channels and processes; waits, too, only where they are armed.
  case light
}

/// Calls that can be armed for single descriptor numbers.
public struct CallFamilies: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// read, recv, accept and their kin, timerfd_settime.
  public static let reads = CallFamilies(rawValue: 1)
  /// write, send and their kin.
  public static let writes = CallFamilies(rawValue: 2)
  /// What ends a number's meaning, or changes its open file: close, fcntl and ioctl that set flags, shutdown.
  public static let closes = CallFamilies(rawValue: 4)
  /// The message calls that can carry descriptors, accept, connect.
  public static let messages = CallFamilies(rawValue: 8)
  /// poll, select, epoll_wait and their kin, epoll_ctl, sleeps; on whatever numbers.
  public static let waits = CallFamilies(rawValue: 16)
  public static let everything: CallFamilies = [.reads, .writes, .closes, .messages, .waits]
}

/// What a system call returned: a value from 0, or the negative errno (-4095 to -1).
public struct CallResult: Hashable, Sendable {
  public var rawValue: Int64
  @inlinable public init(_ rawValue: Int64) { self.rawValue = rawValue }

  /// The call has not returned, or its return was not looked at.
  public static let pending = CallResult(Int64.min)

  @inlinable public var isPending: Bool { rawValue == Int64.min }
  @inlinable public var failed: Bool { rawValue < 0 && rawValue >= -4095 }
  @inlinable public var succeeded: Bool { rawValue >= 0 }
  /// The errno of a failed call, else 0.
  @inlinable public var errno: Int32 { failed ? Int32(-rawValue) : 0 }
  /// The value of a call that returned a descriptor or count; 0 if it failed.
  @inlinable public var count: UInt64 { rawValue > 0 ? UInt64(rawValue) : 0 }
}

/// How a thread came to be.
public struct Start: Sendable {
  /// The thread that called fork, vfork or clone; `unknown` for the trace's root and for attached ones.
  public var parent: ThreadID
  /// Clone flags (CLONE_VM 0x100, CLONE_FILES 0x400, CLONE_SIGHAND 0x800, CLONE_VFORK 0x4000, CLONE_THREAD 0x10000).
  public var flags: UInt64

  public init(parent: ThreadID, flags: UInt64) {
    self.parent = parent
    self.flags = flags
  }

  @inlinable public var sharesFiles: Bool { flags & 0x400 != 0 }
  @inlinable public var sharesMemory: Bool { flags & 0x100 != 0 }
  @inlinable public var sharesHandlers: Bool { flags & 0x800 != 0 }
  @inlinable public var isThread: Bool { flags & 0x10000 != 0 }
}

/// A signal on its way into a thread.
public struct SignalDelivery: Sendable {
  public var number: Int32
  /// si_code (sigaction(2)): 0 SI_USER, -6 SI_TKILL, 0x80 SI_KERNEL, ...
  public var code: Int32
  /// si_pid where the code says that a process sent it, else 0; the target's pid namespace.
  public var sender: Int32

  public init(number: Int32, code: Int32, sender: Int32) {
    self.number = number
    self.code = code
    self.sender = sender
  }
}

/// What an open file is a handle to.
public enum ObjectKind: UInt8, Sendable, CaseIterable {
  case file, pipe, fifo, eventfd, socketpair, socket, epoll, signalfd, timerfd, inotify, pidfd, memfd, tty, directory,
    device, other
  /// Something that can be waited for; a log does not tell what.
  case unknown
}

/// What is known of an open file beyond what /proc shows of it.
public struct FileTraits: OptionSet, Hashable, Sendable {
  public var rawValue: UInt8
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A stream socket that is connected; what to is in `ExistingDescriptor.link`.
  public static let connection = FileTraits(rawValue: 1)
  /// It came by accept(2).
  public static let accepted = FileTraits(rawValue: 2)
  /// A socket that is bound: `ExistingDescriptor.link` is its address.
  public static let bound = FileTraits(rawValue: 4)
  /// A socket of AF_UNIX.
  public static let local = FileTraits(rawValue: 8)
  public static let stream = FileTraits(rawValue: 16)
  public static let datagram = FileTraits(rawValue: 32)
  /// The second end of a socketpair.
  public static let second = FileTraits(rawValue: 64)
  /// EFD_SEMAPHORE.
  public static let semaphore = FileTraits(rawValue: 128)
}

/// A descriptor found open, with what /proc/PID/fd, fstat and fdinfo tell.
public struct ExistingDescriptor: Sendable {
  public var fd: FD
  public var kind: ObjectKind
  /// What /proc/PID/fd/N links to: `pipe:[4711]`, a path.
  public var link: StringID
  /// st_ino, or an eventfd's id plus one; the object is the same where kind and inode are. 0 where it tells nothing. From `ownIdentity`
  /// on a number of the trace's own, for an object of which nobody knows the inode.
  public var inode: UInt64
  /// The open flags (O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK, O_CLOEXEC), as fdinfo gives them.
  public var flags: UInt32
  /// A descriptor that shares the open file (kcmp), or -1.
  public var sameAs: FD
  /// A thread of the process that has `sameAs`; `unknown` for the event's own.
  public var sameIn: ThreadID
  /// Bytes (of an eventfd: the count) that waited to be read.
  public var waiting: UInt64
  public var traits: FileTraits = []
  public static let ownIdentity: UInt64 = 1 << 63

  public init(
    fd: FD, kind: ObjectKind, link: StringID, inode: UInt64, flags: UInt32, sameAs: FD,
    sameIn: ThreadID = .unknown, waiting: UInt64 = 0
  ) {
    self.fd = fd
    self.kind = kind
    self.link = link
    self.inode = inode
    self.flags = flags
    self.sameAs = sameAs
    self.sameIn = sameIn
    self.waiting = waiting
  }
}

/// A thread that was there before the trace, with what /proc tells of its process.
public struct ExistingThread: Sendable {
  /// The leader of its parent process, if that one is traced.
  public var parent: ThreadID
  /// A thread of another process that has the same descriptor table (kcmp), or `unknown`.
  public var files: ThreadID
  /// Whether its process has called exec since it was forked from `parent`: its memory is laid out differently.
  public var execed: Bool
  /// The program (/proc/PID/exe).
  public var path: StringID
  /// argv as string ids, in the arena's numbers.
  public var arguments: ArenaRange

  public init(parent: ThreadID, files: ThreadID, execed: Bool, path: StringID, arguments: ArenaRange) {
    self.parent = parent
    self.files = files
    self.execed = execed
    self.path = path
    self.arguments = arguments
  }
}

/// A holder of a channel that is not traced.
public struct Outsider: Sendable {
  public var pid: Int32
  /// Its comm.
  public var name: StringID
  public var fd: FD
  public var kind: ObjectKind
  /// As in `ExistingDescriptor`.
  public var inode: UInt64
  /// The open flags.
  public var flags: UInt32

  public init(pid: Int32, name: StringID, fd: FD, kind: ObjectKind, inode: UInt64, flags: UInt32) {
    self.pid = pid
    self.name = name
    self.fd = fd
    self.kind = kind
    self.inode = inode
    self.flags = flags
  }
}

/// What a tracer on ptrace does not see.
public enum BlindSpot: UInt8, Sendable, CaseIterable {
  /// I/O through io_uring makes no system calls.
  case ioUring
  /// A child made with CLONE_UNTRACED.
  case untraced
  /// 32-bit or x32 calls.
  case otherABI
  /// The target uses ptrace itself: a thread has one tracer only (ptrace(2)), so it does not get what it asks for.
  case ptrace
  /// A seccomp filter of the target's own: the calls that it denies are not seen.
  case ownFilter
  /// A set-user-ID, set-group-ID or capability-bearing program that ran without its privilege, since it is traced.
  case unprivileged
  /// The process has closed its memory to others (prctl(2), PR_SET_DUMPABLE): arguments in memory are not seen.
  case memory
  /// Not unseen, but slow: no filter can be added to the process, so that all of its calls stop.
  case slow
  /// A Python whose frames are not read: its version, or its build, is not known.
  case python
  /// No stacks at all: what walks them is not installed.
  case unwinder
  /// What a log of strace's does not tell.
  case log
}
