// Calls that are begun on one line and end on another: unfinished and resumed, interrupted and gone on with.

import Lineage
import Trace

extension StraceReader {
  func begin(
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

  func tellBegin(
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
    if let silent = threads[place].silent, known?.syscall == silent.syscall {
      threads[place].silent = nil
      return pass()
    }
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
    endCall(place)
  }

  /// A call's end whose beginning is not in the log. Of a fork the child is told all the same.
  private func resumedAlone(_ named: NamedCall, _ body: Scanner, _ place: Int) {
    note(.endAlone, body)
    guard case .spawn? = named.shape else { return }
    reader.arguments.read(body)
    guard reader.call.ending == .whole, reader.call.result > 0 else { return }
    _ = born(Int32(truncatingIfNeeded: reader.call.result), of: place, flags: named.syscall == .vfork ? 0x4100 : 0)
  }

  /// `restart_syscall(<... resuming interrupted poll ...>) = 1`.
  func resumedByKernel(_ body: Scanner, tid: Int32) {
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
    case .whole: endCall(place)
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
  static func trimmed(_ text: [UInt8]) -> [UInt8] {
    text.withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { begun(Scanner($0, 0..<bytes.count)) } ?? []
    }
  }

  /// The interrupted call was entered again, with the same arguments. `onlyBegins`: it returns later.
  func goOn(_ place: Int, _ body: Scanner, onlyBegins: Bool) {
    threads[place].call!.interrupted = 0
    switch reader.call.ending {
    case .whole where !onlyBegins:
      threads[place].call!.text = body.text(body.rest)
      if survey.style != .none { now += reader.call.duration ?? 0 }
      endCall(place)
    default: threads[place].call!.text = Self.begun(body)
    }
  }

  /// The open call of the thread returns as its text says.
  func endCall(_ place: Int) {
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
}
