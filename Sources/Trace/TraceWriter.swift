// The one writer of .flt files. What stands in the file follows what happens at once, so that it is whole however this
// process ends; see ChunkFile.

/// What a trace is written to: see TraceWriter, and RollingTrace, which keeps the newest part.
public protocol TraceOutput: AnyObject {
  var path: String { get }
  var events: UInt64 { get }
  var size: UInt64 { get }
  var lost: UInt64 { get }
  var failure: Int32? { get }
  var isFull: Bool { get }
  var isOpen: Bool { get }
  func intern(_ text: [UInt8]) -> StringID
  func define(_ id: ThreadID, _ thread: ThreadRecord)
  func define(_ definition: StackDefinition)
  @discardableResult func write(_ event: Event, arena: borrowing Arena) -> Bool
  func flushBegins()
  func finish() throws(TraceError)
  func discard()
  func readablePath() -> String
}

/// Writes a trace as it happens. Not for use from several threads.
///
/// - A call's begin is held back until something happens before its end that it could matter for. If nothing does, one whole
///   record stands for both. While the tracer sleeps, held begins stand behind the last record (`flushBegins`), so that the
///   file tells at any time who is inside a call.
/// - Calls that change nothing and repeat are folded: the record of a run is updated in place.
public final class TraceWriter: TraceOutput {
  private var records: RecordWriter

  /// Makes the file, mode 0600, and writes its header. `folds`: whether repeated calls become runs. `limit`: bytes that the file may
  /// have; what comes later is lost, and the file says so.
  public init(
    to destination: TraceDestination, header: TraceHeader, folds: Bool = true, limit: Int = .max
  ) throws(TraceError) {
    records = RecordWriter(file: try ChunkFile(destination, header: header, limit: limit), folds: folds)
    if let failure {
      discard()
      throw .unwritable(path: path, errno: failure)
    }
  }

  public convenience init(path: String, header: TraceHeader, folds: Bool = true) throws(TraceError) {
    try self.init(to: .at(path), header: header, folds: folds)
  }

  /// Where the trace goes, as it was given.
  public var path: String { records.file.path }
  /// A path that holds as long as this process lives, also of a trace that has no name, or that goes to a stream.
  public func readablePath() -> String { records.file.readablePath() }
  /// Takes the file away again, as far as it has a name.
  public func discard() { records.file.discard() }
  /// A file beside its path takes its place; what stood there is gone.
  public func takePlace() throws(TraceError) { try records.file.takePlace() }

  /// Events in the file so far.
  public var events: UInt64 { records.position.events }
  /// How large the file is so far, in bytes, without what is allocated and not used.
  public var size: UInt64 { records.file.size }
  /// Events that could not be written since the disk or the file is full.
  public var lost: UInt64 { records.lost }
  /// Why nothing more is written: the errno of growing the file, or of writing to the stream.
  public var failure: Int32? { records.file.failure }
  /// The file has grown to its limit.
  public var isFull: Bool { records.file.isFull }
  /// Whether more can be written.
  public var isOpen: Bool { records.file.isOpen }

  /// The text's id; defines it in the file at its first use.
  public func intern(_ text: [UInt8]) -> StringID { records.intern(text) }

  public func define(_ id: ThreadID, _ thread: ThreadRecord) { records.define(id, thread) }

  /// Tells a part of a stack; to be done before an event or another part names it.
  public func define(_ definition: StackDefinition) { records.define(definition) }

  /// Writes one event; its variable parts are in `arena`. Events come in the order of `Event.time`. True if it went into a
  /// run, and so cost nothing.
  @discardableResult
  public func write(_ event: Event, arena: borrowing Arena) -> Bool { records.write(event, arena: arena) }

  /// Puts the begins that are held behind the last record, until the next one is written. To be called before the tracer sleeps.
  public func flushBegins() { records.flushBegins() }

  /// Seals the file and writes its index. Without this the file is readable, and known to be incomplete.
  public func finish() throws(TraceError) { try records.finish() }
}
