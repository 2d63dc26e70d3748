// When a stack is worth its time: where channels are made and processes forked, the first uses of what processes share by each place
// in the code, and loops that go on. A thread stands still meanwhile, at a call's entry.

import Lineage
import Ptrace
import Stacks
import Trace

/// When stacks are taken.
public enum StackMode: String, Sendable, CaseIterable {
  /// Where they say something new.
  case auto
  case off
  /// At every call that is told.
  case all
}

/// A place in a process's code that makes a call: the same function, called from the same depth.
struct StackSite: Hashable {
  var process: ProcessID
  var syscall: Syscall
  var fd: UInt64
  var instructionPointer: UInt64
  var stackPointer: UInt64
}

/// The recorder's part of taking stacks.
final class StackAccount {
  let mode: StackMode
  let taker: StackTaker
  /// How often each site has called.
  fileprivate var sites: [StackSite: UInt32] = [:]
  /// Time that was spent, ns.
  fileprivate(set) var spent: Nanoseconds = 0
  /// Whose stack is being taken.
  fileprivate(set) weak var current: Tracee?

  init(mode: StackMode, taker: StackTaker) {
    self.mode = mode
    self.taker = taker
  }

  /// A bound on memory: then all sites are new again.
  fileprivate static let mostSites = 16384

  /// How often the site has called by now.
  fileprivate func count(_ site: StackSite) -> UInt32 {
    if sites.count >= Self.mostSites { sites.removeAll(keepingCapacity: true) }
    let count = sites[site, default: 0] &+ 1
    sites[site] = count
    return count
  }
}

extension Recorder {
  /// What a stack may cost, as a part of the trace's time so far, and what is granted at once, in ns.
  private static let usualShare: Nanoseconds = 20
  private static let usualGrant: Nanoseconds = 50_000_000
  private static let importantShare: Nanoseconds = 5
  private static let importantGrant: Nanoseconds = 500_000_000
  /// A call that lasts longer is told to block, ns.
  private static let longCall: Nanoseconds = 100_000_000
  /// A loop that goes on shows where it stands at these turns.
  private static let tellingTurns: Set<UInt32> = [64, 4096]

  private enum Worth {
    case never, important
    /// At a site's first calls, so many; and dearer than others.
    case foreign(UInt32)
    /// At a site's first calls, so many.
    case first(UInt32)
    /// At a site's first call, and again when it repeats.
    case repeating

    /// Whether each descriptor makes a site of its own.
    var isOfDescriptor: Bool {
      switch self {
      case .first, .foreign: true
      default: false
      }
    }
  }

  /// Makes what takes stacks.
  func startStacks(_ settings: Settings) {
    guard settings.stacks != .off else { return }
    embedsSymbols = settings.embedsSymbols
    let taker = StackTaker(
      mostFrames: settings.mostFrames,
      intern: { [unowned self] text, isFile in intern(text, as: isFile ? .code : .plain) },
      define: { [unowned self] definition in
        writer.define(definition)
        if observer != nil { try? tables.define(definition) }
      })
    taker.refused = { [unowned self] build in
      guard let tracee = stacks?.current else { return }
      say(.python, "\(build): the frames of its functions are not read", tracee)
    }
    taker.named = { [unowned self] whose, name in
      guard let tracee = stacks?.current, tracee.givenNames[whose] != name else { return }
      tracee.givenNames[whose] = name
      emit(tracee, .givenName(whose, name))
    }
    stacks = StackAccount(mode: settings.stacks, taker: taker)
  }

  /// The tracee stands at the entry of a call that is going to be told: its stack is told before, if it is worth it. False if not.
  func takeStack(_ tracee: Tracee, _ stop: SyscallStop, _ token: borrowing StoppedTracee) -> Bool {
    guard let stacks, let call = tracee.call, stacks.mode == .all || isWorthIt(call, tracee, stop, stacks) else {
      return false
    }
    return tellStack(tracee, isOfCall: true, token)
  }

  /// Whether the call's stack is likely to say something new, and there is time for it.
  private func isWorthIt(_ call: PendingCall, _ tracee: Tracee, _ stop: SyscallStop, _ stacks: StackAccount) -> Bool {
    let worth = worth(of: call, tracee)
    func count() -> UInt32 {
      stacks.count(
        StackSite(
          process: tracee.process.id, syscall: call.syscall, fd: worth.isOfDescriptor ? call.argument(0) : 0,
          instructionPointer: stop.instructionPointer, stackPointer: stop.stackPointer))
    }
    switch worth {
    case .never: return false
    case .important: return isAffordable(true, stacks)
    case .foreign(let most): return count() <= most && isAffordable(true, stacks)
    case .first(let most): return count() <= most && isAffordable(false, stacks)
    case .repeating:
      let turn = count()
      return (turn == 1 || Self.tellingTurns.contains(turn)) && isAffordable(false, stacks)
    }
  }

  /// A thread that is attached to, or was interrupted to be looked at: where it stands, in a call that is told next or running.
  func takeStackOfStanding(_ tracee: Tracee, isInCall: Bool, _ token: borrowing StoppedTracee) {
    if let stacks, isAffordable(true, stacks) { tellStack(tracee, isOfCall: isInCall, token) }
  }

  /// A thread that is killed in a call that it has been in for long: what it hung in.
  func takeStackOfBlocked(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard let stacks, let call = tracee.call, !call.isSilent, call.interrupted == 0,
      now - min(now, call.entered) > Self.longCall, isAffordable(true, stacks)
    else { return }
    tellStack(tracee, isOfCall: true, token)
  }

  /// A thread that burns its core has been interrupted, to be looked at: where it runs, if it is in no call.
  func takeStackOfBurner(_ tracee: Tracee, _ token: borrowing StoppedTracee) {
    guard stacks != nil, let registers = try? token.registers(), registers.number < 0 else { return }
    takeStackOfStanding(tracee, isInCall: false, token)
  }

  /// False if there is nothing to tell. Memory of which the target handles faults itself is not read.
  @discardableResult
  private func tellStack(_ tracee: Tracee, isOfCall: Bool, _ token: borrowing StoppedTracee) -> Bool {
    guard hasBegun, !hasFaultHandlers, let stack = stack(of: tracee, token) else { return false }
    emit(tracee, .stack(stack, isOfCall: isOfCall))
    return true
  }

  private func isAffordable(_ isImportant: Bool, _ stacks: StackAccount) -> Bool {
    let (share, grant) =
      isImportant ? (Self.importantShare, Self.importantGrant) : (Self.usualShare, Self.usualGrant)
    return stacks.spent < grant + now / share
  }

  private func stack(of tracee: Tracee, _ token: borrowing StoppedTracee) -> StackID? {
    guard let stacks, let registers = try? token.allRegisters() else { return nil }
    guard StackTaker.isPossible else {
      say(.unwinder, "libunwind (Debian: libunwind8) is not installed: there are no stacks", tracee)
      self.stacks = nil
      return nil
    }
    let began = now
    stacks.current = tracee
    // A thread has a name for life, nearly always.
    stacks.taker.wantedNames = Set([.thread, .process]).subtracting(tracee.givenNames.keys)
    let stack = stacks.taker.stack(
      of: tracee.tid, in: tracee.process.pid, registers: registers.words, space: &tracee.process.space.stacks,
      memo: &tracee.stackMemo, now: began)
    stacks.spent += now - began
    return stack
  }

  private func worth(of call: PendingCall, _ tracee: Tracee) -> Worth {
    switch call.operation {
    case .pipe, .socketPair, .create, .spawn: return .important
    case .setNonblocking(let fd, _), .setTimer(let fd), .shutdown(let fd, _):
      return isShared(fd, tracee) ? .first(2) : .never
    case .duplicate(_, let to, _): return to >= 0 && isShared(to, tracee) ? .first(2) : .never
    case .close(let fd): return isWaitedFor(fd, tracee) ? .first(1) : .never
    case .transfer(let transfer):
      return isForeign(transfer.fd, tracee) ? .foreign(2) : isShared(transfer.fd, tracee) ? .first(2) : .repeating
    case .wait, .sleep, .waitChild, .futex, .accept, .lock, .move: return .repeating
    case .connect, .bind, .listen, .epollControl: return .first(1)
    case .signalAction(_, let disposition): return disposition.action == .handler ? .first(1) : .never
    default: return .never
    }
  }

  /// Whether the process has inherited the channel from who made it.
  private func isForeign(_ fd: FD, _ tracee: Tracee) -> Bool {
    let slot = world.file(world.descriptor(fd, of: tracee.id).file)?.channel ?? -1
    return slot >= 0 && world.isForeign(slot, to: tracee.process.id)
  }

  /// Whether more than one process has the channel, or the open file.
  private func isShared(_ fd: FD, _ tracee: Tracee) -> Bool {
    guard let file = world.file(world.descriptor(fd, of: tracee.id).file) else { return false }
    return file.hasCopies || isForeign(fd, tracee)
  }

  private func isWaitedFor(_ fd: FD, _ tracee: Tracee) -> Bool {
    guard let file = world.file(world.descriptor(fd, of: tracee.id).file), let channel = world.channel(file.channel)
    else { return false }
    return (channel.use(by: tracee.process.id)?.waits ?? 0) > 0
  }
}
