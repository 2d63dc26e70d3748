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
  /// Findings that a project lives with, and what says so.
  public var suppressed: [(finding: Finding, entry: Suppressions.Entry)] = []
  /// Where time went, a line per thread that matters.
  public var summary: [String]
  /// By line of the summary: the stack of a thread that was seen to run without a call; or that of the call that it was in at the end.
  var runningStacks: [Int: StackID] = [:]
  var blockedStacks: [Int: StackID] = [:]
  public var timeline: Timeline
  /// Where the threads stand that are alive at the end.
  public var standings: [Standing]
}

public enum Analyzer {
  /// Reads a .flt file to its end, or as far as it goes. `progress` is told, now and then, how far that is (0 to 1).
  public static func analyze(
    _ reader: some EventSource, detail: TimelineDetail = .brief, progress: (Double) -> Void = { _ in }
  ) -> Analysis {
    var pass = AnalysisPass(detail, isExcerpt: reader.header.isExcerpt)
    var batch = EventBatch()
    while reader.next(into: &batch) {
      pass.observe(batch, tables: reader.tables)
      progress(reader.progress)
    }
    return conclude(&pass, reader)
  }

  /// The same, and tells `observer` of every event as soon as it has moved the World. Throws what the observer throws.
  public static func analyze(
    _ reader: some EventSource, telling observer: some EventObserver, progress: (Double) -> Void = { _ in }
  ) throws -> Analysis {
    var pass = AnalysisPass(isExcerpt: reader.header.isExcerpt)
    var batch = EventBatch()
    while reader.next(into: &batch) {
      for event in batch.events {
        let known = pass.observe(event, arena: batch.arena, tables: reader.tables)
        try observer.observed(known, arena: batch.arena, world: pass.world, tables: reader.tables)
      }
      progress(reader.progress)
    }
    try observer.ended(at: pass.duration, world: pass.world, tables: reader.tables)
    return conclude(&pass, reader)
  }

  private static func conclude(_ pass: inout AnalysisPass, _ reader: some EventSource) -> Analysis {
    var analysis = Duration.$countsLines.withValue(!reader.header.isTimed) {
      pass.conclude(header: reader.header, tables: reader.tables)
    }
    analysis.isComplete = reader.isComplete && reader.damage == nil
    analysis.damage = reader.damage
    return analysis
  }
}

/// Who makes something of a trace's events, one by one, with the World as each left it.
public protocol EventObserver: AnyObject {
  /// The event, with the stack of its call if one was taken, has moved the World.
  func observed(_ event: Event, arena: Arena, world: World, tables: TraceTables) throws
  /// That was the last event. What threads are still inside of is in the World.
  func ended(at time: Nanoseconds, world: World, tables: TraceTables) throws
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
  private(set) var world: World
  private var watchers: Watchers
  private var events: UInt64 = 0
  private var folded: UInt64 = 0
  private(set) var duration: Nanoseconds = 0
  private var stacks = StandingStacks()
  /// Children were made of which nothing is told.
  private var lacksChildren = false

  init(_ detail: TimelineDetail = .brief, isExcerpt: Bool = false) {
    world = World(keepsHistory: detail.tellsChannels)
    watchers = Watchers(detail)
    watchers.busyPoll.isExcerpt = isExcerpt
    watchers.fruitless.isExcerpt = isExcerpt
  }

  mutating func observe(_ batch: EventBatch, tables: TraceTables) {
    for event in batch.events { observe(event, arena: batch.arena, tables: tables) }
  }

  /// Returns the event with its stack.
  @discardableResult
  mutating func observe(_ told: Event, arena: Arena, tables: TraceTables) -> Event {
    events += 1
    folded += UInt64(told.repeats) - 1
    duration = max(duration, told.time)
    var event = told
    stacks.place(on: &event)
    if case .call(_, let result, .spawn(_, child: .unknown)) = event.body, event.phase != .begin, result.rawValue > 0 {
      lacksChildren = true
    }
    world.apply(event, arena: arena, tables: tables)
    watchers.observe(event, arena: arena, world: world, tables: tables)
    return event
  }

  /// What the file's limit in size has left out.
  private static func limits(_ header: TraceHeader, _ duration: Nanoseconds) -> [String] {
    var limits: [String] = []
    if header.isContinuation {
      limits.append(
        "who wrote or forked before the trace begins: it had reached its limit in size, and keeps its newest part")
    }
    if header.endsEarly {
      limits.append("what came after \(Duration.moment(duration)): the trace had reached its limit in size")
    }
    return limits
  }

  mutating func conclude(header: TraceHeader, tables: TraceTables) -> Analysis {
    let spins = watchers.busyPoll.conclude()
    var findings = Causes.linked(conclusions(spins, tables: tables))
    let isPartial = header.isExcerpt || header.source == .strace && lacksChildren
    if isPartial {
      // What is missing may have been the reason.
      for place in findings.indices { findings[place].confidence = min(findings[place].confidence, .likely) }
    }
    let summary = watchers.activity.summary(world: world, tables: tables, duration: duration)
    var analysis = Analysis(
      header: header, isComplete: true, damage: nil, command: watchers.command, duration: duration, events: events,
      foldedCalls: folded, processes: world.processCount, threads: world.threadCount,
      blindSpots: Self.limits(header, duration) + watchers.blindSpots, findings: findings, summary: summary.map(\.line),
      timeline: watchers.timeline.finish(findings, spins: spins, world: world, tables: tables),
      standings: watchers.standing.standings(
        findings, world: world, tables: tables, duration: duration, isPartial: isPartial))
    for (place, (_, thread, stack)) in summary.enumerated() {
      if stack != .none { analysis.blockedStacks[place] = stack }
      if let thread, let stack = watchers.standing.lastRun(of: thread) { analysis.runningStacks[place] = stack }
    }
    return analysis
  }

  /// What all rules come to: acts first, the worst before the others, then the spins.
  private mutating func conclusions(_ spins: [Streak], tables: TraceTables) -> [Conclusion] {
    let origins = watchers.origins
    var acts = watchers.foreignWakeupWrite.conclude(world: world, tables: tables, origins: origins, spins: spins)
    acts += watchers.inheritedSignalHandler.conclude(world: world, tables: tables, origins: origins)
    let thefts = watchers.foreignRead.conclude(world: world, tables: tables, origins: origins)
    acts += thefts
    acts += watchers.sharedEpoll.conclude(world: world, tables: tables, origins: origins, thefts: thefts)
    acts += watchers.fdClobbered.conclude(world: world, tables: tables)
    acts += watchers.sharedFlagChange.conclude(world: world, tables: tables)
    acts += watchers.ghostEpollEntry.conclude(world: world, tables: tables, origins: origins)
    acts += watchers.sharedConnection.conclude(world: world, tables: tables, origins: origins)
    acts += watchers.forkWhileThreaded.conclude(world: world, tables: tables, origins: origins)
    acts += watchers.heldAfterExec.conclude(world: world, tables: tables, origins: origins)
    acts += watchers.eofNeverComes.conclude(world: world, tables: tables, origins: origins)
    acts.sort { ($1.finding.severity, $0.finding.first) < ($0.finding.severity, $1.finding.first) }
    let turns = spins.map { spin in
      Conclusion(finding: BusyPoll.finding(spin, world: world, tables: tables), channel: spin.channel)
    }
    let stretches = watchers.fruitless.conclude()
    return Grouping.merged(acts) + turns + RetrySpin.conclusions(stretches, world: world, tables: tables)
      + ZeroTimeoutSpin.conclusions(stretches, spins: spins, world: world, tables: tables)
  }
}
