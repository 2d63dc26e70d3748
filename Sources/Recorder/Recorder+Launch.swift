// Launching: the child waits until it is seized, gets the filter, and execs.

import CLinux
import Glibc
import Ptrace
import Trace

/// What is kept of a trace that outgrows its limit.
public enum KeptPart: String, Sendable, CaseIterable {
  case oldest, newest
}

extension Recorder {
  /// How a command is traced.
  public struct Settings: Sendable {
    /// How many bytes of channel writes are kept.
    public var payloadLimit: Int
    public var scope: Scope
    /// Tracer and targets share one core.
    public var pins: Bool
    /// Neither hold the cores awake nor spin.
    public var isQuiet: Bool
    public var stacks: StackMode
    /// Native frames a stack, at the most.
    public var mostFrames: Int
    /// Write the names of functions into the trace.
    public var embedsSymbols: Bool
    /// Bytes that the trace may have, and what is kept of a longer one.
    public var limit = Int.max
    public var kept = KeptPart.oldest
    /// Command lines, paths and addresses become tokens.
    public var redacts = false

    public init(
      payloadLimit: Int = 16, scope: Scope = .wakeups, pins: Bool = false, isQuiet: Bool = false,
      stacks: StackMode = .off,
      mostFrames: Int = 128, embedsSymbols: Bool = false
    ) {
      self.stacks = stacks
      self.mostFrames = mostFrames
      self.embedsSymbols = embedsSymbols
      self.payloadLimit = payloadLimit
      self.scope = scope
      self.pins = pins
      self.isQuiet = isQuiet
    }
  }

  /// Launches `command` (argv, any bytes), follows it to the end and returns how that was. `path`: where the trace goes; by default
  /// `NAME.PID.flt` in the current folder. A trace that cannot grow any more does not end the program.
  public static func record(
    command: [[UInt8]], path: String?, settings: Settings, observer: Observer? = nil, checkpoint: Checkpoint? = nil
  ) throws(RecorderError) -> Outcome {
    let program = try Program.find(command)
    // A fifo is waited for while signals still end us.
    let destination = try path.map { path throws(RecorderError) in try Self.destination(path) }
    clinux_block_signals()
    let strangers = ProcFS.children(of: getpid())
    // Before the first stop there is nobody to arm these: what is handed down is ours as well.
    let armed = settings.scope == .wakeups ? inheritedChannels() : []
    let filter = SeccompFilter.base(settings.scope, armed: armed)
    let wakefulness = Wakefulness(pins: settings.pins, isQuiet: settings.isQuiet)
    let root = launch(command, filter: filter)
    guard root > 0 else { throw .refused("cannot fork: \(String(cString: strerror(-root)))") }
    let writer: any TraceOutput
    do throws(RecorderError) {
      writer = try output(
        to: destination ?? .file(usualPath(program.name, root)), beganAfterStart: false, settings: settings)
    } catch {
      clinux_abandon(root)
      throw error
    }
    let recorder = Recorder(
      writer: writer, root: root, hasFilter: true, start: clock(CLOCK_MONOTONIC),
      payloadLimit: settings.payloadLimit, scope: settings.scope, wakefulness: wakefulness, observer: observer)
    recorder.armedAtStart = armed
    recorder.checkpoint = checkpoint
    recorder.redaction = settings.redacts ? Redaction() : nil
    recorder.startStacks(settings)
    recorder.strangers = Set(strangers)
    do {
      try Ptrace.seize(root, options: [.follow, .exitKill])
    } catch {
      clinux_abandon(root)
      writer.discard()
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
      writer.discard()
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

  /// A program's name may be anything; a file's is one that a terminal can show.
  static func usualPath(_ name: String, _ pid: Int32) -> String {
    let shown = name.unicodeScalars.map { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: "_"
      default: scalar == "/" || scalar == "\u{FFFD}" ? "_" : String(scalar)
      }
    }
    return "\(shown.joined()).\(pid).flt"
  }

  static func destination(_ path: String) throws(RecorderError) -> TraceDestination {
    do {
      return try .at(path)
    } catch {
      throw .file(error)
    }
  }

  /// Closes of 0, 1 and 2, and all calls on other channels that the target inherits.
  private static func inheritedChannels() -> [ArmedRange] {
    var ranges = [ArmedRange(calls: .closes, first: standardNumbers.lowerBound, last: standardNumbers.upperBound)]
    for fd in ProcFS.descriptors(of: getpid()) where fd > standardNumbers.upperBound {
      guard fcntl(fd, F_GETFD) & FD_CLOEXEC == 0, let found = ProcFS.descriptor(fd, of: getpid()),
        [.pipe, .fifo, .eventfd, .socket].contains(found.kind)
      else { continue }
      ranges.append(ArmedRange(calls: [.reads, .writes, .closes, .messages], first: fd, last: fd))
    }
    guard ranges.count <= SeccompFilter.mostRanges / 2 else {
      return [
        ranges[0],
        ArmedRange(
          calls: [.reads, .writes, .closes, .messages], first: standardNumbers.upperBound + 1, last: FD.max),
      ]
    }
    return ranges
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
