// Launching: the child waits until it is seized, gets the filter, and execs.

import CLinux
import Glibc
import Ptrace
import Trace

extension Recorder {
  /// Launches `command` (argv, any bytes), follows it to the end and returns how that was. `path`: where the trace goes; by default
  /// `NAME.PID.flt` in the current folder.
  public static func record(
    command: [[UInt8]], path: String?, payloadLimit: Int, observer: Observer? = nil, checkpoint: Checkpoint? = nil
  ) throws(RecorderError) -> Outcome {
    let program = try Program.find(command)
    clinux_block_signals()
    let strangers = ProcFS.children(of: getpid())
    let filter = SeccompFilter.everyCall()
    let root = launch(command, filter: filter)
    guard root > 0 else { throw .refused("cannot fork: \(String(cString: strerror(-root)))") }
    let output = path ?? "\(program.name).\(root).flt"
    let writer: TraceWriter
    do {
      writer = try TraceWriter(path: output, header: TraceHeader(started: clock(CLOCK_REALTIME)))
    } catch {
      clinux_abandon(root)
      throw .file(error)
    }
    let recorder = Recorder(
      writer: writer, root: root, hasFilter: true, start: clock(CLOCK_MONOTONIC), payloadLimit: payloadLimit,
      observer: observer)
    recorder.checkpoint = checkpoint
    recorder.strangers = Set(strangers)
    do {
      try Ptrace.seize(root, options: [.follow, .exitKill])
    } catch {
      clinux_abandon(root)
      unlink(output)
      throw .refused("\(error): ptrace is not allowed here; `faultline doctor` tells why")
    }
    clinux_release()
    recorder.addRoot()
    do {
      try recorder.loop()
    } catch {
      recorder.giveUp()
      throw .refused("\(error)")
    }
    let failure = clinux_launch_failure()
    if failure.stage != 0 {
      unlink(output)
      if failure.stage == 1 {
        throw .refused("seccomp refused the filter: \(String(cString: strerror(failure.error)))")
      }
      if failure.error == ENOENT { throw .notFound(program.text) }
      throw .cannotRun(program.text, errno: failure.error)
    }
    let outcome = recorder.finish()
    clinux_restore_signals()
    return outcome
  }

  private static func launch(_ command: [[UInt8]], filter: [UInt64]) -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] =
      command.map { strdup(($0 + [0]).map { CChar(bitPattern: $0) }) } + [nil]
    defer { for argument in arguments { free(argument) } }
    return filter.withUnsafeBufferPointer { filter in
      arguments.withUnsafeMutableBufferPointer { arguments in
        var launch = clinux_launch(
          arguments: UnsafePointer(arguments.baseAddress), filter: filter.baseAddress,
          filter_length: UInt16(filter.count))
        return clinux_launch_start(&launch)
      }
    }
  }
}
