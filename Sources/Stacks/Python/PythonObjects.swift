// Objects of CPython, read from outside: texts, bytes, and the attributes of instances.

/// Reads what lies at an address as an object of the given layout. Wild pointers end in nil.
struct PythonObjects {
  let layout: PythonLayout
  let memory: TargetMemory

  private static let longestText = 4096
  private static let longestTable = 1 << 16
  private static let mostAttributes = 64

  /// A bytes object's bytes.
  func bytes(_ address: UInt64) -> [UInt8]? {
    guard let size = memory.load(address &+ layout.bytesSize, as: Int64.self), size >= 0, size <= Self.longestTable
    else { return nil }
    return memory.bytes(address &+ layout.bytesData, count: Int(size))
  }

  /// A str object's text as UTF-8 (PEP 393). Nil where it is no compact one.
  func text(_ address: UInt64) -> [UInt8]? {
    guard let state = memory.load(address &+ layout.textState, as: UInt32.self),
      let length = memory.load(address &+ layout.textLength, as: Int64.self), length >= 0, length <= Self.longestText
    else { return nil }
    // interned:2, kind:3, compact:1, ascii:1.
    let kind = Int(state >> 2 & 7)
    guard state & 1 << 5 != 0, [1, 2, 4].contains(kind) else { return nil }
    if state & 1 << 6 != 0 { return memory.bytes(address &+ layout.asciiData, count: Int(length)) }
    guard let bytes = memory.bytes(address &+ layout.otherData, count: Int(length) * kind) else { return nil }
    var text = ""
    for place in stride(from: 0, to: bytes.count, by: kind) {
      let value = (0..<kind).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
      text.unicodeScalars.append(Unicode.Scalar(value) ?? "\u{FFFD}")
    }
    return Array(text.utf8)
  }

  /// The value of an instance's attribute that is in its own `__dict__`, as an address; nil where it has none.
  ///
  /// Up to 3.10 the dict is at tp_dictoffset. From 3.11 on (Py_TPFLAGS_MANAGED_DICT) words before the instance lead to the dict or to the
  /// values without one: Objects/dictobject.c, Include/internal/pycore_object.h of 3.11.7, 3.12.1, 3.13.0 and 3.14.
  func attribute(_ name: String, of instance: UInt64) -> UInt64? {
    guard let type = word(instance &+ 8), let flags = word(type &+ 168) else { return nil }
    guard flags & 1 << 4 != 0 else {
      guard let offset = word(type &+ 288), offset > 0, offset < 1 << 16 else { return nil }
      return word(instance &+ offset).flatMap { value(name, ofDict: $0) }
    }
    let cachedKeys = type &+ (layout.version < 0x030C ? 872 : 880)
    guard let managed = word(instance &- 24) else { return nil }
    switch layout.version {
    case 0x030B:
      if managed != 0 { return value(name, ofDict: managed) }
      guard let values = word(instance &- 32), values != 0, let keys = word(cachedKeys) else { return nil }
      return value(name, keys: keys, values: values)
    case 0x030C:
      // The lowest bit tells values, one byte before where they are.
      guard managed & 1 == 1 else { return value(name, ofDict: managed) }
      return word(cachedKeys).flatMap { value(name, keys: $0, values: managed &+ 1) }
    case 0x030D, 0x030E:
      if managed != 0 { return value(name, ofDict: managed) }
      // Py_TPFLAGS_INLINE_VALUES; struct _dictvalues: capacity, size, embedded, valid.
      guard flags & 1 << 2 != 0, let size = word(type &+ 32), size < 1 << 16,
        memory.load(instance &+ size &+ 3, as: UInt8.self) == 1, let keys = word(cachedKeys)
      else { return nil }
      return value(name, keys: keys, values: instance &+ size &+ 8)
    default: return nil
    }
  }

  private func word(_ address: UInt64) -> UInt64? { memory.load(address, as: UInt64.self) }

  /// PyDictObject: ma_keys, ma_values.
  private func value(_ name: String, ofDict dict: UInt64) -> UInt64? {
    guard dict != 0, let keys = word(dict &+ 32), let values = word(dict &+ 40) else { return nil }
    let header: UInt64 = layout.version >= 0x030D ? 8 : 0
    return value(name, keys: keys, values: values == 0 ? nil : values &+ header)
  }

  /// PyDictKeysObject: its entries stand behind the indices. `values`: of a dict that shares its keys with others.
  private func value(_ name: String, keys: UInt64, values: UInt64?) -> UInt64? {
    let isOld = layout.version < 0x030B
    var entries: UInt64
    var entrySize: UInt64 = 24
    // me_hash, me_key, me_value; without the hash where all keys are str (dk_kind 1 and 2).
    var key: UInt64 = 8
    if isOld {
      // dk_size, dk_nentries; an index has as many bytes as its numbers need.
      guard let size = word(keys &+ 8), size > 0, size < 1 << 16 else { return nil }
      entries = keys &+ 40 &+ size * (size <= 0xFF ? 1 : 2)
    } else {
      guard let logOfBytes = memory.load(keys &+ 9, as: UInt8.self), logOfBytes < 20,
        let kind = memory.load(keys &+ 10, as: UInt8.self)
      else { return nil }
      entries = keys &+ 32 &+ 1 << UInt64(logOfBytes)
      if kind != 0 { (entrySize, key) = (16, 0) }
    }
    guard let count = word(keys &+ (isOld ? 32 : 24)), count <= Self.mostAttributes else { return nil }
    for place in 0..<count {
      let entry = entries &+ place * entrySize
      guard let address = word(entry &+ key), address != 0 else { continue }
      guard memory.load(address &+ layout.textLength, as: Int64.self) == Int64(name.utf8.count),
        text(address) == Array(name.utf8)
      else { continue }
      let value = values.map { word($0 &+ place * 8) } ?? word(entry &+ key &+ 8)
      return value == 0 ? nil : value
    }
    return nil
  }
}
