// Stacks in words: native frames get their names, Python's are put where the interpreter ran them, and the frame that a reader wants
// to see first is marked.

import Trace

/// Who knows the names of native frames.
public protocol FrameNaming: AnyObject {
  /// Functions at the frame, innermost first where some were inlined; empty if nothing is known.
  func names(
    of address: UInt64, in module: ModuleRecord, isReturn: Bool, tables: TraceTables
  ) -> [(function: String?, file: String?, line: Int?)]
}

public struct StackNaming {
  let tables: TraceTables
  let naming: any FrameNaming
  private static let mostFrames = 2048

  public init(tables: TraceTables, naming: any FrameNaming) {
    self.tables = tables
    self.naming = naming
  }

  /// The frames of a stack, innermost first; the one to blame is marked.
  public func frames(of id: StackID) -> [Frame] {
    guard let stack = tables.stack(id) else { return [] }
    var native: [Frame] = []
    let interrupted = Set(stack.interrupted)
    for (place, frame) in stack.native.enumerated() {
      guard native.count < Self.mostFrames else { break }
      native += named(frame, isReturn: !interrupted.contains(UInt32(place)))
    }
    // The interpreter is a library of whoever runs Python on it, be it the program itself.
    let interpreters = Set(native.filter(Self.isInterpreter).compactMap(\.module))
    for place in native.indices where native[place].module.map(interpreters.contains) == true {
      native[place].isLibrary = true
    }
    var frames = Self.merged(native, python(stack))
    mark(&frames)
    return frames
  }

  private func named(_ id: FrameID, isReturn: Bool) -> [Frame] {
    guard case .native(let module, let address) = tables.frame(id) else { return [] }
    guard let record = tables.module(module) else {
      return [Frame(kind: .native, module: nil, offset: address)]
    }
    let path = tables.text(record.path)
    let known =
      tables.frameNames[id].map { names in
        names.map { name in
          (
            function: name.function == .empty ? nil : Optional(tables.text(name.function)),
            file: name.file == .empty ? nil : Optional(tables.text(name.file)),
            line: name.line > 0 ? Optional(Int(name.line)) : nil
          )
        }
      } ?? naming.names(of: address, in: record, isReturn: isReturn, tables: tables)
    let base = EventText.harmless(String(path.split(separator: "/").last ?? Substring(path)))
    let isLibrary = Self.isLibrary(path)
    if known.isEmpty { return [Frame(kind: .native, module: base, offset: address, isLibrary: isLibrary)] }
    return known.map { name in
      Frame(
        kind: .native, function: name.function.map(EventText.harmless), file: name.file.map(EventText.harmless),
        line: name.line, module: base, offset: address,
        isLibrary: isLibrary || name.file.map(Self.isLibrarySource) ?? false)
    }
  }

  private func python(_ stack: StackRecord) -> [(frame: Frame, isEntry: Bool)] {
    stack.python.compactMap { place in
      guard case .python(let function, let file, let line) = tables.frame(place.frame) else { return nil }
      let path = tables.text(file)
      let frame = Frame(
        kind: .python, function: EventText.harmless(tables.text(function)), file: EventText.harmless(path),
        line: line > 0 ? Int(line) : nil, isLibrary: Self.isPythonLibrary(path))
      return (frame, place.isEntry)
    }
  }

  /// Each native frame of the interpreter's loop stands for the Python frames up to the next that was entered from C. If their numbers
  /// differ, they stay apart: Python's first.
  static func merged(_ native: [Frame], _ python: [(frame: Frame, isEntry: Bool)]) -> [Frame] {
    if python.isEmpty { return native }
    let loops = native.count { isInterpreter($0) }
    var entries = python.count { $0.isEntry }
    // The outermost was entered from C, whether it says so or not.
    if let last = python.last, !last.isEntry { entries += 1 }
    guard loops == entries else { return python.map(\.frame) + native }
    var frames: [Frame] = []
    var next = 0
    for frame in native {
      guard isInterpreter(frame) else {
        frames.append(frame)
        continue
      }
      while next < python.count {
        frames.append(python[next].frame)
        next += 1
        if python[next - 1].isEntry { break }
      }
    }
    return frames
  }

  /// _PyEval_EvalFrameDefault (CPython 3.6 and later), with what compilers add to a name (`.cold`); a build with tail calls has a
  /// function for each instruction.
  private static func isInterpreter(_ frame: Frame) -> Bool {
    guard let function = frame.function else { return false }
    return function.hasPrefix("_PyEval_EvalFrameDefault") || function.hasPrefix("_TAIL_CALL_")
  }

  /// The innermost frame that is the user's own code: of Python if there is any, since the interpreter's program is what was asked for.
  private func mark(_ frames: inout [Frame]) {
    let isPython = frames.contains { $0.kind == .python }
    let place =
      isPython
      ? frames.firstIndex { $0.kind == .python && !$0.isLibrary } ?? frames.firstIndex { $0.kind == .python }
      : Self.ownNative(frames)
    if let place { frames[place].isBlamed = true }
  }

  /// A program that is linked statically has libc within itself: there what has a line is the user's own rather, and no name that C
  /// reserves for others (C11, 7.1.3: those that begin with an underscore).
  private static func ownNative(_ frames: [Frame]) -> Int? {
    let isGo = frames.contains { $0.function?.hasPrefix("runtime.") ?? false }
    func first(_ isFit: (Frame, String) -> Bool) -> Int? {
      frames.firstIndex { frame in
        !frame.isLibrary && frame.function.map { isFit(frame, $0) && !(isGo && isOfGo($0)) } ?? false
      }
    }
    return first { $0.line != nil && !$1.hasPrefix("_") } ?? first { !$1.hasPrefix("_") } ?? first { _, _ in true }
  }

  /// Whether a function is of Go's own packages: their paths begin with no domain (cmd/go, "Remote import paths").
  private static func isOfGo(_ function: String) -> Bool {
    let path = function.prefix { $0 != "(" }
    guard let slash = path.firstIndex(of: "/") else { return path.prefix { $0 != "." } != "main" }
    return !path[..<slash].contains(".")
  }

  /// What the system or a package brought, by where it lies (Filesystem Hierarchy Standard 3.0; file-hierarchy(7)).
  private static func isLibrary(_ path: String) -> Bool {
    let isOfSystem = ["/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/local/lib/", "[", "/opt/"].contains {
      path.hasPrefix($0)
    }
    return isOfSystem || path.contains(".so.") || path.hasSuffix(".so")
  }

  /// Source of the system's or a language's own, inlined or linked into the program.
  private static func isLibrarySource(_ file: String) -> Bool {
    ["/usr/include/", "/usr/lib/", "/usr/local/go/", "/usr/share/go", "/rustc/", "/usr/src/", "../sysdeps/"].contains {
      file.hasPrefix($0)
    } || file.contains("/.cargo/registry/")
  }

  /// The standard library and installed packages, and what the interpreter carries within itself.
  private static func isPythonLibrary(_ path: String) -> Bool {
    path.hasPrefix("<frozen ") || path.contains("/site-packages/") || path.contains("/dist-packages/")
      || path.contains("/lib/python") || path.contains("/lib64/python")
  }
}
