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
      pass.observe(batch, tables: reader.tables)
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
  private var watchers = Watchers()
  private var events: UInt64 = 0
  private var folded: UInt64 = 0
  private var duration: Nanoseconds = 0

  mutating func observe(_ batch: EventBatch, tables: TraceTables) {
    for event in batch.events { observe(event, arena: batch.arena, tables: tables) }
  }

  mutating func observe(_ event: Event, arena: Arena, tables: TraceTables) {
    events += 1
    folded += UInt64(event.repeats) - 1
    duration = max(duration, event.time)
    world.apply(event, arena: arena, tables: tables)
    watchers.observe(event, arena: arena, world: world, tables: tables)
  }

  mutating func conclude(header: TraceHeader, tables: TraceTables) -> Analysis {
    let spins = watchers.busyPoll.conclude()
    var causes: [(finding: Finding, channel: UInt32)] = []
    causes += watchers.foreignWakeupWrite.conclude(
      world: world, tables: tables, origins: watchers.origins, spins: spins)
    causes += watchers.inheritedSignalHandler.conclude(world: world, tables: tables, origins: watchers.origins)
    causes += watchers.foreignRead.conclude(world: world, tables: tables, origins: watchers.origins).map { ($0, 0) }
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
      header: header, isComplete: true, damage: nil, command: watchers.command, duration: duration, events: events,
      foldedCalls: folded, processes: world.processes.count, threads: world.threads.count,
      blindSpots: watchers.blindSpots,
      findings: findings, summary: watchers.activity.summary(world: world, tables: tables, duration: duration),
      timeline: watchers.timeline.finish(findings, spins: spins, world: world, tables: tables),
      standings: watchers.standing.standings(findings, world: world, tables: tables, duration: duration))
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
