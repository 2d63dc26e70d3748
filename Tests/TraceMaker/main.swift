// make-trace OUT.flt EVENTS [--seed N]: a trace of programs that never ran, as long as one likes and the same for the same
// seed, to measure the analyzer by. An event loop with workers, a ping-pong of two processes, a poller with several
// pipes, and a shell that starts a short-lived process for every 200 events or so; one foreign write is there to be found.

import Glibc
import Trace

func fail(_ words: String) -> Never {
  let line = Array("make-trace: \(words)\n".utf8)
  _ = write(STDERR_FILENO, line, line.count)
  exit(2)
}

var arguments = Array(CommandLine.arguments.dropFirst())
var seed: UInt64 = 1
if let place = arguments.firstIndex(of: "--seed"), place + 1 < arguments.count {
  guard let number = UInt64(arguments[place + 1]) else { fail("\(arguments[place + 1]) is no seed") }
  seed = number
  arguments.removeSubrange(place...place + 1)
}
guard arguments.count == 2, let wanted = UInt64(arguments[1]), wanted > 0 else {
  fail("usage: make-trace OUT.flt EVENTS [--seed N]")
}

do {
  let stage = try Stage(path: arguments[0], seed: seed)
  var shell = Shell(on: stage, parent: nil)
  var loop = EventLoop(on: stage, parent: shell.main)
  var pingPong = PingPong(on: stage, parent: shell.main)
  let poller = Poller(on: stage, parent: shell.main)
  loop.misfire(on: stage)
  while stage.writer.events < wanted {
    shell.turn(on: stage)
    for _ in 0..<8 {
      loop.turn(on: stage)
      pingPong.turn(on: stage)
      poller.turn(on: stage)
    }
  }
  poller.finish(on: stage)
  pingPong.finish(on: stage)
  loop.finish(on: stage)
  shell.finish(on: stage)
  try stage.writer.finish()
  print("\(stage.writer.events) events in \(arguments[0])")
} catch {
  fail("\(error)")
}
