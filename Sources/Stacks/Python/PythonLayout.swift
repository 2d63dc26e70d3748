// Where the fields lie that lead from _PyRuntime to a line of Python. From 3.13 on CPython tells it itself (_Py_DebugOffsets, at
// _PyRuntime); before that it is fixed by each minor version's headers.

/// Offsets in bytes, of CPython on x86_64.
struct PythonLayout: Equatable {
  /// Major and minor version, as 0x030B for 3.11.
  var version: UInt16
  // _PyRuntimeState, PyInterpreterState.
  var interpreters: UInt64
  var nextInterpreter: UInt64
  var threads: UInt64
  // PyThreadState.
  var nextThread: UInt64
  var threadID: UInt64
  /// Up to 3.10 `frame`, 3.11 and 3.12 `cframe`, then `current_frame`.
  var frame: UInt64
  /// Of a _PyCFrame, its `current_frame`; nil where there is none.
  var inCFrame: UInt64?
  // PyFrameObject or _PyInterpreterFrame.
  var code: UInt64
  var previous: UInt64
  /// f_lasti, prev_instr or instr_ptr.
  var instruction: UInt64
  /// f_localsplus or localsplus: the function's parameters first.
  var locals: UInt64
  /// 3.11's is_entry; later frames that are no Python's stand between, by their owner.
  var isEntry: UInt64?
  var owner: UInt64?
  // PyCodeObject.
  var fileName: UInt64
  var name: UInt64
  var firstLine: UInt64
  var lines: UInt64
  /// co_code_adaptive, which instructions are counted from; nil where f_lasti is a number.
  var instructions: UInt64?
  // PyUnicodeObject, PyBytesObject.
  var textState: UInt64
  var textLength: UInt64
  var asciiData: UInt64
  var otherData: UInt64
  var bytesSize: UInt64
  var bytesData: UInt64

  /// CPython 3.8.18, 3.9.18, 3.10.13, 3.11.7 and 3.12.1: offsetof in Include/internal/pycore_runtime.h, pycore_interp.h, pycore_frame.h
  /// and Include/cpython/pystate.h, frameobject.h, code.h, unicodeobject.h. They have not moved within a minor version.
  static func fixed(_ version: UInt16) -> PythonLayout? {
    switch version {
    case 0x0308, 0x0309, 0x030A:
      PythonLayout(
        version: version, interpreters: 32, nextInterpreter: 0, threads: 8, nextThread: 8, threadID: 176, frame: 24,
        inCFrame: nil, code: 32, previous: 24, instruction: version == 0x030A ? 96 : 104,
        locals: version == 0x030A ? 352 : 360, isEntry: nil, owner: nil,
        fileName: 104, name: 112, firstLine: 40, lines: 120, instructions: nil, textState: 32, textLength: 16,
        asciiData: 48, otherData: 72, bytesSize: 16, bytesData: 32)
    case 0x030B:
      PythonLayout(
        version: version, interpreters: 40, nextInterpreter: 0, threads: 16, nextThread: 8, threadID: 152, frame: 56,
        inCFrame: 8, code: 32, previous: 48, instruction: 56, locals: 72, isEntry: 68, owner: nil, fileName: 112,
        name: 128,
        firstLine: 72, lines: 136, instructions: 184, textState: 32, textLength: 16, asciiData: 48, otherData: 72,
        bytesSize: 16, bytesData: 32)
    case 0x030C:
      PythonLayout(
        version: version, interpreters: 40, nextInterpreter: 0, threads: 72, nextThread: 8, threadID: 136, frame: 56,
        inCFrame: 0, code: 0, previous: 8, instruction: 56, locals: 72, isEntry: nil, owner: 70, fileName: 112,
        name: 128,
        firstLine: 68, lines: 136, instructions: 192, textState: 32, textLength: 16, asciiData: 40, otherData: 56,
        bytesSize: 16, bytesData: 32)
    default: nil
    }
  }

  /// The words of _Py_DebugOffsets that matter: their places differ between the versions of that struct (3.13: pycore_runtime.h; 3.14:
  /// pycore_debug_offsets.h).
  private struct Places {
    var count: Int
    var interpreters = 5
    var nextInterpreter = 8
    var threads = 9
    var threadState: Int
    var frame: Int
    var code: Int
    var bytes: Int
    var text: Int
  }

  static func described(_ version: UInt16, _ words: [UInt64]) -> PythonLayout? {
    let places: Places
    switch version {
    case 0x030D: places = Places(count: 71, threadState: 19, frame: 28, code: 34, bytes: 64, text: 67)
    case 0x030E: places = Places(count: 81, threadState: 22, frame: 31, code: 39, bytes: 74, text: 77)
    default: return nil
    }
    guard words.count >= places.count, words[..<places.count].dropFirst(2).allSatisfy({ $0 < 1 << 20 }) else {
      return nil
    }
    let ascii = words[places.text + 3]
    return PythonLayout(
      version: version, interpreters: words[places.interpreters], nextInterpreter: words[places.nextInterpreter],
      threads: words[places.threads], nextThread: words[places.threadState + 2],
      threadID: words[places.threadState + 5], frame: words[places.threadState + 4], inCFrame: nil,
      code: words[places.frame + 2], previous: words[places.frame + 1], instruction: words[places.frame + 3],
      locals: words[places.frame + 4], isEntry: nil, owner: words[places.frame + 5], fileName: words[places.code + 1],
      name: words[places.code + 3],
      firstLine: words[places.code + 5], lines: words[places.code + 4], instructions: words[places.code + 9],
      textState: words[places.text + 1], textLength: words[places.text + 2], asciiData: ascii,
      // PyCompactUnicodeObject adds utf8_length and utf8.
      otherData: ascii + 16, bytesSize: words[places.bytes + 1], bytesData: words[places.bytes + 2])
  }

  /// How many words of _Py_DebugOffsets are read.
  static let describedWords = 81
}
