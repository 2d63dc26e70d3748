// A trace of which the newest part is kept: two files, half of the limit apart.
//
// The file that has the name grows to its limit. Once it is half full, a second one is begun beside it, without a name: what stands then
// is told at its beginning, and from there on both get every event. When the first is full the second takes its place, and so on. So the
// one with the name is whole at any time, however this process ends, and holds what came last: half the limit at least.

/// Writes a trace that keeps its newest part. Not for use from several threads.
public final class RollingTrace: TraceOutput {
  private let destination: TraceDestination
  private let header: TraceHeader
  private let folds: Bool
  private let limit: Int
  /// What the ids stand for that `intern` gave out, and the others' records.
  private var tables = TraceTables()
  private var texts: [[UInt8]: StringID] = [:]
  private var textCount = 1
  private var current: TraceCopy
  private var next: TraceCopy?
  /// No second file can be made, or what stands takes all of its room: the trace ends when the first is full.
  private var isStuck = false
  private var spots: [Spot: (thread: ThreadID, detail: StringID)] = [:]
  private static let mostSpots = 4096

  private struct Spot: Hashable {
    var process: ProcessID
    var spot: BlindSpot
  }

  /// What stands, as events that begin a trace of their own (`World.retold`), and the moment at which it does; to be set before the
  /// first event.
  public var standing: () -> (batch: EventBatch, time: Nanoseconds) = { (EventBatch(), 0) }
  /// When what is kept begins, in the time of the events that are written: its own time 0.
  public private(set) var begin: Nanoseconds = 0
  private var nextBegin: Nanoseconds = 0

  /// `limit`: bytes that the trace may have; the second file has no more than half of that beside it.
  public init(
    to destination: TraceDestination, header: TraceHeader, folds: Bool = true, limit: Int
  ) throws(TraceError) {
    if case .stream(let path, _) = destination {
      throw .refusedPlace(path: path, why: "what was passed on cannot be let go")
    }
    self.destination = destination
    self.header = header
    self.folds = folds
    self.limit = limit
    current = TraceCopy(try TraceWriter(to: destination, header: header, folds: folds, limit: limit))
  }

  public var path: String { current.writer.path }
  public var events: UInt64 { current.writer.events }
  public var size: UInt64 { current.writer.size }
  public var lost: UInt64 { current.writer.lost }
  public var failure: Int32? { current.writer.failure }
  public var isFull: Bool { current.writer.isFull }
  public var isOpen: Bool { current.writer.isOpen }
  public func readablePath() -> String { current.writer.readablePath() }

  public func discard() {
    next?.writer.discard()
    current.writer.discard()
  }

  public func intern(_ text: [UInt8]) -> StringID {
    let text = text.count > TraceFormat.longestString ? Array(text[..<TraceFormat.longestString]) : text
    if text.isEmpty { return .empty }
    if let known = texts[text] { return known }
    let id = StringID(textCount)
    textCount += 1
    texts[text] = id
    try? tables.define(id, text)
    return id
  }

  public func define(_ id: ThreadID, _ thread: ThreadRecord) { try? tables.define(id, thread) }

  public func define(_ definition: StackDefinition) { try? tables.define(definition) }

  @discardableResult
  public func write(_ event: Event, arena: borrowing Arena) -> Bool {
    note(event)
    if next == nil, !isStuck, current.writer.size >= UInt64(limit / 2) { beginNext() }
    let isFolded = current.add(event, arena: arena, tables: tables)
    if let next { next.add(event, arena: arena, tables: tables) }
    if current.writer.isFull, next != nil { turn() }
    return isFolded
  }

  public func flushBegins() {
    current.writer.flushBegins()
    next?.writer.flushBegins()
  }

  public func finish() throws(TraceError) {
    next?.writer.discard()
    next = nil
    _ = try current.finish(tables)
  }

  // MARK: Turning

  private func note(_ event: Event) {
    guard case .blindSpot(let spot, let detail) = event.body, let process = tables.thread(event.thread)?.process,
      spots.count < Self.mostSpots
    else { return }
    spots[Spot(process: process, spot: spot)] = (event.thread, detail)
  }

  /// Begins the second file, with what stands.
  private func beginNext() {
    let (batch, time) = standing()
    var header = header
    header.started += time
    header.beganAfterStart = true
    header.isContinuation = true
    let place: TraceDestination =
      if case .file(let path) = destination { .beside(path) } else { .nameless }
    guard let writer = try? TraceWriter(to: place, header: header, folds: folds, limit: limit) else {
      isStuck = true
      return
    }
    let copy = TraceCopy(writer, start: time)
    copy.add(batch, tables: tables)
    tellSpots(batch, copy, time)
    guard writer.isOpen else {
      writer.discard()
      isStuck = true
      return
    }
    next = copy
    nextBegin = time
  }

  /// What cannot be seen of those that live.
  private func tellSpots(_ batch: EventBatch, _ copy: TraceCopy, _ time: Nanoseconds) {
    var living: [ProcessID: ThreadID] = [:]
    for event in batch.events {
      guard case .existingThread = event.body, let process = tables.thread(event.thread)?.process else { continue }
      if living[process] == nil { living[process] = event.thread }
    }
    for (spot, told) in spots.sorted(by: { $0.key.process < $1.key.process }) {
      guard let thread = living[spot.process] else { continue }
      copy.add(
        Event(thread: thread, entered: time, exited: time, body: .blindSpot(spot.spot, detail: told.detail)),
        arena: batch.arena, tables: tables)
    }
  }

  /// The second file takes the first one's place.
  private func turn() {
    guard let next else { return }
    self.next = nil
    do {
      try next.writer.takePlace()
    } catch {
      next.writer.discard()
      isStuck = true
      return
    }
    begin = nextBegin
    current = next
  }
}
