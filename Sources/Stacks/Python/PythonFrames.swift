// The Python frames of one thread, innermost first, read from outside.

import Trace

/// A place in Python code.
struct PythonPlace: Hashable {
  var function: [UInt8]
  var file: [UInt8]
  var line: Int
}

/// Reads frames; what it has learned of code objects it keeps.
final class PythonFrames {
  private static let mostInterpreters = 64
  private static let mostThreads = 4096
  private static let mostFrames = 256
  /// A bound on memory.
  private static let mostCodes = 16384

  struct Frame {
    var place: PythonPlace
    /// Where C code called into the interpreter: the frames outward from here are another call's of it.
    var isEntry: Bool
  }

  private struct Key: Hashable {
    var space: UInt64
    var code: UInt64
  }

  /// A code object, and by what it is known again where its memory was used anew.
  private struct Code {
    var fileName: UInt64
    var name: UInt64
    var table: UInt64
    var firstLine: UInt32
    var function: [UInt8]
    var file: [UInt8]
    var lines: [UInt8]
  }

  private var codes: [Key: Code] = [:]
  /// Whose names to look for, and what Python calls the thread of the last walk and its process: the `_name` of threading.Thread and of
  /// multiprocessing's BaseProcess, whose methods are at work in the thread's outer frames.
  var wantedNames: Set<GivenName> = []
  private(set) var threadName: [UInt8]?
  private(set) var processName: [UInt8]?

  /// The frames of the thread whose fs_base is `thread` (PyThreadState.thread_id is pthread_self(), which is that). Nil where
  /// the thread has no Python state. `words` gets the address of each word that the walk was led by.
  func frames(
    of thread: UInt64, _ runtime: PythonRuntime, space: CodeSpace, _ memory: TargetMemory, words: inout [UInt64]
  ) -> [Frame]? {
    let layout = runtime.layout
    (threadName, processName) = (nil, nil)
    guard var frame = innermost(of: thread, runtime, memory, words: &words) else { return nil }
    var frames: [Frame] = []
    for _ in 0..<Self.mostFrames where frame != 0 {
      guard let reference = memory.load(frame &+ layout.code, as: UInt64.self),
        let previous = memory.load(frame &+ layout.previous, as: UInt64.self),
        let instruction = memory.load(frame &+ layout.instruction, as: UInt64.self)
      else { break }
      words.append(frame &+ layout.code)
      words.append(frame &+ layout.previous)
      words.append(frame &+ layout.instruction)
      if let owner = layout.owner, let value = memory.load(frame &+ owner, as: UInt8.self), value >= 3 {
        // FRAME_OWNED_BY_CSTACK (3.12, 3.13), FRAME_OWNED_BY_INTERPRETER (3.14): no function's.
        if !frames.isEmpty { frames[frames.count - 1].isEntry = true }
      } else {
        // _PyStackRef has flags in its low bits (3.14).
        guard let place = place(reference & ~3, instruction, layout, space, memory) else { break }
        if !wantedNames.isEmpty { note(place, frame, layout, memory) }
        // Another code object may come to lie there.
        words.append((reference & ~3) &+ layout.fileName)
        words.append((reference & ~3) &+ layout.lines)
        let isEntry = layout.isEntry.map { memory.load(frame &+ $0, as: UInt8.self) != 0 } ?? (layout.owner == nil)
        frames.append(Frame(place: place, isEntry: isEntry))
      }
      if previous == frame { break }
      frame = previous
    }
    return frames
  }

  /// Lib/threading.py, Thread._bootstrap_inner; Lib/multiprocessing/process.py, BaseProcess._bootstrap, and billiard's. The class is told
  /// from 3.11 on.
  private func note(_ place: PythonPlace, _ frame: UInt64, _ layout: PythonLayout, _ memory: TargetMemory) {
    let isThread =
      wantedNames.contains(.thread) && place.function.hasSuffix("_bootstrap_inner")
      && place.file.hasSuffix("/threading.py")
    let isProcess =
      wantedNames.contains(.process) && place.function.hasSuffix("_bootstrap") && place.file.hasSuffix("/process.py")
    guard isThread || isProcess, isThread ? threadName == nil : processName == nil else { return }
    let objects = PythonObjects(layout: layout, memory: memory)
    guard let this = memory.load(frame &+ layout.locals, as: UInt64.self),
      let name = objects.attribute("_name", of: this & ~3).flatMap(objects.text)
    else { return }
    if isThread { threadName = name } else { processName = name }
  }

  /// The innermost frame of the thread's PyThreadState, of whatever interpreter; 0 if it runs no Python. A thread has a state in each
  /// interpreter that it has run: the newest one that has a frame is meant, and the newest interpreter comes first.
  private func innermost(
    of thread: UInt64, _ runtime: PythonRuntime, _ memory: TargetMemory, words: inout [UInt64]
  ) -> UInt64? {
    let layout = runtime.layout
    var isFound = false
    var interpreter = memory.load(runtime.runtime &+ layout.interpreters, as: UInt64.self) ?? 0
    for _ in 0..<Self.mostInterpreters where interpreter != 0 {
      var state = memory.load(interpreter &+ layout.threads, as: UInt64.self) ?? 0
      for _ in 0..<Self.mostThreads where state != 0 {
        if memory.load(state &+ layout.threadID, as: UInt64.self) == thread {
          isFound = true
          if let frame = frame(of: state, layout, memory, words: &words), frame != 0 { return frame }
        }
        state = memory.load(state &+ layout.nextThread, as: UInt64.self) ?? 0
      }
      interpreter = memory.load(interpreter &+ layout.nextInterpreter, as: UInt64.self) ?? 0
    }
    return isFound ? 0 : nil
  }

  private func frame(
    of state: UInt64, _ layout: PythonLayout, _ memory: TargetMemory, words: inout [UInt64]
  ) -> UInt64? {
    var slot = state &+ layout.frame
    words.append(slot)
    if let inCFrame = layout.inCFrame {
      guard let cframe = memory.load(slot, as: UInt64.self) else { return nil }
      slot = cframe &+ inCFrame
      words.append(slot)
    }
    return memory.load(slot, as: UInt64.self)
  }

  private func place(
    _ address: UInt64, _ instruction: UInt64, _ layout: PythonLayout, _ space: CodeSpace, _ memory: TargetMemory
  ) -> PythonPlace? {
    guard let code = code(address, layout, space, memory) else { return nil }
    let number: Int
    if let base = layout.instructions {
      let bytes = Int64(bitPattern: instruction &- (address &+ base))
      // prev_instr of a frame that has not begun stands before the first instruction.
      guard bytes >= -2, bytes < 1 << 24 else { return nil }
      number = max(0, Int(bytes / 2))
    } else {
      number = max(0, Int(Int32(truncatingIfNeeded: instruction)))
    }
    let line = LineTables.line(of: number, in: code.lines, from: Int(code.firstLine), version: layout.version)
    return PythonPlace(function: code.function, file: code.file, line: line ?? 0)
  }

  private func code(_ address: UInt64, _ layout: PythonLayout, _ space: CodeSpace, _ memory: TargetMemory) -> Code? {
    guard let fileName = memory.load(address &+ layout.fileName, as: UInt64.self),
      let name = memory.load(address &+ layout.name, as: UInt64.self),
      let table = memory.load(address &+ layout.lines, as: UInt64.self),
      let firstLine = memory.load(address &+ layout.firstLine, as: UInt32.self)
    else { return nil }
    let objects = PythonObjects(layout: layout, memory: memory)
    let key = Key(space: space.serial, code: address)
    if let known = codes[key], known.fileName == fileName, known.name == name, known.table == table,
      known.firstLine == firstLine
    {
      return known
    }
    guard firstLine < 1 << 24, let file = objects.text(fileName), let function = objects.text(name),
      let lines = objects.bytes(table)
    else { return nil }
    if codes.count >= Self.mostCodes { codes.removeAll(keepingCapacity: true) }
    let code = Code(
      fileName: fileName, name: name, table: table, firstLine: firstLine, function: function, file: file, lines: lines)
    codes[key] = code
    return code
  }
}

extension [UInt8] {
  fileprivate func hasSuffix(_ text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
