// Definitions of stacks and their parts, as they stand in a record.

extension ByteWriter {
  mutating func definition(_ definition: StackDefinition) {
    switch definition {
    case .module(let id, let module):
      byte(RecordKind.module.rawValue)
      unsigned(id.index)
      unsigned(module.path.index)
      text(module.buildID)
      unsigned(module.digest)
    case .frame(let id, .native(let module, let address)):
      byte(RecordKind.frame.rawValue)
      unsigned(id.index)
      byte(0)
      unsigned(module.index)
      unsigned(address)
    case .frame(let id, .python(let function, let file, let line)):
      byte(RecordKind.frame.rawValue)
      unsigned(id.index)
      byte(1)
      unsigned(function.index)
      unsigned(file.index)
      signed(line)
    case .stack(let id, let stack):
      byte(RecordKind.stackDefinition.rawValue)
      unsigned(id.index)
      byte(stack.isCut ? 1 : 0)
      unsigned(UInt64(stack.native.count))
      for frame in stack.native { unsigned(frame.index) }
      unsigned(UInt64(stack.interrupted.count))
      for place in stack.interrupted { unsigned(place) }
      unsigned(UInt64(stack.python.count))
      for frame in stack.python { unsigned(UInt64(frame.frame.index) << 1 | (frame.isEntry ? 1 : 0)) }
    case .name(let id, let names):
      byte(RecordKind.frameName.rawValue)
      unsigned(id.index)
      unsigned(UInt64(names.count))
      for name in names {
        unsigned(name.function.index)
        unsigned(name.file.index)
        signed(name.line)
      }
    }
  }
}

extension ByteReader {
  mutating func stackDefinition(_ kind: RecordKind, into tables: inout TraceTables) throws(TraceError) {
    let id = Int(try unsigned32())
    switch kind {
    case .module:
      let path = StringID(Int(try unsigned32()))
      try tables.define(
        .module(ModuleID(id), ModuleRecord(path: path, buildID: Array(try text()), digest: try unsigned())))
    case .frame:
      switch try byte() {
      case 0:
        try tables.define(
          .frame(FrameID(id), .native(module: ModuleID(Int(try unsigned32())), address: try unsigned())))
      case 1:
        try tables.define(
          .frame(
            FrameID(id),
            .python(
              function: StringID(Int(try unsigned32())), file: StringID(Int(try unsigned32())), line: try signed32())))
      default: throw .damaged("an unknown kind of frame")
      }
    case .frameName:
      var names: [FrameName] = []
      let count = try unsigned()
      guard count <= UInt64(TraceFormat.mostInlined) else { throw .damaged("a frame claims \(count) names") }
      for _ in 0..<count {
        names.append(
          FrameName(
            function: StringID(Int(try unsigned32())), file: StringID(Int(try unsigned32())), line: try signed32()))
      }
      try tables.define(.name(FrameID(id), names))
    default:
      var stack = StackRecord(native: [], python: [])
      stack.isCut = try byte() != 0
      for _ in 0..<(try frameCount()) { stack.native.append(FrameID(Int(try unsigned32()))) }
      for _ in 0..<(try frameCount()) { stack.interrupted.append(try unsigned32()) }
      for _ in 0..<(try frameCount()) {
        let frame = try unsigned()
        stack.python.append(
          StackRecord.PythonFrame(frame: FrameID(Int(truncatingIfNeeded: frame >> 1)), isEntry: frame & 1 != 0))
      }
      try tables.define(.stack(StackID(id), stack))
    }
  }

  private mutating func frameCount() throws(TraceError) -> Int {
    let count = try unsigned()
    guard count <= UInt64(TraceFormat.longestStack) else { throw .damaged("a stack claims \(count) frames") }
    return Int(count)
  }
}
