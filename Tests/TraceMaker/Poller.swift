// A process that polls several pipes which its own threads fill, as GLib's main context does.

import Trace

struct Poller {
  private static let pipes = 6
  private static let firstPipe: FD = 10

  private let main: Actor
  private let writers: [Actor]

  init(on stage: Stage, parent: Actor) {
    main = stage.fork(parent)
    stage.exec(main, "/usr/bin/indicator", ["indicator", "--session"])
    for place in 0..<Self.pipes {
      let read = Self.firstPipe + FD(2 * place)
      stage.call(main, .pipe2, 0, .pipe(read: read, write: read + 1, flags: 0o2004000, inode: stage.inode()))
    }
    writers = [stage.thread(main), stage.thread(main)]
  }

  private func entries(ready: [Int]) -> [WaitEntry] {
    (0..<Self.pipes).map { place in
      WaitEntry(
        fd: Self.firstPipe + FD(2 * place), asked: .input, returned: ready.contains(place) ? .input : [])
    }
  }

  func turn(on stage: Stage) {
    let poll = stage.begin(
      main, .poll, .wait(Wait(epoll: -1, entries: .empty, timeout: 25_000_000)), waits: entries(ready: []))
    stage.pass(20_000)
    if stage.chance.happens(oneIn: 10) {
      stage.pass(8_000_000)
      stage.end(poll, 0, waits: entries(ready: []))
      return
    }
    let place = stage.chance.below(Self.pipes)
    let count = 4 + stage.chance.below(200)
    stage.write(writers[place % 2], Self.firstPipe + FD(2 * place) + 1, count)
    stage.end(poll, 1, waits: entries(ready: [place]))
    stage.read(main, Self.firstPipe + FD(2 * place), Int64(count))
    if stage.chance.happens(oneIn: 4) { stage.read(main, Self.firstPipe + FD(2 * place), -11) }
  }

  func finish(on stage: Stage) {
    for writer in writers { stage.emit(writer, .end(status: 0)) }
    stage.exit(main, status: 0)
  }
}
