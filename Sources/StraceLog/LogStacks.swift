// The stacks of strace -k: ` > /usr/lib/libc.so.6(__poll+0x4f) [0x10e5af]`, and -kk: ` > ...(main+0x10) [0x1139] a.c:7`.

import Trace

/// The frames that follow a line, and all that a log has shown so far.
struct LogStacks {
  private struct Frame: Hashable {
    var path: [UInt8]
    var address: UInt64
  }

  private var frames: [FrameID] = []
  private var known: [Frame: FrameID] = [:]
  private var names: [(FrameID, function: [UInt8], file: [UInt8], line: Int32)] = []
  private var modules: [[UInt8]: ModuleID] = [:]
  private var stacks: [[FrameID]: StackID] = [:]
  private var pendingRecords: [(FrameID, Frame)] = []
  /// The log has frames: an event waits for those that follow its line.
  private(set) var mayFollow = false

  /// Whether the line is a frame.
  func isFrame(_ line: Scanner) -> Bool {
    line.next == 0x20 && line.peek(1) == 0x3E && line.peek(2) == 0x20 && line.find(" [0x") != nil
  }

  mutating func add(_ line: Scanner) {
    mayFollow = true
    guard frames.count < 256, let bracket = line.find(" [0x") else { return }
    var scanner = line
    scanner.at += 3
    // Without a module there is nothing that the address could be told by.
    guard scanner.at <= bracket else { return }
    var address = scanner
    address.at = bracket + 2
    let offset = UInt64(bitPattern: address.number() ?? 0)
    let module = Scanner(line.bytes, scanner.at..<bracket)
    // The path ends where the name in parentheses begins: it is the last that opens.
    var open = bracket - 1
    while open > module.at, line.bytes[open] != 0x28 { open -= 1 }
    let hasName = open > module.at && line.bytes[bracket - 1] == 0x29
    let path = line.text(module.at..<(hasName ? open : bracket))
    let frame = Frame(path: path, address: offset)
    if let id = known[frame] {
      frames.append(id)
      return
    }
    let id = FrameID(known.count)
    known[frame] = id
    frames.append(id)
    pendingRecords.append((id, frame))
    guard hasName else { return }
    var name = open + 1..<bracket - 1
    if let plus = (name).last(where: { line.bytes[$0] == 0x2B }) { name = name.lowerBound..<plus }
    guard !name.isEmpty else { return }
    // " file.c:12" behind the address.
    var rest = address
    _ = rest.skip(0x5D)
    rest.skipSpaces()
    var file = rest.rest
    var number: Int32 = 0
    if let colon = file.last(where: { line.bytes[$0] == 0x3A }) {
      var digits = Scanner(line.bytes, colon + 1..<file.upperBound)
      number = Int32(truncatingIfNeeded: digits.decimal() ?? 0)
      file = file.lowerBound..<colon
    }
    names.append((id, line.text(name), number > 0 ? line.text(file) : [], number))
  }

  /// The stack that was read since the last event, and what has to be told before it is named; nil for none.
  mutating func take(intern: ([UInt8]) -> StringID) -> (stack: StackID, definitions: [StackDefinition])? {
    guard !frames.isEmpty else { return nil }
    var definitions: [StackDefinition] = []
    defer { frames.removeAll(keepingCapacity: true) }
    for (id, frame) in pendingRecords {
      let module: ModuleID
      if let known = modules[frame.path] {
        module = known
      } else {
        module = ModuleID(modules.count)
        modules[frame.path] = module
        definitions.append(.module(module, ModuleRecord(path: intern(frame.path), buildID: [])))
      }
      definitions.append(.frame(id, .native(module: module, address: frame.address)))
    }
    pendingRecords.removeAll(keepingCapacity: true)
    for (id, function, file, line) in names {
      definitions.append(.name(id, [FrameName(function: intern(function), file: intern(file), line: line)]))
    }
    names.removeAll(keepingCapacity: true)
    if let known = stacks[frames] { return (known, definitions) }
    let id = StackID(stacks.count)
    stacks[frames] = id
    definitions.append(.stack(id, StackRecord(native: frames, python: [], interrupted: [0])))
    return (id, definitions)
  }
}
