// A file that is written piece by piece: what is exported may be larger than memory.

import ArgumentParser
import Glibc

final class OutputFile {
  private static let bufferSize = 1 << 16

  private let path: String
  private let descriptor: Int32
  private var buffer: [UInt8] = []

  /// Opens the file, made anew; `-` is standard output.
  init(_ path: String) throws {
    self.path = path
    descriptor =
      path == "-"
      ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw failure(errno) }
    buffer.reserveCapacity(2 * Self.bufferSize)
  }

  deinit { if descriptor > STDERR_FILENO { Glibc.close(descriptor) } }

  func write(_ bytes: some Collection<UInt8>) throws {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferSize { try flush() }
  }

  /// Hands on what has been written so far; a file is whole only after its last flush.
  func flush() throws {
    var rest = buffer[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        throw failure(errno)
      }
      rest = rest.dropFirst(written)
    }
    buffer.removeAll(keepingCapacity: true)
  }

  private func failure(_ error: Int32) -> ExitCode {
    let what = path == "-" ? "standard output" : path
    return Console.fail("cannot write \(what): \(String(cString: strerror(error)))", ExitStatus.cannotWrite)
  }
}
