// A server as asyncio makes it: one thread in epoll_wait, woken by workers through a socketpair and an eventfd, that reads
// and answers its connections.

import Trace

struct EventLoop {
  private static let epoll: FD = 3
  private static let wakeupRead: FD = 4
  private static let wakeupWrite: FD = 5
  private static let counter: FD = 6
  private static let firstConnection: FD = 8

  private let main: Actor
  private let workers: [Actor]
  private let connections: Int
  private var rounds = 0
  private var helper: Actor?

  init(on stage: Stage, parent: Actor, workers count: Int = 4, connections: Int = 24) {
    main = stage.fork(parent)
    stage.exec(main, "/usr/bin/python3", ["python3", "server.py", "--port", "8080"])
    let cloexec: UInt32 = 0o2000000
    stage.call(main, .epollCreate1, 3, .create(.epoll, flags: cloexec, value: 0, fd: -1))
    stage.call(main, .socketpair, 0, .socketPair(first: 4, second: 5, domain: 1, type: 0o2004001))
    stage.call(main, .eventfd2, 6, .create(.eventfd, flags: 0o2004000, value: 0, fd: -1))
    stage.call(main, .socket, 7, .socket(domain: 2, type: 0o2004001))
    stage.call(main, .bind, 0, .bind(7, address: stage.text("127.0.0.1:8080")))
    stage.call(main, .listen, 0, .listen(7))
    for fd in [FD(4), 6, 7] { Self.watch(fd, main, stage) }
    let leader = main
    workers = (0..<count).map { _ in stage.thread(leader) }
    self.connections = connections
    for place in 0..<connections {
      let fd = Self.firstConnection + FD(place)
      stage.call(main, .accept4, Int64(fd), .accept(7, flags: 0o2004000))
      Self.watch(fd, main, stage)
    }
  }

  private static func watch(_ fd: FD, _ actor: Actor, _ stage: Stage) {
    stage.call(
      actor, .epollCtl, 0, .epollControl(epoll: epoll, op: 1, fd: fd, events: .input, data: UInt64(fd)))
  }

  private func ready(_ fd: FD) -> WaitEntry { WaitEntry(fd: -1, asked: [], returned: .input, data: UInt64(fd)) }

  /// One turn: the loop sleeps, is woken by a worker or by its connections, and does what there is to do.
  mutating func turn(on stage: Stage) {
    rounds += 1
    let wait = stage.begin(
      main, .epollWait,
      .wait(
        Wait(
          epoll: Self.epoll, entries: .empty, timeout: 1_000_000_000 + Int64(stage.chance.below(1_000_000)),
          capacity: 64)))
    stage.pass(30_000)
    let worker = workers[stage.chance.below(workers.count)]
    let first = Self.firstConnection + FD(stage.chance.below(connections))
    let second = Self.firstConnection + (first - Self.firstConnection + 1) % FD(connections)
    switch stage.chance.below(4) {
    case 0:
      stage.call(worker, .futex, 0, .futex(address: 0x7F00_0000_1000, operation: 0x80, value: UInt32(rounds & 0xFF)))
      stage.wake(worker, Self.counter, isCounter: true)
      stage.end(wait, 2, waits: [ready(Self.counter), ready(first)])
      stage.read(main, Self.counter, size: 8, 8)
      serve(first, on: stage)
    case 1:
      stage.wake(worker, Self.wakeupWrite, isCounter: false)
      stage.end(wait, 2, waits: [ready(Self.wakeupRead), ready(first)])
      stage.read(main, Self.wakeupRead, 1, by: .recvfrom)
      if stage.chance.happens(oneIn: 2) { stage.read(main, Self.wakeupRead, -11, by: .recvfrom) }
      serve(first, on: stage)
    default:
      stage.end(wait, 2, waits: [ready(first), ready(second)])
      serve(first, on: stage)
      serve(second, on: stage)
    }
    if rounds % 500 == 0 { changeHelper(on: stage) }
  }

  private func serve(_ fd: FD, on stage: Stage) {
    stage.read(main, fd, size: 262_144, Int64(60 + stage.chance.below(400)), by: .recvfrom)
    stage.write(main, fd, 100 + stage.chance.below(4000), by: .sendto)
  }

  /// A thread for one job, as a pool that shrinks has: it ends when the next one comes.
  private mutating func changeHelper(on stage: Stage) {
    if let old = helper { stage.emit(old, .end(status: 0)) }
    let fresh = stage.thread(main)
    stage.call(fresh, .openat, 40, .open(path: stage.text("/etc/hosts"), flags: 0o2000000, kind: .file, inode: 77))
    stage.read(fresh, 40, 220)
    stage.call(fresh, .close, 0, .close(40))
    stage.wake(fresh, Self.wakeupWrite, isCounter: false)
    stage.read(main, Self.wakeupRead, 1, by: .recvfrom)
    helper = fresh
  }

  /// A child that was forked without exec writes the wakeup channel that it inherited: the one thing to find.
  func misfire(on stage: Stage) {
    let child = stage.fork(main)
    stage.wake(child, Self.wakeupWrite, isCounter: false)
    let wait = stage.begin(
      main, .epollWait, .wait(Wait(epoll: Self.epoll, entries: .empty, timeout: -1, capacity: 64)))
    stage.end(wait, 1, waits: [ready(Self.wakeupRead)])
    stage.read(main, Self.wakeupRead, 1, by: .recvfrom)
    stage.exit(child, status: 0)
    stage.call(main, .wait4, Int64(child.pid), .waitChild(pid: child.pid))
  }

  func finish(on stage: Stage) {
    if let helper { stage.emit(helper, .end(status: 0)) }
    for worker in workers { stage.emit(worker, .end(status: 0)) }
    stage.exit(main, status: 0)
  }
}
