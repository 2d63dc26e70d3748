// The one writer of .flt files. What stands in the file follows what happens at once, so that it is whole however this
// process ends; see ChunkFile.

/// Writes a trace as it happens. Not for use from several threads.
///
/// - A call's begin is held back until something happens before its end that it could matter for. If nothing does, one whole
///   record stands for both. While the tracer sleeps, held begins stand behind the last record (`flushBegins`), so that the
///   file tells at any time who is inside a call.
/// - Calls that change nothing and repeat are folded: the record of a run is updated in place.
public final class TraceWriter {
  public let path: String
  private var records: RecordWriter

  /// Makes the file, mode 0600, and writes its header. `folds`: whether repeated calls become runs.
  public init(path: String, header: TraceHeader, folds: Bool = true) throws(TraceError) {
    self.path = path
    records = RecordWriter(file: try ChunkFile(path: path, header: header), folds: folds)
    if let failure { throw .unwritable(path: path, errno: failure) }
  }

  /// Events in the file so far.
  public var events: UInt64 { records.position.events }
  /// How large the file is so far, in bytes, without what is allocated and not used.
  public var size: UInt64 { records.file.size }
  /// Events that could not be written since the disk is full.
  public var lost: UInt64 { records.lost }
  /// Why nothing more is written: the errno of growing the file.
  public var failure: Int32? { records.file.failure }

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
