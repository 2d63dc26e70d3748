// Every file that a command makes of a trace: reports, exports. It holds what the trace holds, so it is as private (see FilePlace).

import ArgumentParser
import CLinux
import Glibc
import Trace

/// A file that is written piece by piece, since what is exported may be larger than memory. It takes its name when it is whole, with
/// mode 0600, in place of one that stood there; what is no file (a fifo, /dev/stdout) is written to as it is.
final class OutputFile {
  private static let bufferSize = 1 << 16

  private let path: String
  /// Where it is to stand; nil for standard output.
  private let place: FilePlace?
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private let target: Target

  private enum Target {
    /// Standard output, or another stream.
    case stream
    /// A file without a name; the kernel takes it away if we end before it is whole.
    case nameless
    /// Where the file system has no such files: one of another name.
    case temporary(String)
  }

  /// `-` is standard output.
  init(_ path: String) throws {
    self.path = path
    signal(SIGXFSZ, SIG_IGN)
    guard path != "-" else {
      (descriptor, target, place) = (STDOUT_FILENO, .stream, nil)
      return
    }
    Self.outliveRefusals()
    do throws(TraceError) {
      let place = try FilePlace(path)
      self.place = place
      if place.isStream {
        (descriptor, target) = (try place.openStream(), .stream)
      } else {
        let nameless = clinux_open_nameless(place.folder)
        if nameless >= 0 {
          (descriptor, target) = (nameless, .nameless)
        } else {
          let name = Self.unusedName()
          (descriptor, target) = (try place.create(name), .temporary(name))
        }
      }
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
    buffer.reserveCapacity(2 * Self.bufferSize)
  }

  /// A limit or a reader that has gone is a failure of a write to us, not our death.
  static func outliveRefusals() {
    signal(SIGXFSZ, SIG_IGN)
    signal(SIGPIPE, SIG_IGN)
  }

  private static func unusedName() -> String { ".faultline-\(getpid())-\(UInt64.random(in: 0 ... .max))" }

  private var isWhole = false

  deinit {
    if case .temporary(let name) = target, !isWhole { place?.remove(name) }
    if descriptor > STDERR_FILENO { Glibc.close(descriptor) }
  }

  /// Writes all of a text to a file, or to standard output without a path.
  static func write(_ text: String, to path: String?) throws {
    let file = try OutputFile(path ?? "-")
    try file.write(text.utf8)
    try file.finish()
  }

  func write(_ bytes: some Collection<UInt8>) throws {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferSize { try flush() }
  }

  /// Hands on the rest; from here the file stands in its place.
  func finish() throws {
    try flush()
    do throws(TraceError) {
      switch target {
      case .stream: break
      case .nameless:
        let name = Self.unusedName()
        let refused = place.map { clinux_name_file(descriptor, $0.folder, name) } ?? 0
        guard refused == 0 else { throw .unwritable(path: path, errno: refused) }
        try place?.take(name)
      case .temporary(let name): try place?.take(name)
      }
    } catch {
      throw Console.fail("\(error)", ExitStatus.of(error))
    }
    isWhole = true
  }

  private func flush() throws {
    var rest = buffer[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        // A pager that was left.
        if path == "-", errno == EPIPE { throw ExitCode(128 + SIGPIPE) }
        let what = path == "-" ? "standard output" : path
        throw Console.fail("cannot write \(what): \(String(cString: strerror(errno)))", ExitStatus.cannotWrite)
      }
      rest = rest.dropFirst(written)
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
