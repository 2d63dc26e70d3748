// Where a thread stood: stacks of frames, each told once in a trace.

/// A file whose code a frame lies in, numbered from 0.
public struct ModuleID: Hashable, Sendable {
  public var index: UInt32
  @inlinable public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
  @inlinable public var position: Int { Int(index) }

  /// Of an address that lies in no file: code that was made at run time.
  public static let none = ModuleID(Int(UInt32.max))
}

/// A frame, numbered from 0.
public struct FrameID: Hashable, Sendable {
  public var index: UInt32
  @inlinable public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
  @inlinable public var position: Int { Int(index) }
}

/// A stack, numbered from 0.
public struct StackID: Hashable, Sendable {
  public var index: UInt32
  @inlinable public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
  @inlinable public var position: Int { Int(index) }

  /// No stack was taken.
  public static let none = StackID(Int(UInt32.max))
}

/// A file that was mapped into a target.
public struct ModuleRecord: Hashable, Sendable {
  /// As /proc/PID/maps names it: " (deleted)" at its end says that it was no longer there by that name. `[vdso]` is the kernel's.
  public var path: StringID
  /// The note NT_GNU_BUILD_ID; empty where the file has none.
  public var buildID: [UInt8]
  /// Of a file without a build id, FNV-1a (64 bits) of its ELF header and program headers; else 0.
  public var digest: UInt64

  public init(path: StringID, buildID: [UInt8], digest: UInt64 = 0) {
    self.path = path
    self.buildID = buildID
    self.digest = digest
  }
}

public enum FrameRecord: Hashable, Sendable {
  /// Machine code. `address`: the file's own (as in its symbol table), or the target's where `module` is none. Of all but the innermost
  /// frame and those that a signal interrupted it is the address that a call returns to.
  case native(module: ModuleID, address: UInt64)
  /// Python code; line 0 where none is known.
  case python(function: StringID, file: StringID, line: Int32)
}

/// A function that a native frame stands for, as its module's symbols named it when the trace was made.
public struct FrameName: Hashable, Sendable {
  public var function: StringID
  /// The source file, or the empty text; line 0 where none is known.
  public var file: StringID
  public var line: Int32

  public init(function: StringID, file: StringID, line: Int32) {
    self.function = function
    self.file = file
    self.line = line
  }
}

/// A thread's frames at one moment, innermost first. Native and Python's frames are told apart: which of the former stand for which
/// of the latter is known once they have names.
public struct StackRecord: Hashable, Sendable {
  public struct PythonFrame: Hashable, Sendable {
    public var frame: FrameID
    /// Native code called the interpreter for this one: those outward from it were running before.
    public var isEntry: Bool

    public init(frame: FrameID, isEntry: Bool) {
      self.frame = frame
      self.isEntry = isEntry
    }
  }

  public var native: [FrameID]
  public var python: [PythonFrame]
  /// By place in `native`: frames whose address is not one that a call returns to (the innermost, and what a signal interrupted).
  public var interrupted: [UInt32]
  /// There were more native frames than a stack may have.
  public var isCut: Bool

  public init(native: [FrameID], python: [PythonFrame], interrupted: [UInt32] = [], isCut: Bool = false) {
    self.native = native
    self.python = python
    self.interrupted = interrupted
    self.isCut = isCut
  }
}

/// What is told of stacks before an event names one.
public enum StackDefinition: Sendable {
  case module(ModuleID, ModuleRecord)
  case frame(FrameID, FrameRecord)
  case stack(StackID, StackRecord)
  /// The functions of a native frame; several where some were inlined, the innermost first.
  case name(FrameID, [FrameName])

  /// More than its record takes.
  var mostBytes: Int {
    switch self {
    case .module(_, let module): 48 + module.buildID.count
    case .frame: 40
    case .stack(_, let stack): 40 + 5 * (stack.native.count + stack.interrupted.count) + 6 * stack.python.count
    case .name(_, let names): 16 + 20 * names.count
    }
  }
}
