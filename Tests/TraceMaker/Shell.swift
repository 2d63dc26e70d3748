// A shell that runs one short-lived program after another with its output in a pipe: forks, execs, inherited tables, SIGCHLD.

import Trace

struct Shell {
  let main: Actor
  private var runs = 0

  init(on stage: Stage, parent: Actor?) {
    main = parent.map { stage.fork($0) } ?? stage.start(parent: nil)
    stage.exec(main, "/bin/sh", ["sh", "build.sh"])
    let handler = SignalDisposition(action: .handler, handler: 0x55_0000_1000, flags: 0x1400_0000)
    stage.call(main, .rtSigaction, 0, .signalAction(signal: 17, handler))
  }

  mutating func turn(on stage: Stage) {
    runs += 1
    stage.call(main, .pipe2, 0, .pipe(read: 3, write: 4, flags: 0, inode: stage.inode()))
    let child = stage.fork(main)
    stage.call(main, .close, 0, .close(4))
    let first = stage.begin(main, .read, .transfer(Transfer(fd: 3, direction: .input, requested: 65536)))
    let count = run(child, on: stage)
    stage.end(first, Int64(count))
    let second = stage.begin(main, .read, .transfer(Transfer(fd: 3, direction: .input, requested: 65536)))
    stage.exit(child, status: Int32(runs & 1))
    stage.end(second, 0)
    stage.call(main, .close, 0, .close(3))
    stage.emit(main, .signal(SignalDelivery(number: 17, code: 1, sender: child.pid)))
    stage.call(main, .wait4, Int64(child.pid), .waitChild(pid: -1))
    stage.call(main, .rtSigreturn, 0, .signalReturn)
  }

  private func run(_ child: Actor, on stage: Stage) -> Int {
    stage.call(child, .close, 0, .close(3))
    stage.call(child, .dup2, 1, .duplicate(from: 4, to: 1, closeOnExec: false))
    stage.call(child, .close, 0, .close(4))
    stage.exec(child, "/usr/bin/cc", ["cc", "-c", "file\(runs % 400).c"])
    for part in 0..<3 {
      let path = stage.text("/usr/include/part\(stage.chance.below(200)).h")
      stage.call(child, .openat, 3, .open(path: path, flags: 0o2000000, kind: .file, inode: UInt64(5000 + part)))
      stage.read(child, 3, Int64(500 + stage.chance.below(3000)))
      stage.call(child, .close, 0, .close(3))
    }
    let count = 20 + stage.chance.below(200)
    stage.write(child, 1, count)
    return count
  }

  func finish(on stage: Stage) { stage.exit(main, status: 0) }
}
