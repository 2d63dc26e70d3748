// Who gave up an end of a channel, and who waited at the other one to the last: what is left of those that have gone.

import Trace

extension World {
  /// A wait of so long is remembered.
  public static let longWait: Nanoseconds = 1_000_000_000
  private static let mostLeavers = 64

  /// A process has given up a number of the open file.
  mutating func noteLeaver(
    _ file: Int32, _ fd: FD, _ process: ProcessID, _ thread: ThreadID, _ time: Nanoseconds, _ kind: LineageStep.Kind
  ) {
    let slot = Int(files[Int(file)].channel)
    guard slot >= 0 else { return }
    switch channels[slot].kind {
    case .pipe, .fifo, .socketpair: break
    default: return
    }
    let side = files[Int(file)].side
    let leaver = Leaver(process: process, thread: thread, fd: fd, side: side, time: time, kind: kind)
    if let place = channels[slot].leavers.firstIndex(where: { $0.process == process && $0.side == side }) {
      // Standard numbers tell what it was meant for.
      let known = channels[slot].leavers[place].fd
      channels[slot].leavers[place] = leaver
      if known <= 2 { channels[slot].leavers[place].fd = min(known, fd) }
      return
    }
    if channels[slot].leavers.count >= Self.mostLeavers { channels[slot].leavers.removeFirst() }
    channels[slot].leavers.append(leaver)
  }

  /// What the thread waits for in the call that it is inside of: channels of which it wants input, and how many others.
  public func openInputs(of id: ThreadID) -> (inputs: [(channel: Int32, side: Side)], company: Int) {
    guard let call = openCall(of: id) else { return ([], 0) }
    var inputs: [(channel: Int32, side: Side)] = []
    var count = 0
    func add(_ file: Int32) {
      guard file >= 0, files[Int(file)].channel >= 0 else { return }
      inputs.append((files[Int(file)].channel, files[Int(file)].side))
    }
    switch call.operation {
    case .transfer(let transfer) where transfer.direction == .input: add(descriptor(transfer.fd, of: id).file)
    case .move(let from, _, _, true): add(descriptor(from, of: id).file)
    case .wait(let wait) where wait.isEpoll:
      let entries = file(descriptor(wait.epoll, of: id).file)?.interest.entries ?? []
      count = entries.count
      for entry in entries where entry.events.contains(.input) { add(entry.file) }
    case .wait:
      let entries = openWaits(of: id)
      count = entries.count
      for entry in entries where entry.asked.contains(.input) { add(descriptor(entry.fd, of: id).file) }
    default: break
    }
    return (inputs, max(0, count - 1))
  }

  /// A read was cut short by a signal, after a long time.
  mutating func noteBlock(_ channel: Int32, side: Side, by process: ProcessID, _ event: Event) {
    channels[Int(channel)].withUse(by: process) {
      $0.inputSide = side
      if $0.lastWaiter == .unknown { $0.lastWaiter = event.thread }
      $0.lastBlock = (event.entered, event.exited)
      $0.lastInputUse = event.exited
      $0.company = 0
    }
  }

  /// A thread ends inside of a call: what it waited for, it waited for until now.
  mutating func noteUnfinished(_ id: ThreadID, until time: Nanoseconds) {
    guard let call = openCall(of: id), time - min(time, call.since) >= Self.longWait, let process = processID(of: id)
    else { return }
    let (inputs, company) = openInputs(of: id)
    for input in inputs {
      channels[Int(input.channel)].withUse(by: process) {
        $0.inputSide = input.side
        if $0.lastWaiter == .unknown { $0.lastWaiter = id }
        $0.lastInputUse = time
        $0.lastBlock = (call.since, time)
        $0.company = company
      }
    }
  }
}
