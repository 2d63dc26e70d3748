// A target's memory map: which file's code lies where, and by what that file is known again.

import CUnwind
import Trace

/// The mappings of one address space as they were at one moment, and what was learned of the code in them. Forked processes have
/// the same one, until exec or until it proves stale; it never changes, but is replaced.
public final class CodeSpace {
  /// No other has the same.
  let serial: UInt64
  let unwinder: OpaquePointer?
  private(set) var modules: [Module] = []
  /// By address. Only what is not writable, or is code.
  private var ranges: [MappedRange] = []
  /// What the process has of CPython; nil until it was looked for.
  var python: PythonRuntime.Found?
  /// By address: the frame that it was told as, and the module's place; -1 for none.
  var told: [UInt64: (frame: FrameID, module: Int)] = [:]
  /// By module's place, its number in the trace.
  var numbers: [Int: ModuleID] = [:]
  /// Code that belongs to no file, as (start, end): made by a compiler at run time.
  private var madeCode: [Range<UInt64>] = []

  nonisolated(unsafe) private static var made: UInt64 = 0
  /// For how many addresses libunwind keeps what its tables say.
  private static let cachedAddresses: UInt32 = 256

  /// A process that shared it has another map by now: all that share it look again.
  var isStale = false

  struct MappedRange: Equatable {
    var range: Range<UInt64>
    var isCode: Bool
    var module: Int
  }

  /// Reads /proc/`pid`/maps.
  init(of pid: Int32) {
    Self.made += 1
    serial = Self.made
    unwinder = cunwind_create(Self.cachedAddresses)
    var text = MapsText(of: pid)
    var places: [MapsText.File: Int] = [:]
    while let line = text.next() {
      guard line.isFile || line.isVDSO else {
        if line.isExecutable { madeCode.append(line.range) }
        continue
      }
      // A file's first mapping is that of its ELF header.
      let place: Int
      // Small files can have two segments that begin at offset 0: they lie side by side.
      let isNext = places[line.file].map { modules[$0].end == line.range.lowerBound } ?? false
      if line.offset == 0 && !isNext || places[line.file] == nil {
        place = modules.count
        places[line.file] = place
        modules.append(Module(path: line.path, start: line.range.lowerBound, hasHeader: line.offset == 0))
      } else {
        place = places[line.file]!
      }
      modules[place].end = line.range.upperBound
      if line.isWritable && !line.isExecutable { continue }
      // Reading of a file whose server is traced would wait for a server that waits for us.
      let isReadable = !line.isWritable && !FileSystems.areServed(line.file.device, seenBy: pid)
      ranges.append(MappedRange(range: line.range, isCode: line.isExecutable, module: isReadable ? place : -1))
    }
  }

  deinit { cunwind_destroy(unwinder) }

  /// Whether the other has the same mappings of the same files.
  func isSameMap(as other: CodeSpace) -> Bool {
    ranges == other.ranges && madeCode == other.madeCode
      && modules.elementsEqual(other.modules) { $0.path == $1.path && $0.start == $1.start }
  }

  private func place(of address: UInt64) -> Int? {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].range.upperBound <= address { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].range.contains(address) ? low : nil
  }

  /// Whether what stands there does not change: code and constants of a file.
  func isConstant(_ address: UInt64) -> Bool { place(of: address).map { ranges[$0].module >= 0 } ?? false }

  /// The file whose code or constants lie there.
  func module(at address: UInt64) -> Int? {
    guard let place = place(of: address), ranges[place].module >= 0 else { return nil }
    return ranges[place].module
  }

  /// Whether the map knows code there.
  func hasCode(at address: UInt64) -> Bool {
    if let place = place(of: address) { return ranges[place].isCode }
    return madeCode.contains { $0.contains(address) }
  }

  /// The module, examined.
  func examined(_ place: Int, _ memory: TargetMemory) -> Module {
    if !modules[place].isExamined { modules[place].examine(memory) }
    return modules[place]
  }

  /// Where the unwind table for the code at `address` is.
  func table(for address: UInt64, _ memory: TargetMemory) -> cunwind_table? {
    guard let place = module(at: address) else { return nil }
    return examined(place, memory).table
  }
}
