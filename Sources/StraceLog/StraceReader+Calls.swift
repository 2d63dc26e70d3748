// Calls as lines tell them, and the events that they become.

import Lineage
import Trace

/// A call that a thread is inside of.
struct OpenLogCall {
  var named: NamedCall
  /// What was written of it so far, from behind the `(`.
  var text: [UInt8]
  var entered: Nanoseconds
  /// Its begin was told.
  var isTold = false
  /// The kernel will restart it: what was returned is -512 to -516.
  var interrupted: Int64 = 0
  /// A child that showed itself before the call returned.
  var child: ThreadID?
}

/// A thread of a log.
struct LogThread {
  let id: ThreadID
  let tid: Int32
  var record: ThreadRecord
  var call: OpenLogCall?
  var hasEnded = false
  /// A call without an event that has not returned.
  var silent: (syscall: Syscall, entered: Nanoseconds)?
  var turns = LogTurns()
  /// The signal that has stopped it, until its next line.
  var stoppedBy: Int32?
}

extension StraceReader {
  // MARK: Lines

  /// A line that begins with a call; `body` is behind its `(`.
  func called(_ named: NamedCall, _ body: Scanner, tid: Int32, onlyBegins: Bool) {
    if body.starts(with: "<... resuming"), named.syscall == .restartSyscall { return resumedByKernel(body, tid: tid) }
    let place = thread(tid)
    var body = body
    closeBroken(place, line: body)
    threads[place].stoppedBy = nil
    reader.arguments.read(body)
    if reader.call.ending == .broken, let shape = named.shape {
      _ = reader.arguments.isInterrupted(&body, shape, named.syscall)
    }
    if let open = threads[place].call, open.interrupted != 0 {
      if open.named.syscall == named.syscall, isSame(open, body) {
        // The kernel has entered it again.
        goOn(place, body, onlyBegins: onlyBegins)
        return
      }
      endInterrupted(place)
      // That has read the arguments of the other call.
      reader.arguments.read(body)
    } else if threads[place].call != nil {
      // Its end is missing.
      threads[place].call = nil
    }
    if threads[place].silent != nil { threads[place].silent = nil }
    guard let shape = named.shape, !isNoEvent(named, shape, place) else {
      noteSilent(named, place)
      if reader.call.ending == .unfinished, named.syscall.number < 512 { threads[place].silent = (named.syscall, now) }
      return pass()
    }
    let ending = onlyBegins ? .unfinished : reader.call.ending
    switch ending {
    case .whole: whole(named, shape, place, body)
    case .unfinished: begin(named, shape, place, body, text: Self.begun(body))
    case .broken: breakOff(named, shape, place, body)
    }
  }

  /// A call without a result: its thread hangs in it, or the line was cut, by output or on its way.
  private func breakOff(_ named: NamedCall, _ shape: CallShape, _ place: Int, _ body: Scanner) {
    var text = body
    // "clone(strace: Process 12 attached", and the rest on the next line.
    if let banner = body.find("strace: Process "), body.find(" attached") != nil { text.end = banner }
    keepBroken(body, place)
    if text.end == body.end, reader.arguments.mayBePending(shape, named.syscall) {
      return begin(named, shape, place, body, text: body.text(body.rest))
    }
    threads[place].call = OpenLogCall(named: named, text: text.text(text.rest), entered: now)
  }

  /// What stands before `<unfinished ...>`.
  static func begun(_ body: Scanner) -> [UInt8] {
    var end = body.find("<unfinished") ?? body.find("<detached") ?? body.end
    // Texts may hold the same words: the last one counts.
    var rest = body
    while let next = rest.find("<unfinished") {
      end = next
      rest.at = next + 1
    }
    var text = body
    text.end = end
    while text.end > text.at, text.bytes[text.end - 1] == 0x20 { text.end -= 1 }
    return text.text(text.rest)
  }

  private func isSame(_ open: OpenLogCall, _ body: Scanner) -> Bool {
    guard case .whole = reader.call.ending else {
      let now = Self.begun(body)
      return open.text.starts(with: now) || now.starts(with: open.text)
    }
    // The arguments up to the first that the call filled in.
    let common = min(open.text.count, body.end - body.at, 12)
    return (0..<common).allSatisfy { open.text[$0] == body.bytes[body.at + $0] }
  }

  // MARK: Whole calls

  func whole(_ named: NamedCall, _ shape: CallShape, _ place: Int, _ body: Scanner) {
    var result = reader.call.result
    var operation = decode(named, shape, result: &result)
    if case .bind(let fd, _) = operation, let address = survey.addresses[Survey.place(fileNumber, lineNumber)] {
      operation = .bind(fd, address: intern(address))
    }
    let entered = now
    if reader.call.isUnknown {
      if case .exit = operation {
        return tellCall(named, operation, place, result: 0, entered: entered, exited: entered)
      }
      // The thread ended in it.
      return tellBegin(named, operation, place, text: body.text(body.rest), entered: entered)
    }
    if result <= -512, result >= -516 {
      tellBegin(named, operation, place, text: Self.beforeResult(body), entered: entered)
      threads[place].call?.interrupted = result
      return
    }
    describeMentions(shape, operation, place, result: result)
    noteTurn(named, operation, place, result: result, entered: entered)
    let exited = entered + (reader.call.duration ?? 0)
    now = max(now, survey.style == .none ? now : exited)
    if case .spawn(let flags, _) = operation, result > 0 {
      tell(event(named, .spawn(flags: flags, child: .unknown), place, .begin, nil, entered: entered, exited: entered))
      let child = born(Int32(truncatingIfNeeded: result), of: place, flags: flags)
      tell(
        event(
          named, .spawn(flags: flags, child: child), place, .end, result, entered: entered, exited: max(entered, now)))
      return
    }
    tellCall(
      named, operation, place, result: result, entered: entered, exited: survey.style == .none ? entered : exited)
    switch operation {
    case .exec where result == 0: nameAfterExec(place)
    case .transfer(let transfer): notePassed(transfer, place, result: result)
    case .lock(let fd, let how) where result == 0: noteLock(fd, how, place)
    case .listen, .connect, .accept, .wait: noteConnections(operation, place, result: result)
    default: break
    }
  }

  static func beforeResult(_ body: Scanner) -> [UInt8] {
    var text = body
    var rest = body
    while let next = rest.find(")") {
      guard let equals = Scanner(body.bytes, next..<body.end).find("= ?") else { break }
      text.end = next
      if equals - next < 24 { break }
      rest.at = next + 1
    }
    return text.text(text.rest)
  }

  func tellCall(
    _ named: NamedCall, _ operation: Operation, _ place: Int, result: Int64, entered: Nanoseconds, exited: Nanoseconds
  ) {
    var mayLast = false
    var limit: Nanoseconds?
    if survey.style != .none, reader.call.duration == nil {
      (mayLast, limit) = Self.mayLast(operation, result, entered)
    }
    tell(event(named, operation, place, .whole, result, entered: entered, exited: exited), mayLast: mayLast)
    held?.limit = limit
    if case .transfer = operation { held?.grace = Self.grace }
  }

  /// strace itself may take so long from one call to the next (with -k): a read that did is not taken for one that has waited.
  private static let grace: Nanoseconds = 10_000_000

  /// How late a sleep may end, on a machine that is busy.
  private static let oversleep: Nanoseconds = 1_000_000

  /// Whether a call that says nothing of its time may have waited, and how long at most.
  private static func mayLast(_ operation: Operation, _ result: Int64, _ entered: Nanoseconds) -> (Bool, Nanoseconds?) {
    switch operation {
    case .wait(let wait):
      if wait.timeout == 0 { return (false, nil) }
      return (true, wait.timeout > 0 ? entered &+ UInt64(wait.timeout) : nil)
    // Until it runs again and strace has seen that, it takes longer than was asked.
    case .sleep(let time): return (true, time > 0 ? entered &+ time &+ Swift.max(Self.oversleep, time / 8) : nil)
    case .transfer(let transfer): return (transfer.direction == .input && result != -11, nil)
    case .waitChild, .accept, .connect, .futex, .lock: return (true, nil)
    default: return (false, nil)
    }
  }

  // MARK: Events

  /// Calls that are no events, and say something all the same.
  private func noteSilent(_ named: NamedCall, _ place: Int) {
    // It does not fail.
    if named.syscall.name == "rt_sigprocmask" { noteMask(place) }
    guard reader.call.ending == .whole else { return }
    noteTurn(named, nil, place, result: reader.call.result, entered: now)
    guard reader.call.result == 0 else { return }
    switch named.syscall.name {
    case "mknod", "mknodat": noteFifo(named.syscall.name == "mknod" ? 0 : 1)
    default: break
    }
  }

  /// siglongjmp leaves a handler without rt_sigreturn, and gives the mask back (glibc 2.36, setjmp/longjmp.c).
  private func noteMask(_ place: Int) {
    guard let frame = world.frames(of: threads[place].id).last,
      reader.arguments.argument(0).starts(with: "SIG_SETMASK"),
      reader.arguments.argument(1).next == 0x5B || reader.arguments.argument(1).next == 0x7E,
      reader.arguments.signalSet(1) >> UInt64(frame.signal - 1) & 1 == 0
    else { return }
    tell(threads[place].id, .handlerLeft(signal: frame.signal))
  }

  /// A path that is a FIFO from now on.
  private func noteFifo(_ path: Int) {
    if reader.arguments.argument(path + 1).starts(with: "S_IFIFO") { reader.fifos.insert(reader.arguments.text(path)) }
  }

  /// Calls that are looked at for what they say of the thread, and are no events. Of what they make nothing is known until it is used.
  private func isNoEvent(_ named: NamedCall, _ shape: CallShape, _ place: Int) -> Bool {
    switch shape {
    case .prctl:
      if reader.arguments.argument(0).starts(with: "PR_SET_NAME") {
        tell(threads[place].id, .name(intern(Array(reader.arguments.text(1).prefix(15)))))
      }
      return true
    case .ptrace, .seccomp, .privilege, .opaque, .restart: return true
    case .signalAction:
      // Without a new action the call only asks.
      return !reader.arguments.argument(1).starts(with: "{")
    default: return false
    }
  }

  func decode(_ named: NamedCall, _ shape: CallShape, result: inout Int64) -> Operation {
    scratch.removeAll()
    return reader.operation(shape, named.syscall, result: &result, arena: &scratch) { intern($0) }
  }

  func event(
    _ named: NamedCall, _ operation: Operation, _ place: Int, _ phase: Event.Phase, _ result: Int64?,
    entered: Nanoseconds, exited: Nanoseconds
  ) -> Event {
    Event(
      thread: threads[place].id, phase: phase, entered: entered, exited: exited,
      body: .call(named.syscall, result.map { CallResult($0) } ?? .pending, operation))
  }
}
