// Everything that watches the World. An event is looked at once here, and given to those whom it concerns.

import Lineage
import Trace

struct Watchers: Sendable {
  private(set) var origins = Origins()
  var foreignWakeupWrite = ForeignWakeupWrite()
  var foreignRead = ForeignRead()
  var inheritedSignalHandler = InheritedSignalHandler()
  var sharedEpoll = SharedEpoll()
  var ghostEpollEntry = GhostEpollEntry()
  var fdClobbered = FDClobbered()
  var sharedFlagChange = SharedFlagChange()
  var busyPoll = BusyPoll()
  var fruitless = FruitlessTurns()
  var eofNeverComes = EofNeverComes()
  var sharedConnection = SharedConnection()
  var forkWhileThreaded = ForkWhileThreaded()
  var heldAfterExec = HeldAfterExec()
  private(set) var activity = ActivityMeter()
  private(set) var standing = StandingMeter()
  var timeline: TimelineBuilder
  private(set) var blindSpots: [String] = []
  /// Processes whose untraced children were followed all the same.
  private var followedUntraced: Set<Int32> = []
  private(set) var command: [String] = []
  /// By slot among the living: the thread whose accounts are kept there.
  private var owners: ContiguousArray<ThreadID> = []

  init(_ detail: TimelineDetail) { timeline = TimelineBuilder(detail) }

  /// The World has been moved by the event.
  mutating func observe(_ event: Event, arena: Arena, world: World, tables: TraceTables) {
    timeline.duration = max(timeline.duration, event.time)
    for call in world.abandoned { sharedEpoll.abandoned(call, world: world) }
    if !world.goneChannels.isEmpty { gone(world: world, tables: tables) }
    if !world.abandoned.isEmpty {
      for call in world.abandoned {
        if call.syscall == .futex { forkWhileThreaded.left(call.thread, at: event.time, world: world, tables: tables) }
        if call.syscall == .flock {
          heldAfterExec.judgeLock(call.thread, at: event.time, world: world, tables: tables, origins: origins)
        }
        eofNeverComes.waited(call.thread, call.syscall, child: -1, since: call.since, until: event.time, world: world)
        if call.slot >= 0 { seat(call.thread, Int(call.slot), world: world) }
      }
      activity.abandoned(at: event.time, world: world)
      timeline.abandoned(at: event.time, world: world, tables: tables)
    }
    guard case .call(let syscall, let result, let operation) = event.body else {
      happened(event, arena: arena, world: world, tables: tables)
      return
    }
    guard let thread = world.thread(event.thread), thread.slot >= 0 else { return }
    let slot = Int(thread.slot)
    if slot >= owners.count || owners[slot] != event.thread { seat(event.thread, slot, world: world) }
    if inheritedSignalHandler.watchesCalls {
      inheritedSignalHandler.called(event, syscall, by: thread.process, world: world)
    }
    lookAtObjects(event, result, operation, thread, arena: arena, world: world, tables: tables)
    if case .futex = operation {
      forkWhileThreaded.called(event, result, by: thread.process, arena: arena, world: world, tables: tables)
    }
    if case .lock(let fd, let what) = operation {
      heldAfterExec.locks(event, fd, what, arena: arena, world: world, tables: tables, origins: origins)
    }
    if event.phase == .begin { return timeline.entered(event, arena: arena) }
    switch world.effect.kind {
    case .write:
      foreignWakeupWrite.wrote(event, result, by: thread.process, arena: arena, world: world, tables: tables)
      if world.isHeir(thread.process) {
        inheritedSignalHandler.wrote(event, result, by: thread.process, arena: arena, world: world, tables: tables)
      }
    case .read:
      if world.effect.fd == 0 || world.isHeir(thread.process) {
        foreignRead.read(event, result, by: thread.process, arena: arena, world: world, tables: tables)
      }
      inheritedSignalHandler.read(by: thread.process, world: world)
    case .empty, .endOfFile:
      foreignRead.cameAway(event, by: thread.process, arena: arena, world: world, tables: tables)
    case .none, .peek, .wait, .accept, .clear: break
    }
    busyPoll.returned(event, syscall, result, operation, thread, arena: arena, world: world)
    fruitless.returned(event, syscall, result, operation, thread, arena: arena, world: world)
    activity.returned(event, syscall, operation, thread, arena: arena, world: world)
    timeline.returned(event, syscall, result, operation, arena: arena, world: world, tables: tables)
    switch operation {
    case .pipe, .socketPair, .create, .open: origins.observe(event, world: world)
    case .spawn, .exec, .ring:
      origins.observe(event, world: world)
      note(event, result, operation, arena: arena, world: world, tables: tables)
    case .transfer(let transfer):
      if let slot = world.connectionSlot {
        sharedConnection.used(
          event, result, transfer, slot, by: thread.process, arena: arena, world: world, tables: tables)
      }
    case .shutdown(let fd, let how) where result.succeeded:
      sharedConnection.shut(event, fd, how, by: thread.process, arena: arena, world: world, tables: tables)
    case .bind(let fd, let address) where result.errno == 98:
      heldAfterExec.refused(event, fd, address, arena: arena, world: world, tables: tables, origins: origins)
    case .signalAction(let signal, let disposition)
    where disposition.action == .handler && !world.isInHandler(event.thread):
      inheritedSignalHandler.set(signal, by: thread.process)
    case .waitChild(let pid):
      eofNeverComes.waited(
        event.thread, syscall, child: pid, since: event.entered, until: event.exited, world: world)
    default: break
    }
  }

  /// What is done to epoll instances, numbers and flags, rather than to bytes; also when a call begins, since releases take effect
  /// then.
  @inline(__always)
  private mutating func lookAtObjects(
    _ event: Event, _ result: CallResult, _ operation: Operation, _ thread: ThreadState, arena: Arena, world: World,
    tables: TraceTables
  ) {
    if !world.released.isEmpty, operation.givesUpNumbers {
      ghostEpollEntry.released(event, by: thread, arena: arena, world: world, tables: tables)
      fdClobbered.released(event, by: thread, arena: arena, world: world, tables: tables)
    }
    switch operation {
    case .wait(let wait):
      if wait.isEpoll {
        sharedEpoll.waited(event, wait, by: thread, arena: arena, world: world, tables: tables)
        if event.phase != .begin, world.ready.contains(where: \.isGhost) {
          ghostEpollEntry.returned(event, by: thread, arena: arena, world: world, tables: tables)
        }
      } else if event.phase != .begin, !fdClobbered.isEmpty {
        fdClobbered.waited(event, wait, result, by: thread, arena: arena, world: world, tables: tables)
      }
      sharedFlagChange.waited(wait, by: thread, arena: arena, world: world)
      if sharedConnection.hasShut, event.phase != .begin {
        sharedConnection.waited(event, by: thread, arena: arena, world: world, tables: tables)
      }
      if event.phase != .begin {
        sharedFlagChange.kernel.waited(event, wait, by: thread, arena: arena, world: world)
      }
      return
    case .epollControl(let epoll, let op, let fd, _, _):
      sharedEpoll.controlled(
        event, result, op, epoll, fd, by: thread, arena: arena, world: world, tables: tables)
      if event.phase == .begin { return }
      if result.failed { ghostEpollEntry.refused(event, fd, by: thread, arena: arena, world: world, tables: tables) }
      if !fdClobbered.isEmpty {
        fdClobbered.controlled(
          event, result, op, fd, by: thread, arena: arena, world: world, tables: tables)
      }
      return
    default: if event.phase == .begin { return }
    }
    switch operation {
    case .exec: ghostEpollEntry.left(thread.process, failedExec: result.failed)
    case .setNonblocking(let fd, let isOn) where result.succeeded:
      sharedFlagChange.set(fd, isOn, event, by: thread, arena: arena, world: world, tables: tables)
    case .create(.signalfd, _, let mask, let existing) where result.succeeded:
      sharedFlagChange.kernel.masked(
        mask, existing: existing, result, event, by: thread, arena: arena, world: world, tables: tables)
    case .setTimer(let fd) where result.succeeded:
      sharedFlagChange.kernel.timerSet(fd, event, by: thread, arena: arena, world: world, tables: tables)
    case .sendSignal(let pid, let signal) where result.succeeded && !sharedFlagChange.kernel.isEmpty:
      sharedFlagChange.kernel.sent(signal, to: pid, event, arena: arena, world: world, tables: tables)
    case .transfer(let transfer) where !fdClobbered.isEmpty:
      fdClobbered.used(event, transfer, by: thread, arena: arena, world: world, tables: tables)
    default: break
    }
    if sharedEpoll.concerns(world.effect.channel) {
      sharedEpoll.moved(world.effect.channel, at: event.time, world: world)
    }
    if !ghostEpollEntry.isEmpty { ghostEpollEntry.used(by: thread.process, world: world) }
    if world.effect.kind == .empty {
      sharedFlagChange.cameAway(event, operation, by: thread, arena: arena, world: world, tables: tables)
    }
    if sharedFlagChange.hasCleared {
      sharedFlagChange.blocked(event, by: thread, arena: arena, world: world, tables: tables)
    }
  }

  /// Gives a thread the accounts of its slot; who had them before has ended.
  private mutating func seat(_ thread: ThreadID, _ slot: Int, world: World) {
    while owners.count <= slot { owners.append(.unknown) }
    guard owners[slot] != thread else { return }
    owners[slot] = thread
    activity.seat(thread, slot, world: world)
    busyPoll.seat(slot)
    fruitless.seat(slot)
  }

  private func seat(of id: ThreadID, world: World) -> Int? {
    guard let slot = world.thread(id)?.slot, slot >= 0, Int(slot) < owners.count, owners[Int(slot)] == id else {
      return nil
    }
    return Int(slot)
  }

  /// Channels whose last descriptor the event closed.
  private mutating func gone(world: World, tables: TraceTables) {
    timeline.gone(world.goneChannels, at: timeline.duration)
    for channel in world.goneChannels {
      foreignWakeupWrite.judge(channel, world: world, tables: tables, origins: origins)
      foreignRead.judge(channel, world: world, tables: tables, origins: origins)
      inheritedSignalHandler.judge(channel, world: world, tables: tables, origins: origins)
      sharedEpoll.judge(channel)
      sharedConnection.judge(channel)
      eofNeverComes.judge(channel, world: world, tables: tables, origins: origins)
      busyPoll.endAll(onChannel: channel.slot)
    }
  }

  /// What is no call.
  private mutating func happened(_ event: Event, arena: Arena, world: World, tables: TraceTables) {
    timeline.happened(event, arena: arena, world: world, tables: tables)
    switch event.body {
    case .signal(let delivery):
      inheritedSignalHandler.delivered(delivery, event, arena: arena, world: world, tables: tables)
    case .end(let status):
      if let process = world.process(of: event.thread), !process.isAlive {
        ghostEpollEntry.left(process.id, failedExec: false)
      }
      inheritedSignalHandler.ended(status, event, arena: arena, world: world, tables: tables)
      if let slot = seat(of: event.thread, world: world) {
        busyPoll.leave(slot)
        fruitless.leave(slot)
      }
    case .counter(let name, let value):
      if let slot = seat(of: event.thread, world: world), let counter = LookCounter(rawValue: tables.text(name)) {
        fruitless.looked(slot, counter, value)
      }
    case .existing(let descriptor):
      sharedEpoll.found(descriptor, by: event.thread, at: event.time, world: world)
      if let process = world.processID(of: event.thread) {
        heldAfterExec.found(descriptor, in: process, world: world, tables: tables)
      }
    case .lockedBy(let tid): forkWhileThreaded.locked(event.thread, by: tid)
    case .running(let module, let offset): standing.ran(event.thread, module, offset)
    case .stack(let stack, false): standing.ran(event.thread, stack)
    case .blindSpot(let spot, let detail):
      let pid = world.process(of: event.thread)?.pid ?? 0
      if spot == .untraced { followedUntraced.insert(pid) }
      let what = EventText.harmless(tables.text(detail))
      addBlindSpot(spot == .log ? "the log: \(what)" : "\(EventText.describe(spot)) in pid \(pid): \(what)")
    case .existingThread(let found) where command.isEmpty:
      command = arena.numbers(found.arguments).map { tables.text(StringID(Int($0))) }
    default: break
    }
  }

  /// Calls that tell of a program, or of what is not seen of it.
  private mutating func note(
    _ event: Event, _ result: CallResult, _ operation: Operation, arena: Arena, world: World, tables: TraceTables
  ) {
    guard result.succeeded else { return }
    let pid = world.process(of: event.thread)?.pid ?? 0
    switch operation {
    case .ring: addBlindSpot("io_uring in pid \(pid)")
    case .spawn(let flags, _) where flags & 0x80_0000 != 0 && !followedUntraced.contains(pid):
      addBlindSpot("CLONE_UNTRACED child of pid \(pid)")
    case .exec(let exec) where command.isEmpty:
      command = arena.numbers(exec.arguments).map { tables.text(StringID(Int($0))) }
    default: break
    }
  }

  private mutating func addBlindSpot(_ text: String) {
    if blindSpots.count < 100, !blindSpots.contains(text) { blindSpots.append(text) }
  }
}

extension Operation {
  /// Whether it takes numbers away. What else finds a number taken had only not returned when that was looked up.
  fileprivate var givesUpNumbers: Bool {
    switch self {
    case .close, .closeRange, .duplicate: true
    default: false
    }
  }
}
