// Where things came from: the call that made a channel, the call that forked a process, so that a finding's evidence begins
// at the beginning. Kept as numbers; words are made for what is found.

import Lineage
import Trace

struct Origins {
  /// By the channel's slot: its serial, and the call that made it.
  private var channels: ContiguousArray<(serial: UInt32, event: Event)?> = []
  /// By process; to the end, since a channel may outlive who misused it.
  private var forks: ContiguousArray<Fork?> = []

  fileprivate struct Fork {
    var sequence: UInt64
    var entered: Nanoseconds
    var flags: UInt64
    /// The child's pid, as its parent sees it.
    var result: Int32
    var thread: ThreadID
    var syscall: UInt16
    var stack: StackID
  }

  mutating func observe(_ event: Event, world: World) {
    guard case .call(let syscall, let result, let operation) = event.body, event.phase != .begin, result.succeeded
    else { return }
    switch operation {
    case .pipe(let fd, _, _, _), .socketPair(let fd, _, _, _): note(fd, event, world: world)
    case .create(.eventfd, _, _, _), .create(.epoll, _, _, _), .create(.timerfd, _, _, _), .open(_, _, .fifo, _):
      note(FD(truncatingIfNeeded: result.rawValue), event, world: world)
    case .spawn(let flags, let child):
      guard let process = world.processID(of: child), process != world.processID(of: event.thread) else { return }
      while forks.count <= process.position { forks.append(nil) }
      forks[process.position] = Fork(
        sequence: event.sequence, entered: event.entered, flags: flags,
        result: Int32(truncatingIfNeeded: result.rawValue),
        thread: event.thread, syscall: syscall.number, stack: event.stack)
    default: break
    }
  }

  private mutating func note(_ fd: FD, _ event: Event, world: World) {
    let file = world.descriptor(fd, of: event.thread).file
    guard file >= 0 else { return }
    let slot = Int(world.files[Int(file)].channel)
    guard slot >= 0 else { return }
    while channels.count <= slot { channels.append(nil) }
    channels[slot] = (world.channels[slot].serial, event)
  }

  /// How the process came to be.
  func fork(of process: ProcessID, world: World, tables: TraceTables) -> [Evidence] {
    guard process.position < forks.count, let fork = forks[process.position] else { return [] }
    return [world.evidence(fork.event, arena: Arena(), tables)]
  }

  /// How the channel was made, and how the process came to have it: what the evidence of a foreign use begins with.
  func prologue(_ channel: Channel, process: ProcessID, world: World, tables: TraceTables) -> [Evidence] {
    var events: [Event] = []
    let slot = Int(channel.slot)
    if slot >= 0, slot < channels.count, let made = channels[slot], made.serial == channel.serial {
      events.append(made.event)
    }
    if process.position < forks.count, let fork = forks[process.position] { events.append(fork.event) }
    // None of these calls has variable parts.
    return events.map { world.evidence($0, arena: Arena(), tables) }
  }
}

extension Origins.Fork {
  var event: Event {
    var event = Event(
      thread: thread, entered: entered, exited: entered, sequence: sequence,
      body: .call(
        Syscall(Int(syscall)), CallResult(Int64(result)), .spawn(flags: flags, child: .unknown)))
    event.stack = stack
    return event
  }
}
