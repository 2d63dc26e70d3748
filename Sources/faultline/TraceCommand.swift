import Analysis
import ArgumentParser
import CLinux
import Glibc
import Recorder
import Report
import Trace

/// What `trace` and `check` share: how to record a command.
struct RecordingOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Where the trace goes (default: COMMAND-NAME.PID.flt in the current folder).", valueName: "file"),
    completion: .file())
  var output: String?

  @Option(name: .customLong("scope"), help: ArgumentHelp("How much to stop at.", valueName: "scope"))
  var scopeName: ScopeName = .wakeups

  var scope: Scope { scopeName.scope }

  @Option(help: ArgumentHelp("When to take stacks, native and Python.", valueName: "when"))
  var stacks: StackMode = .auto

  @Option(help: "How many native frames a stack has at the most.")
  var frames: Int = 128

  @Flag(help: "Write the names of functions into the trace, so that it can be read where their files are not.")
  var embedSymbols = false

  @Option(help: "How many bytes of each channel write to keep (default: 16); 0 keeps none (but an eventfd's count).")
  var payload: Int?

  @Flag(
    help: """
      Keep secrets out of the trace: no payload, and tokens for what command lines, paths and addresses say of the user. Names of \
      programs, libraries, source files and functions stay.
      """)
  var redact = false

  @Option(
    help: ArgumentHelp(
      "The most that the trace may take (500K, 20M, 1G). Then it ends, and the program goes on.", valueName: "size"))
  var maxSize: Size?

  @Option(
    help: ArgumentHelp(
      "What is kept of a trace that outgrows --max-size: oldest (it ends there) or newest.", valueName: "part"))
  var keep: KeptPart?

  @Flag(help: "Keep tracer and program on one core: stops are cheapest there, but threads do not run at the same time.")
  var pin = false

  @Flag(
    help: "Let cores sleep between stops. By default they are held awake where that is allowed, else the tracer spins.")
  var sleepy = false

  @Flag(help: "Say what the trace cost: stops by kind, calls, injected filters, bytes, time.")
  var stats = false

  @Flag(help: "Say nothing but errors.")
  var quiet = false

  @Argument(parsing: .postTerminator, help: "The program to run, and its arguments.", completion: .file())
  var command: [String] = []

  func validate() throws {
    if frames < 1 || frames > 1024 { throw ValidationError("--frames takes 1 to 1024") }
    if keep != nil, maxSize == nil { throw ValidationError("--keep says what of --max-size is kept: give that too") }
    if let maxSize, maxSize.bytes < Size.least { throw ValidationError("--max-size takes 100K or more") }
    if redact, payload ?? 0 > 0 { throw ValidationError("--redact keeps no payload") }
    if let payload, payload < 0 || payload > 4096 { throw ValidationError("--payload takes 0 to 4096 bytes") }
  }

  var settings: Recorder.Settings {
    var settings = Recorder.Settings(
      payloadLimit: payload ?? (redact ? 0 : 16), scope: scope, pins: pin, isQuiet: sleepy, stacks: stacks,
      mostFrames: frames,
      // Files under tokens cannot be asked later.
      embedsSymbols: embedSymbols || redact)
    settings.redacts = redact
    if let maxSize { settings.limit = maxSize.bytes }
    if let keep { settings.kept = keep }
    return settings
  }

  /// Runs the command under trace.
  func record() throws -> Recorder.Outcome {
    if command.isEmpty { throw ValidationError("give a command after --") }
    do {
      return try Recorder.record(
        command: Self.rawCommand(), path: output,
        settings: settings)
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
  }

  /// What stands after the first `--`, byte by byte: arguments need not be UTF-8.
  private static func rawCommand() -> [[UInt8]] {
    let all = (0..<Int(CommandLine.argc)).compactMap { place in
      CommandLine.unsafeArgv[place].map { Array(UnsafeBufferPointer(start: $0, count: strlen($0))) }
    }.map { $0.map { UInt8(bitPattern: $0) } }
    guard let separator = all.firstIndex(of: Array("--".utf8)) else { return [] }
    return Array(all[(separator + 1)...])
  }

  /// A line per counter, for `--stats`.
  func tellStatistics(_ outcome: Recorder.Outcome) {
    guard stats else { return }
    for (name, value) in outcome.statistics { Console.say("stats: \(name) \(value)") }
  }

  /// Says where the trace is, and a line per finding; without findings, where time went.
  func tell(_ outcome: Recorder.Outcome, _ analysis: Analysis) {
    if let failure = outcome.failure {
      Console.say("warning: \(failure); the trace ends there, \(counted(outcome.lost, "later event")) are not in it")
    } else if outcome.isFull {
      Console.say(
        "warning: --max-size is reached; the trace ends there, \(counted(outcome.lost, "later event")) are not in it")
    }
    if outcome.begin > 0 {
      Console.say(
        "warning: --max-size is reached; the trace begins \(Duration.text(outcome.begin)) after its start, what came before is "
          + "not in it")
    }
    tellStatistics(outcome)
    guard !quiet else { return }
    let size = Duration.text(analysis.duration)
    Console.say("trace in \(outcome.path) (\(grouped(outcome.events)) events, \(size))")
    if outcome.wasEnded { Console.say("the program and its children were ended by the second interrupt") }
    if analysis.header.beganAfterStart, !analysis.header.isContinuation {
      Console.say("the trace began late: who wrote or forked before it is not known")
    }
    if outcome.survivors > 0, analysis.duration > outcome.rootEnded + 100_000_000 {
      Console.say(
        "the command ended at \(Duration.moment(outcome.rootEnded)); what it left behind "
          + "(\(counted(UInt64(outcome.survivors), "thread"))) was followed to \(Duration.moment(analysis.duration))")
    }
    for spot in analysis.blindSpots { Console.say("not seen: \(spot)") }
    for finding in analysis.findings { Console.say(TextReport.headline(finding)) }
    if !analysis.suppressed.isEmpty { Console.say(counted(UInt64(analysis.suppressed.count), "suppressed finding")) }
    if analysis.findings.isEmpty {
      Console.say("no findings; where time went:")
      for line in analysis.summary { Console.say("  \(line)") }
    }
  }
}

/// Ends this process as the target's root ended.
func endAs(_ status: Int32) -> Never {
  let signal = status & 0x7F
  if signal == 0 { exit(status >> 8 & 0xFF) }
  clinux_die_by(signal)
  exit(128 + signal)
}

/// A size as people write it: 500K, 20M, 1.5G (of 1024 each); a number alone is bytes.
struct Size: ExpressibleByArgument {
  /// What holds a chunk of the trace, and what is around it.
  static let least = 100 * 1024

  let bytes: Int

  init?(argument: String) {
    let digits = argument.prefix { $0.isNumber || $0 == "." }
    let units: [String: Double] = ["": 1, "k": 1024, "m": 1_048_576, "g": 1_073_741_824, "t": 1_099_511_627_776]
    var unit = argument.dropFirst(digits.count).lowercased()
    for ending in ["ib", "b"] where unit.count > 1 && unit.hasSuffix(ending) { unit.removeLast(ending.count) }
    guard let factor = units[unit], let number = Double(digits), number > 0, number * factor < 1e18 else { return nil }
    bytes = Int(number * factor)
  }
}

/// A time as people write it: 500ms, 5s, 2m, 1h; a number alone is seconds.
struct Span: ExpressibleByArgument {
  let nanoseconds: Nanoseconds

  init(seconds: UInt64) { nanoseconds = seconds * 1_000_000_000 }

  /// As it is in the help of an option that has one for its default.
  var defaultValueDescription: String { "\(Double(nanoseconds) / 1e9)s".replacing(".0s", with: "s") }

  init?(argument: String) {
    guard let time = Self.time(argument), time > 0 else { return nil }
    nanoseconds = time
  }

  /// A number, and its unit or none for seconds.
  static func time(_ argument: String) -> Nanoseconds? {
    let digits = argument.prefix { $0.isNumber || $0 == "." }
    let units: [Substring: Double] = ["": 1e9, "s": 1e9, "ms": 1e6, "m": 60e9, "min": 60e9, "h": 3600e9]
    guard let unit = units[argument.dropFirst(digits.count)], let number = Double(digits),
      number * unit < 1e18
    else { return nil }
    return UInt64(number * unit)
  }
}

/// A moment of a trace, in the same words; 0 is its begin.
struct Moment: ExpressibleByArgument {
  let nanoseconds: Nanoseconds

  init?(argument: String) {
    guard let time = Span.time(argument) else { return nil }
    nanoseconds = time
  }
}

struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Record a program, its children and its threads: one that is started, or some that run already.",
    usage: """
      faultline trace [<options>] -- <command> [<argument> ...]
      faultline trace [<options>] -p <pid> ... [--duration <time>] [--until-finding]
      """)

  @Option(
    name: [.customShort("p"), .customLong("pid")], parsing: .upToNextOption,
    help: "Attach to these processes, all their threads, and their children from then on. Ctrl-C lets them go.")
  var pids: [Int32] = []

  @Option(help: ArgumentHelp("With -p: let them go after this time (500ms, 5s, 2m).", valueName: "time"))
  var duration: Span?

  @Flag(help: "With -p: let them go at the first finding of severity error or warning.")
  var untilFinding = false

  @OptionGroup var recording: RecordingOptions

  func validate() throws {
    if pids.isEmpty {
      if recording.command.isEmpty { throw ValidationError("give a command after --, or processes with -p") }
      if duration != nil || untilFinding { throw ValidationError("--duration and --until-finding go with -p") }
    } else if !recording.command.isEmpty {
      throw ValidationError("give a command or -p, not both")
    } else if let wrong = pids.first(where: { $0 <= 0 }) {
      throw ValidationError("\(wrong) is no process number")
    }
  }

  func run() throws {
    guard pids.isEmpty else { return try attach() }
    let outcome = try recording.record()
    if !recording.quiet || outcome.failure != nil || outcome.isFull {
      // The program may have deleted its own trace; it ends as it ended all the same.
      if let analysis = try? TraceFile.analyze(outcome.readablePath, warns: outcome.failure == nil) {
        recording.tell(outcome, analysis)
      }
    } else {
      recording.tellStatistics(outcome)
    }
    endAs(outcome.rootStatus)
  }

  private func attach() throws {
    let outcome = try Attachment.record(
      pids, path: recording.output, settings: recording.settings, duration: duration?.nanoseconds,
      untilFinding: untilFinding)
    guard !recording.quiet || outcome.failure != nil || outcome.isFull else { return }
    let analysis = try TraceFile.analyze(outcome.readablePath, warns: outcome.failure == nil)
    recording.tell(outcome, analysis)
    if !recording.quiet {
      for line in Look.terminal().standing(analysis).dropFirst(2) { Console.say(line) }
    }
    // The programs go on; what was wanted of us was the trace.
    if outcome.failure != nil { throw ExitCode(ExitStatus.cannotWrite) }
  }
}

/// Attaching, for `trace -p` and `why`.
enum Attachment {
  /// How often the findings so far are looked at, ns.
  private static let interval: UInt64 = 500_000_000

  static func record(
    _ pids: [Int32], path: String?, isKept: Bool = true, settings: Recorder.Settings, duration: Nanoseconds?,
    untilFinding: Bool,
    takesDescendants: Bool = false
  ) throws -> Recorder.Outcome {
    var live = LiveAnalysis()
    var known = TraceTables()
    var looked: UInt64 = 0
    var observer: Recorder.Observer?
    if untilFinding {
      observer = { event, arena, tables in
        live.observe(event, arena: arena, tables: tables)
        known = tables
      }
    }
    let stay = Recorder.Stay(duration: duration, takesDescendants: takesDescendants) {
      guard untilFinding else { return false }
      let now = Clock.monotonic()
      guard now - looked >= interval else { return false }
      looked = now
      return live.worst(tables: known).map { $0 >= .warning } ?? false
    }
    do {
      return try Recorder.attach(
        to: pids, path: path, isKept: isKept, settings: settings, stay: stay, observer: observer)
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
  }
}

enum Clock {
  /// CLOCK_MONOTONIC, ns.
  static func monotonic() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
