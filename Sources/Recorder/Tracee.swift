// What the recorder remembers of each thread that it traces.

import Ptrace
import Stacks
import Trace

/// A thread under trace.
final class Tracee {
  let tid: Int32
  let id: ThreadID
  let process: TracedProcess
  var call: PendingCall?
  /// What each of its calls is noted in.
  private var ownCall: PendingCall?
  /// The variable parts of `call`.
  var arena = Arena()
  /// When its last call that was seen returned.
  var lastTold: Nanoseconds = 0
  /// When its processor time was last written into the trace.
  var usageTime: Nanoseconds = 0
  /// How long after that it is due again, while its calls go into one run.
  var usageInterval: Nanoseconds = 500_000_000
  /// The comm that the trace knows.
  var name: [UInt8] = []
  /// Stack pointers at which the handlers that it is inside of were entered; nil on an alternate stack.
  var frames: [(signal: Int32, stackPointer: UInt64?)] = []

  /// Its last stack.
  var stackMemo = StackMemo()
  /// What the program's runtime calls the thread, and its process as told by this thread.
  var givenNames: [GivenName: StringID] = [:]

  /// A stop that is not answered yet, with the signal to deliver.
  private var held: StoppedTracee?
  private(set) var heldSignal: Int32 = 0
  /// It was stopped by job control since it entered the call that it is in.
  var wasStoppedInCall = false
  /// The table whose turn it has, and whether it is held until it has one.
  var turn: Int?
  var waitsForTurn = false
  /// Where it stops at every call: the entry that the filter stops at next was seen.
  var hasEntered = false
  /// Its first stop is still to come.
  var isNewborn = false
  /// The call that it makes for us.
  var injection: Injection?
  /// It is held until its process's memory is free for that.
  var waitsToInject: Injection.Place?
  /// Its processor time, the look at its calls, and whether filters are to be added at its next call.
  var burn = BurnMeter()
  var probe: Probe?
  var probeBegan: Nanoseconds?
  var isSummoned = false
  var unseen = UnseenReturns()
  /// How many of its calls in a row brought nothing and did not wait, and when they may be looked at.
  var turns = 0
  var nextLookAtTurns: Nanoseconds = 0
  var leisure: Nanoseconds = 0
  /// Its stops so far; and at the last look at these turns how many there were of them, of its voluntary switches, and of stops.
  var stops: UInt64 = 0
  var turnsAtLook: (turns: Int, switches: UInt64, stops: UInt64)?
  /// How many timers in a row it has set to a moment that had passed.
  var pastTimers = 0
  /// Recorder+Sleepers: what it was found in and since when, how long it is left alone, and whether it was interrupted for that.
  var sleep: Sleep?
  var sleepSince: Nanoseconds = 0
  var sleepPause: Nanoseconds = 0
  var nextSleepLook: Nanoseconds = 0
  var isNoticed = false
  /// It is past its last stop (PTRACE_EVENT_EXIT).
  var isExiting = false
  /// Its end is in the trace already.
  var hasEnded = false
  /// Attached, and not seen to stop yet.
  var isArriving = false
  /// It sleeps in a call that an interrupt would cut short, and is interrupted once it is out of that.
  var isSpared = false
  /// It runs, and is interrupted then at the latest.
  var sparedUntil: Nanoseconds?
  /// Let run without stops at calls, to be let go.
  var isFree = false
  /// It has arrived, and is held until the others have.
  var awaitsOthers = false
  /// Where in the kernel it slept then.
  var waitChannel = ""
  /// Its registers then.
  var arrival: CallRegisters?
  /// Attached: when it last stopped, and whether it was interrupted to see where it runs.
  var lastStop: Nanoseconds = 0
  var isSampled = false
  /// Its descriptors may be others than the model's: since when, or nil.
  var doubtfulSince: Nanoseconds?
  /// Numbers that must be looked up then, and a thread of the table that this one was copied from.
  var doubtfulNumbers: [FD] = []
  var doubtfulSource: ThreadID?
  /// What its own registers and memory must be given back at its first stop, since its parent's were changed.
  var untraced: UntracedRequest?

  init(tid: Int32, id: ThreadID, process: TracedProcess) {
    self.tid = tid
    self.id = id
    self.process = process
  }

  /// Where its next call is noted; whoever has the one before still may go on with it until then.
  func blankCall() -> PendingCall {
    if let ownCall { return ownCall }
    let call = PendingCall()
    ownCall = call
    return call
  }

  var isHeld: Bool { held != nil }

  /// Leaves it standing; `release` takes it from there.
  func hold(_ token: consuming StoppedTracee, signal: Int32) {
    held = consume token
    heldSignal = signal
  }

  func takeHeld() -> StoppedTracee? { held.take() }

  /// Gives the held stop up, since another status has overtaken it.
  func drop() { if let token = held.take() { token.forget() } }
}

/// A thread group under trace.
final class TracedProcess {
  let pid: Int32
  let id: ProcessID
  var threads = 1
  /// Its memory map, and how many filter layers were added to it and to those that it was forked from.
  var space: AddressSpace
  var layers = 0
  /// What is to be armed at the next stop that allows it.
  var wanted: [FD: CallFamilies] = [:]
  var wantsEverything = false
  var wantsWaits = false
  /// Numbers of files and devices that waits returned again and again: their reads are told.
  var polledFiles: Set<FD> = []
  /// Scope light: its waits are armed, or are to be; and what it has was written down for that.
  var isWatched = false
  var isDescribedAgain = false
  /// Its burning threads have been looked at: until when they are left alone, and how long that is.
  var peaceUntil: Nanoseconds = 0
  var peace: Nanoseconds = 0
  /// Its threads stop at every call, like those of attached programs: filters cannot be added.
  var stopsEverywhere = false
  /// Scope light: a forked child's first calls, all of which stop: how many are left, and whether it is to be watched after them.
  var settlingCalls = 0
  var isSettling = false
  var isToBeWatched = false
  var stopsAtAllCalls: Bool { stopsEverywhere || isSettling }
  /// A filter of its own, or of an ancestor that it was forked from, besides ours.
  var hasOwnFilter = false
  /// It asked for NO_NEW_PRIVS itself.
  var hasNoNewPrivileges = false
  /// Forked, not exec'd since, by a process that had other threads: what these held stays locked.
  var wasForkedAmongThreads = false
  /// What it had before the trace is written down.
  var isDescribed = false
  /// Blind spots that have been said of it.
  var said: Set<BlindSpot> = []
  /// Its exec calls are begun in the trace; the launched root's first was not.
  var hasExeced = true

  init(pid: Int32, id: ProcessID, space: AddressSpace = AddressSpace()) {
    self.pid = pid
    self.id = id
    self.space = space
  }
}

/// How often in a row a thread's waits returned for the same number whose reads are not seen: at once, and later.
struct UnseenReturns {
  var fd: FD = -1
  var quick = 0
  var slow = 0
}
