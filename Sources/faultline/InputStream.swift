// Standard input and pipes as input: what commands read from a file, and some of them twice, is kept in one without a name.

import Glibc
import Synchronization
import Trace

enum InputStream {
  /// By path: where it was kept.
  private static let kept = Mutex<[String: String]>([:])

  /// A path by which the input can be read from its beginning, as often as need be: the same one for a regular file.
  static func file(_ path: String) throws -> String {
    guard path == "-" || isStream(path) else { return path }
    if let known = kept.withLock({ $0[path] }) { return known }
    let file = try keep(path)
    kept.withLock { $0[path] = file }
    return file
  }

  private static func isStream(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  private static func keep(_ path: String) throws -> String {
    let input = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw refusal("read \(path)", ExitStatus.noInput) }
    defer { if input != STDIN_FILENO { close(input) } }
    let file: Int32
    do {
      file = try FilePlace.nameless()
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
    var block = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let got = read(input, &block, block.count)
      if got == 0 { return "/proc/self/fd/\(file)" }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { throw refusal("read \(path)", ExitStatus.noInput) }
      var done = 0
      while done < got {
        let put = block[done..<got].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        guard put > 0 else { throw refusal("keep what \(path) tells in a temporary file", ExitStatus.cannotWrite) }
        done += put
      }
    }
  }

  private static func refusal(_ what: String, _ status: Int32) -> any Error {
    Console.fail("cannot \(what): \(String(cString: strerror(errno)))", status)
  }
}
