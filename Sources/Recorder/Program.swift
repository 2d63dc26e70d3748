// What is to be launched, looked up before anything is made: a mistyped command must not cost an older trace.

import Glibc

struct Program {
  /// argv[0] for messages.
  let text: String
  /// Its last part, for the trace's name.
  let name: String

  /// Looks the command up as execvp(3) will: in PATH, unless it has a slash.
  static func find(_ command: [[UInt8]]) throws(RecorderError) -> Program {
    guard let first = command.first, !first.isEmpty else { throw .notFound("") }
    let text = String(decoding: first, as: UTF8.self)
    let name = first.split(separator: UInt8(ascii: "/")).last.map { String(decoding: $0, as: UTF8.self) } ?? "program"
    let program = Program(text: text, name: name)
    if first.contains(UInt8(ascii: "/")) {
      if let errno = refusal(first) { throw errno == ENOENT ? .notFound(text) : .cannotRun(text, errno: errno) }
      return program
    }
    // execvp's own default (glibc 2.36, posix/execvpe.c).
    let path = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
    var worst = ENOENT
    for folder in path.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
      guard let errno = refusal((folder.isEmpty ? [] : Array(folder) + [UInt8(ascii: "/")]) + first) else {
        return program
      }
      if errno == EACCES { worst = errno }
    }
    throw worst == ENOENT ? .notFound(text) : .cannotRun(text, errno: worst)
  }

  /// Why the file cannot be executed, nil if it can.
  private static func refusal(_ path: [UInt8]) -> Int32? {
    let path = (path + [0]).map { CChar(bitPattern: $0) }
    var status = stat()
    if stat(path, &status) != 0 { return errno == ENOTDIR ? ENOENT : errno }
    if status.st_mode & S_IFMT == S_IFDIR { return EACCES }
    return access(path, X_OK) == 0 ? nil : errno
  }
}
