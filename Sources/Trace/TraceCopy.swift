// Events from one source written into a file: what their ids stand for is told before the first event that names it.

/// Copies events into a trace.
public final class TraceCopy {
  private let writer: TraceWriter
  private var threads = 0
  private var modules = 0
  private var frames = 0
  private var stacks = 0
  private var names: Set<FrameID> = []

  public init(_ writer: TraceWriter) { self.writer = writer }

  public func add(_ batch: EventBatch, tables: TraceTables) {
    define(tables)
    for event in batch.events {
      var copy = event
      // By the writer's own numbers.
      copy.body = body(event.body, arena: batch.arena, tables: tables)
      if case .call(_, _, .exec(let exec)) = event.body {
        write(copy, words: exec.arguments, batch.arena, tables) { body, range in
          guard case .call(let syscall, let result, .exec(var exec)) = body else { return body }
          exec.arguments = range
          return .call(syscall, result, .exec(exec))
        }
      } else if case .existingThread(let found) = event.body {
        write(copy, words: found.arguments, batch.arena, tables) { body, range in
          guard case .existingThread(var found) = body else { return body }
          found.arguments = range
          return .existingThread(found)
        }
      } else {
        writer.write(copy, arena: batch.arena)
      }
    }
  }

  /// Seals the file; returns how many events it has.
  public func finish() throws(TraceError) -> UInt64 {
    try writer.finish()
    return writer.events
  }

  private func text(_ id: StringID, _ tables: TraceTables) -> StringID { writer.intern(tables.bytes(id)) }

  private func write(
    _ event: Event, words: ArenaRange, _ arena: Arena, _ tables: TraceTables,
    replacing: (Event.Body, ArenaRange) -> Event.Body
  ) {
    var own = Arena()
    let ids = arena.numbers(words).map { Int32(truncatingIfNeeded: text(StringID(Int($0)), tables).index) }
    let range = own.add(numbers: ids)
    var copy = event
    copy.body = replacing(event.body, range)
    writer.write(copy, arena: own)
  }

  /// The body with the writer's ids for its texts.
  private func body(_ body: Event.Body, arena: Arena, tables: TraceTables) -> Event.Body {
    switch body {
    case .call(let syscall, let result, let operation):
      let copied: Operation
      switch operation {
      case .connect(let fd, let address): copied = .connect(fd, address: text(address, tables))
      case .bind(let fd, let address): copied = .bind(fd, address: text(address, tables))
      case .open(let path, let flags, let kind, let inode):
        copied = .open(path: text(path, tables), flags: flags, kind: kind, inode: inode)
      case .exec(var exec):
        exec.path = text(exec.path, tables)
        copied = .exec(exec)
      default: return body
      }
      return .call(syscall, result, copied)
    case .existing(var found):
      found.link = text(found.link, tables)
      return .existing(found)
    case .blindSpot(let spot, let detail): return .blindSpot(spot, detail: text(detail, tables))
    case .name(let name): return .name(text(name, tables))
    case .givenName(let whose, let name): return .givenName(whose, text(name, tables))
    case .existingThread(var found):
      found.path = text(found.path, tables)
      return .existingThread(found)
    case .outsider(var outsider):
      outsider.name = text(outsider.name, tables)
      return .outsider(outsider)
    case .running(let module, let offset): return .running(module: text(module, tables), offset: offset)
    case .counter(let name, let value): return .counter(name: text(name, tables), value: value)
    default: return body
    }
  }

  private func define(_ tables: TraceTables) {
    while threads < tables.threads.count {
      if let record = tables.threads[threads] { writer.define(ThreadID(threads), record) }
      threads += 1
    }
    while modules < tables.modules.count {
      var module = tables.modules[modules]
      module.path = text(module.path, tables)
      writer.define(.module(ModuleID(modules), module))
      modules += 1
    }
    while frames < tables.frames.count {
      var frame = tables.frames[frames]
      if case .python(let function, let file, let line) = frame {
        frame = .python(function: text(function, tables), file: text(file, tables), line: line)
      }
      writer.define(.frame(FrameID(frames), frame))
      frames += 1
    }
    for (id, known) in tables.frameNames where names.insert(id).inserted {
      writer.define(
        .name(
          id,
          known.map {
            FrameName(function: text($0.function, tables), file: text($0.file, tables), line: $0.line)
          }))
    }
    while stacks < tables.stacks.count {
      writer.define(.stack(StackID(stacks), tables.stacks[stacks]))
      stacks += 1
    }
  }
}
