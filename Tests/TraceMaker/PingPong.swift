// Two processes that play a message back and forth through two pipes, each blocked in read while the other thinks.

import Trace

struct PingPong {
  private let first: Actor
  private let second: Actor
  private var open: OpenCall?

  /// The pipes are made by a parent, who keeps nothing of them.
  init(on stage: Stage, parent: Actor) {
    for (read, write) in [(FD(10), FD(11)), (12, 13)] {
      stage.call(parent, .pipe2, 0, .pipe(read: read, write: write, flags: 0, inode: stage.inode()))
    }
    first = stage.fork(parent)
    second = stage.fork(parent)
    for fd in FD(10)...13 { stage.call(parent, .close, 0, .close(fd)) }
    for fd in [FD(10), 13] { stage.call(first, .close, 0, .close(fd)) }
    for fd in [FD(11), 12] { stage.call(second, .close, 0, .close(fd)) }
    stage.exec(first, "/usr/bin/ping-side", ["ping-side", "12", "11"])
    stage.exec(second, "/usr/bin/pong-side", ["pong-side", "10", "13"])
    open = stage.begin(second, .read, Self.reading(10))
  }

  private static func reading(_ fd: FD) -> Operation {
    .transfer(Transfer(fd: fd, direction: .input, requested: 4096))
  }

  mutating func turn(on stage: Stage) {
    guard let waiting = open else { return }
    let count = 16 + stage.chance.below(1000)
    stage.write(first, 11, count)
    stage.end(waiting, Int64(count))
    let answer = stage.begin(first, .read, Self.reading(12))
    stage.pass(6_000)
    stage.write(second, 13, count)
    stage.end(answer, Int64(count))
    open = stage.begin(second, .read, Self.reading(10))
  }

  mutating func finish(on stage: Stage) {
    stage.exit(first, status: 0)
    if let open { stage.end(open, 0) }
    open = nil
    stage.exit(second, status: 0)
  }
}
