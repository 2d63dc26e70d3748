// Finding CPython in a process: the module that exports _PyRuntime, its version, and what is known of that version.

struct PythonRuntime {
  let runtime: UInt64
  let layout: PythonLayout

  enum Found {
    case none
    case supported(PythonRuntime)
    /// A CPython whose frames are not read, and why.
    case refused(String)
  }

  static func find(in space: CodeSpace, _ memory: TargetMemory) -> Found {
    for place in space.modules.indices {
      let module = space.examined(place, memory)
      guard let symbols = DynamicSymbols(of: module, memory), let runtime = symbols.address(of: "_PyRuntime") else {
        continue
      }
      return examine(runtime, symbols, memory)
    }
    return .none
  }

  private static func examine(_ runtime: UInt64, _ symbols: DynamicSymbols, _ memory: TargetMemory) -> Found {
    // "xdebugpy", little-endian.
    if memory.load(runtime, as: UInt64.self) == 0x7970_6775_6265_6478 {
      var words: [UInt64] = []
      for place in 0..<UInt64(PythonLayout.describedWords) {
        words.append(memory.load(runtime &+ place * 8, as: UInt64.self) ?? .max)
      }
      // PY_VERSION_HEX: major, minor, micro, level.
      let version = UInt16(truncatingIfNeeded: words[1] >> 16)
      if words[2] != 0 { return .refused("Python \(text(version)) without a GIL") }
      guard let layout = PythonLayout.described(version, words) else { return .refused("Python \(text(version))") }
      return .supported(PythonRuntime(runtime: runtime, layout: layout))
    }
    guard let version = version(symbols, memory) else { return .refused("a Python before 3.8") }
    guard let layout = PythonLayout.fixed(version) else { return .refused("Python \(text(version))") }
    return .supported(PythonRuntime(runtime: runtime, layout: layout))
  }

  /// By what a version exports for the first time ("What's New", C API): Py_Version 3.11, Py_NewRef 3.10, PyFrame_GetCode 3.9,
  /// PyCode_NewWithPosOnlyArgs 3.8.
  private static func version(_ symbols: DynamicSymbols, _ memory: TargetMemory) -> UInt16? {
    if let address = symbols.address(of: "Py_Version") {
      return memory.load(address, as: UInt64.self).map { UInt16(truncatingIfNeeded: $0 >> 16) }
    }
    if symbols.address(of: "Py_NewRef") != nil { return 0x030A }
    if symbols.address(of: "PyFrame_GetCode") != nil { return 0x0309 }
    if symbols.address(of: "PyCode_NewWithPosOnlyArgs") != nil { return 0x0308 }
    return nil
  }

  private static func text(_ version: UInt16) -> String { "\(version >> 8).\(version & 0xFF)" }
}
