// Whether a file is a log of strace's at all.

import Trace

extension StraceReader {
  /// Whether the file is a log of strace's, by its first megabyte: at least one line is a call with a result.
  public static func recognises(path: String) -> Bool {
    guard let file = try? LogFile(path: path) else { return false }
    let wording: Wording = [.entities, .typography, .quoted]
    let frame = LineFrameSearch.frame(of: file, wording)
    var call = Arguments(UnsafePointer(bitPattern: 1)!)
    var sections = LogSections(file)
    var cleaned: [UInt8] = []
    var isAttached = false
    while file.position < 1 << 20, let raw = file.next() {
      wording.undone(raw, into: &cleaned)
      let isCall = cleaned.withUnsafeBufferPointer { text -> Bool in
        guard let base = text.baseAddress else { return false }
        var line = frame.strip(Scanner(base, 0..<text.count)).line
        if sections.begins(line) { isAttached = true }
        line.at = LineHead.read(line).body
        if Survey.attachment(line) != nil || Survey.command(line) != nil { isAttached = true }
        // All that strace has to say of a process that hangs, or is stopped.
        if isAttached, line.starts(with: "--- stopped by SIG") { return true }
        let name = line.word()
        guard !name.isEmpty, line.skip(0x28), let named = CallNames.call(line, name) else { return false }
        call.read(line)
        if call.call.ending != .broken { return true }
        guard isAttached, let shape = named.shape else { return false }
        return call.mayBePending(shape, named.syscall) || call.isInterrupted(&line, shape, named.syscall)
      }
      if isCall { return true }
    }
    return false
  }
}
