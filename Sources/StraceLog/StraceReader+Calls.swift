// Calls: whole on one line, or begun on one and ended on another; interrupted and gone on with; cut by the program's own output.

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
}

extension StraceReader {
  // MARK: Lines

  /// A line that begins with a call's name.
  func called(_ body: Scanner, tid: Int32, onlyBegins: Bool) {
    var body = body
    let name = body.word()
    guard let named = CallNames.call(body, name) else { return note(.unknownCall, body) }
    body.at += 1
    if body.starts(with: "<... resuming"), named.syscall == .restartSyscall { return resumedByKernel(body, tid: tid) }
    let place = thread(tid)
    closeBroken(place, line: body)
    reader.arguments.read(body)
    if let open = threads[place].call, open.interrupted != 0 {
      if open.named.syscall == named.syscall, isSame(open, body) {
        // The kernel has entered it again.
        goOn(place, body)
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
  private static func begun(_ body: Scanner) -> [UInt8] {
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

  private func whole(_ named: NamedCall, _ shape: CallShape, _ place: Int, _ body: Scanner) {
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

  private static func beforeResult(_ body: Scanner) -> [UInt8] {
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

  private func tellCall(
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

  /// Whether a call that says nothing of its time may have waited, and how long at most.
  private static func mayLast(_ operation: Operation, _ result: Int64, _ entered: Nanoseconds) -> (Bool, Nanoseconds?) {
    switch operation {
    case .wait(let wait):
      if wait.timeout == 0 { return (false, nil) }
      return (true, wait.timeout > 0 ? entered &+ UInt64(wait.timeout) : nil)
    case .sleep(let time): return (true, time > 0 ? entered &+ time : nil)
    case .transfer(let transfer): return (transfer.direction == .input && result != -11, nil)
    case .waitChild, .accept, .connect, .futex, .lock: return (true, nil)
    default: return (false, nil)
    }
  }

  // MARK: Begins and ends

  private func begin(
    _ named: NamedCall, _ shape: CallShape, _ place: Int, _ body: Scanner, text: [UInt8]
  ) {
    var result: Int64 = 0
    let operation = Self.unreturned(decode(named, shape, result: &result))
    // It does not return.
    if case .exit = shape { return tellCall(named, operation, place, result: 0, entered: now, exited: now) }
    describeMentions(shape, operation, place, result: nil)
    if case .transfer(let transfer) = operation, transfer.direction == .output {
      notePassed(transfer, place, result: 0)
    }
    tellBegin(named, operation, place, text: text, entered: now)
    if case .lock(let fd, let how) = operation { describeHolders(of: fd, how, place) }
  }

  private func tellBegin(
    _ named: NamedCall, _ operation: Operation, _ place: Int, text: [UInt8], entered: Nanoseconds
  ) {
    tell(event(named, Self.unreturned(operation), place, .begin, nil, entered: entered, exited: entered))
    threads[place].call = OpenLogCall(named: named, text: text, entered: entered, isTold: true)
    if case .spawn? = named.shape, forking.count < 64 { forking.append(place) }
  }

  /// A call as it is before it returns.
  private static func unreturned(_ operation: Operation) -> Operation {
    switch operation {
    case .pipe(_, _, let flags, _): return .pipe(read: -1, write: -1, flags: flags, inode: 0)
    case .socketPair(_, _, let domain, let type):
      return .socketPair(first: -1, second: -1, domain: domain, type: type)
    case .wait(var wait):
      if wait.isEpoll { wait.entries = .empty }
      return .wait(wait)
    default: return operation
    }
  }

  /// `<... poll resumed>) = 1 (...)`.
  func resumed(_ body: Scanner, tid: Int32) {
    var body = body
    body.at += 5
    let name = body.word()
    guard let closing = body.find("resumed") else { return note(.prose, body) }
    body.at = closing + 7
    _ = body.skip(0x3E)
    body.skipSpaces()
    var place = thread(tid)
    if let from = superseded.removeValue(forKey: tid), threads[place].call == nil { place = from }
    let known = CallNames.call(body, name)
    threads[place].silent = nil
    guard threads[place].call != nil else {
      guard let known else { return note(.unknownCall, body) }
      // What does not return needs no end.
      if case .exit? = known.shape { return pass() }
      guard known.shape != nil else { return pass() }
      return resumedAlone(known, body, place)
    }
    guard var open = threads[place].call, known == nil || known!.syscall == open.named.syscall else {
      if known?.shape == nil { return pass() }
      threads[place].call = nil
      return note(.endAlone, body)
    }
    // "<... read resumed> <unfinished ...>) = ?"
    _ = body.skip("<unfinished ...>")
    open.text += body.text(body.rest)
    threads[place].call = open
    tell(.end, tid: tid, place)
  }

  /// A call's end whose beginning is not in the log. What poll and epoll return says enough to go by.
  private func resumedAlone(_ named: NamedCall, _ body: Scanner, _ place: Int) {
    note(.endAlone, body)
    guard case .spawn? = named.shape else { return }
    reader.arguments.read(body)
    guard reader.call.ending == .whole, reader.call.result > 0 else { return }
    _ = born(Int32(truncatingIfNeeded: reader.call.result), of: place, flags: named.syscall == .vfork ? 0x4100 : 0)
  }

  /// `restart_syscall(<... resuming interrupted poll ...>) = 1`.
  private func resumedByKernel(_ body: Scanner, tid: Int32) {
    let place = thread(tid)
    guard let close = body.find("...>") else { return note(.cut, body) }
    var rest = body
    rest.at = close + 4
    guard var open = threads[place].call, open.interrupted != 0 else { return restarted(rest, place) }
    open.text += rest.text(rest.rest)
    reader.arguments.read(rest)
    open.interrupted = 0
    threads[place].call = open
    switch reader.call.ending {
    case .whole: tell(.end, tid: tid, place)
    default: threads[place].call?.text = Self.trimmed(open.text)
    }
  }

  /// A call from before the log, which an attachment has interrupted: of what it waits for only its name is told.
  private func restarted(_ rest: Scanner, _ place: Int) {
    let named = NamedCall(syscall: .restartSyscall, shape: .restart)
    reader.arguments.read(rest)
    threads[place].call = nil
    guard reader.call.ending == .whole, !reader.call.isUnknown else {
      return tellBegin(named, .plain, place, text: [], entered: now)
    }
    let exited = now + (survey.style == .none ? 0 : reader.call.duration ?? 0)
    tellCall(named, .plain, place, result: reader.call.result, entered: now, exited: exited)
    now = exited
  }

  /// Without the `<unfinished ...>` at its end.
  private static func trimmed(_ text: [UInt8]) -> [UInt8] {
    text.withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { begun(Scanner($0, 0..<bytes.count)) } ?? []
    }
  }

  /// The interrupted call was entered again, with the same arguments.
  private func goOn(_ place: Int, _ body: Scanner) {
    threads[place].call!.interrupted = 0
    switch reader.call.ending {
    case .whole:
      threads[place].call!.text = body.text(body.rest)
      tell(.end, tid: threads[place].tid, place)
    default: threads[place].call!.text = Self.begun(body)
    }
  }

  /// What the caller asks for.
  enum Ending { case end }

  /// The open call of the thread returns as its text says.
  func tell(_ ending: Ending, tid: Int32, _ known: Int? = nil) {
    let place = known ?? thread(tid)
    guard let open = threads[place].call, let shape = open.named.shape else { return }
    threads[place].call = nil
    open.text.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      reader.arguments.read(Scanner(base, 0..<bytes.count))
      guard reader.call.ending == .whole else {
        threads[place].call = open
        return
      }
      returned(open, shape, place, bytes: Scanner(base, 0..<bytes.count))
    }
  }

  private func returned(_ open: OpenLogCall, _ shape: CallShape, _ place: Int, bytes: Scanner) {
    var result = reader.call.result
    let named = open.named
    if reader.call.isUnknown {
      // It ended the thread, or the thread ended in it.
      if case .exit = shape { return }
      threads[place].call = open
      return
    }
    if result <= -512, result >= -516 {
      var again = open
      again.text = Self.beforeResult(bytes)
      again.interrupted = result
      threads[place].call = again
      return
    }
    // What -y said of numbers was told when the call was entered.
    let operation = decode(named, shape, result: &result)
    noteInterest(operation, place)
    let exited = max(open.entered, now)
    switch operation {
    case .spawn(let flags, _) where result > 0:
      let child = open.child ?? born(Int32(truncatingIfNeeded: result), of: place, flags: flags)
      tell(event(named, .spawn(flags: flags, child: child), place, .end, result, entered: open.entered, exited: exited))
    case .exec(let exec) where result == 0: execed(exec, open, place, at: exited)
    case .transfer(let transfer):
      tell(event(named, operation, place, .end, result, entered: open.entered, exited: exited))
      if transfer.direction == .input { notePassed(transfer, place, result: result) }
    default: tell(event(named, operation, place, .end, result, entered: open.entered, exited: exited))
    }
    switch operation {
    case .lock(let fd, let how) where result == 0: noteLock(fd, how, place)
    case .connect, .accept, .wait: noteConnections(operation, place, result: result)
    default: break
    }
  }

  /// A call that a signal has ended: with EINTR, or to be restarted after the handler.
  func endInterrupted(_ place: Int, result: Int64 = -4) {
    guard let open = threads[place].call, let shape = open.named.shape else { return }
    threads[place].call = nil
    open.text.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      reader.arguments.read(Scanner(base, 0..<bytes.count))
      var nothing: Int64 = -4
      let operation = Self.unreturned(decode(open.named, shape, result: &nothing))
      tell(event(open.named, operation, place, .end, result, entered: open.entered, exited: max(open.entered, now)))
    }
  }

  // MARK: Cut by output

  /// The next line of a thread whose last call had no result: that stays so.
  private func closeBroken(_ place: Int, line: Scanner) {
    guard brokenThread == place else { return }
    noteBroken()
    endBroken(place)
  }

  /// Of a call that the log does not end nothing is known but that it was made.
  func endBroken(_ place: Int) {
    threads[place].call = nil
  }

  /// Whether the line holds the rest of the thread's call: `) = 6`, wherever the program's output ends.
  func mend(_ place: Int, with line: Scanner) -> Bool {
    guard let open = threads[place].call else {
      brokenThread = nil
      return false
    }
    var candidates: [Int] = [line.at]
    var search = line
    while let found = search.find(")") {
      if Self.isResult(line, behind: found) { candidates.insert(found, at: 0) }
      search.at = found + 1
    }
    for start in candidates {
      // A mail is wrapped at spaces, and these are gone.
      let isWrapped = start == line.at && open.text.last == 0x2C && line.next != 0x20
      let whole = open.text + (isWrapped ? [0x20] : []) + line.text(start..<line.end)
      if completes(whole, place) { return true }
      // A literal that the output has cut.
      let closed = Self.closed(open.text) + line.text(start..<line.end)
      if start != line.at, completes(closed, place) { return true }
    }
    // A line that was wrapped more than once.
    if open.text.count < 4096 {
      if open.text.last == 0x2C, line.next != 0x20 { threads[place].call!.text.append(0x20) }
      threads[place].call!.text += line.text(line.rest)
    }
    return false
  }

  private static func isResult(_ line: Scanner, behind close: Int) -> Bool {
    var scanner = line
    scanner.at = close + 1
    scanner.skipSpaces()
    guard scanner.skip(0x3D), scanner.next == 0x20 else { return false }
    scanner.skipSpaces()
    return scanner.next == 0x3F || scanner.number() != nil
  }

  /// What follows the third argument's digits is the program's own output.
  private static func closed(_ text: [UInt8]) -> [UInt8] {
    var end = text.count
    while end > 0, text[end - 1] &- 0x30 >= 10 { end -= 1 }
    return Array(text[..<end])
  }

  private func completes(_ text: [UInt8], _ place: Int) -> Bool {
    let isWhole = text.withUnsafeBufferPointer { bytes -> Bool in
      guard let base = bytes.baseAddress else { return false }
      reader.arguments.read(Scanner(base, 0..<bytes.count))
      return reader.call.ending != .broken
    }
    guard isWhole else { return false }
    brokenThread = nil
    release(until: now)
    guard threads[place].call!.isTold else {
      retell(text, place)
      return true
    }
    threads[place].call!.text = text
    if reader.call.ending == .whole {
      tell(.end, tid: threads[place].tid, place)
    } else {
      threads[place].call!.text = Self.trimmed(text)
    }
    return true
  }

  /// A call that was in pieces, of which nothing was told yet.
  private func retell(_ text: [UInt8], _ place: Int) {
    guard let open = threads[place].call, let shape = open.named.shape else { return }
    threads[place].call = nil
    text.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      let body = Scanner(base, 0..<bytes.count)
      reader.arguments.read(body)
      if reader.call.ending == .whole {
        whole(open.named, shape, place, body)
      } else {
        begin(open.named, shape, place, body, text: Self.begun(body))
      }
    }
  }

  /// Threads that the log leaves inside of a call that is no event.
  func tellSilent() {
    for place in threads.indices where !threads[place].hasEnded && threads[place].call == nil {
      guard let silent = threads[place].silent else { continue }
      tellBegin(
        NamedCall(syscall: silent.syscall, shape: .plain), .plain, place, text: [], entered: silent.entered)
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
    case .ring:
      return false
    case .ptrace, .seccomp, .privilege, .opaque, .restart: return true
    case .signalAction:
      // Without a new action the call only asks.
      return !reader.arguments.argument(1).starts(with: "{")
    default: return false
    }
  }

  private func decode(_ named: NamedCall, _ shape: CallShape, result: inout Int64) -> Operation {
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
