// One pass over a trace: every event moves the World, and all rules watch.

import Lineage
import Trace

/// What a trace says.
public struct Analysis: Sendable {
  public var header: TraceHeader
  public var isComplete: Bool
  /// Why reading stopped before the end, if it did.
  public var damage: TraceError?
  public var command: [String]
  public var duration: Nanoseconds
  public var events: UInt64
  /// Calls beyond the first of each folded event.
  public var foldedCalls: UInt64
  public var processes: Int
  public var threads: Int
  public var blindSpots: [String]
  public var findings: [Finding]
  /// Where time went, a line per thread that matters.
  public var summary: [String]
  public var timeline: Timeline
  /// Where the threads stand that are alive at the end.
  public var standings: [Standing]
}

public enum Analyzer {
  /// Reads a .flt file to its end, or as far as it goes. `progress` is told, now and then, how far that is (0 to 1).
  public static func analyze(
    _ reader: TraceReader, progress: (Double) -> Void = { _ in }
  ) -> Analysis {
    var pass = AnalysisPass()
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events { pass.observe(event, arena: batch.arena, tables: reader.tables) }
      progress(reader.progress)
    }
    var analysis = pass.conclude(header: reader.header, tables: reader.tables)
    analysis.isComplete = reader.isComplete && reader.damage == nil
    analysis.damage = reader.damage
    return analysis
  }
}

/// An analysis of events as they come.
public struct LiveAnalysis: Sendable {
  private var pass = AnalysisPass()

  public init() {}

  public mutating func observe(_ event: Event, arena: Arena, tables: TraceTables) {
    pass.observe(event, arena: arena, tables: tables)
  }

  /// The worst finding so far.
  public func worst(tables: TraceTables) -> Severity? {
    var copy = pass
    return copy.conclude(header: TraceHeader(started: 0), tables: tables).findings.map(\.severity).max()
  }
}

/// The World and everything that watches it.
struct AnalysisPass: Sendable {
  private var world = World()
  private var origins = Origins()
  private var foreignWakeupWrite = ForeignWakeupWrite()
  private var foreignRead = ForeignRead()
  private var inheritedSignalHandler = InheritedSignalHandler()
  private var busyPoll = BusyPoll()
  private var activity = ActivityMeter()
  private var standing = StandingMeter()
  private var timeline = TimelineBuilder()
  private var events: UInt64 = 0
  private var folded: UInt64 = 0
  private var duration: Nanoseconds = 0
  private var blindSpots: [String] = []
  /// Processes whose untraced children were followed all the same.
  private var followedUntraced: Set<Int32> = []
  private var command: [String] = []

  mutating func observe(_ event: Event, arena: Arena, tables: TraceTables) {
    events += 1
    folded += UInt64(event.repeats) - 1
    duration = max(duration, event.time)
    world.apply(event, arena: arena, tables: tables)
    foreignWakeupWrite.observe(event, arena: arena, world: world, tables: tables, origins: origins)
    foreignRead.observe(event, arena: arena, world: world, tables: tables, origins: origins)
    inheritedSignalHandler.observe(event, arena: arena, world: world, tables: tables, origins: origins)
    busyPoll.observe(event, arena: arena, world: world, tables: tables)
    // After the rules: they may still want the origin of a channel that this event ended.
    origins.observe(event, arena: arena, world: world, tables: tables)
    activity.observe(event, arena: arena, world: world)
    standing.observe(event)
    timeline.observe(event, arena: arena, world: world, tables: tables)
    note(event, arena: arena, tables: tables)
  }

  private mutating func note(_ event: Event, arena: Arena, tables: TraceTables) {
    switch event.body {
    case .blindSpot(let spot, let detail):
      if spot == .untraced { followedUntraced.insert(pid(of: event)) }
      addBlindSpot("\(EventText.describe(spot)) in pid \(pid(of: event)): \(EventText.harmless(tables.text(detail)))")
    case .call(_, let result, .ring) where result.succeeded && event.phase != .begin:
      addBlindSpot("io_uring in pid \(pid(of: event))")
    case .call(_, let result, .spawn(let flags, _))
    where flags & 0x80_0000 != 0 && result.succeeded && !followedUntraced.contains(pid(of: event)):
      addBlindSpot("CLONE_UNTRACED child of pid \(pid(of: event))")
    case .call(_, let result, .exec(let exec)) where result.succeeded && command.isEmpty && event.phase != .begin:
      command = arena.numbers(exec.arguments).map { tables.text(StringID(Int($0))) }
    case .existingThread(let found) where command.isEmpty:
      command = arena.numbers(found.arguments).map { tables.text(StringID(Int($0))) }
    default: break
    }
  }

  private func pid(of event: Event) -> Int32 { world.process(of: event.thread)?.pid ?? 0 }

  private mutating func addBlindSpot(_ text: String) {
    if blindSpots.count < 100, !blindSpots.contains(text) { blindSpots.append(text) }
  }

  mutating func conclude(header: TraceHeader, tables: TraceTables) -> Analysis {
    let spins = busyPoll.conclude()
    var causes: [(finding: Finding, channel: UInt32)] = []
    causes += foreignWakeupWrite.conclude(world: world, tables: tables, origins: origins, spins: spins)
    causes += inheritedSignalHandler.conclude(world: world, tables: tables, origins: origins)
    causes += foreignRead.conclude(world: world, tables: tables, origins: origins).map { ($0, 0) }
    causes.sort { ($1.finding.severity, $0.finding.first) < ($0.finding.severity, $1.finding.first) }
    causes = Grouping.merged(causes)
    var findings: [Finding] = []
    for place in causes.indices {
      causes[place].finding.id = "F\(place + 1)"
      findings.append(causes[place].finding)
    }
    for spin in spins {
      var finding = BusyPoll.finding(spin, world: world, tables: tables)
      finding.id = "F\(findings.count + 1)"
      finding.cause = Self.cause(of: spin, finding, among: causes)
      findings.append(finding)
    }
    return Analysis(
      header: header, isComplete: true, damage: nil, command: command, duration: duration, events: events,
      foldedCalls: folded, processes: world.processes.count, threads: world.threads.count, blindSpots: blindSpots,
      findings: findings, summary: activity.summary(world: world, tables: tables, duration: duration),
      timeline: timeline.finish(findings, spins: spins, world: world, tables: tables),
      standings: standing.standings(findings, world: world, tables: tables, duration: duration))
  }

  /// The finding about the act that made the spinning thread's object ready: its actor's, else another of the same object.
  private static func cause(
    of spin: Streak, _ finding: Finding, among causes: [(finding: Finding, channel: UInt32)]
  ) -> String? {
    let same = causes.filter { $0.channel != 0 && $0.channel == spin.channel }
    let own = same.first { $0.finding.actor?.process == finding.actor?.process }
    guard let culprit = finding.actor, culprit.process != spin.process else { return own?.finding.id }
    return (own ?? same.first)?.finding.id
  }
}
