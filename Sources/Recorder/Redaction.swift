// `--redact`: what says something of the user and not of the program is replaced before it is written, so that the file never had it.
//
// What findings need is kept: names of programs, of libraries and of source files (without the folders that they lie in), names of
// functions and threads, descriptors, numbers, and the paths of the system's own software. All else of command lines, paths and
// addresses becomes a token: the same text has the same token, so that it can be told who used the same file, and a folder's token
// stands in the paths of all that lies in it. Tokens are of a keyed hash (SipHash) whose key is made for one trace and kept nowhere:
// who guesses a text cannot check his guess.

import Trace

/// What a text is, which decides what of it is kept.
enum TextKind {
  /// The tracer's own words, names of functions, threads and programs.
  case plain
  /// A file that code comes from: a program, a library, a source file.
  case code
  /// A file that a program opens.
  case path
  /// A word of a command line, by its place.
  case argument(Int)
  /// As CallDecoder says them: `unix:/run/x`, `unix:@name`, `127.0.0.1:80`.
  case address
  /// As /proc/PID/fd shows it; of a socket with ` to ADDRESS` or ` from ADDRESS` behind.
  case link
}

struct Redaction {
  private let key = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))
  private static let digits = 10

  /// Software that others have as well, and what is no file of anybody.
  private static let systemFolders: [[UInt8]] = [
    "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libexec/", "/usr/include/",
    "/usr/share/",
    "/usr/local/bin/", "/usr/local/lib/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/nix/store/", "/proc/",
    "/sys/",
  ].map { Array($0.utf8) }
  private static let devices = Array("/dev/".utf8)
  /// Folders below /dev in which programs make files of any name.
  private static let madeDevices: [[UInt8]] = ["/dev/shm/", "/dev/mqueue/"].map { Array($0.utf8) }
  /// From there on a path names a library of a language, wherever that is installed.
  private static let libraryMarks: [[UInt8]] = ["/site-packages/", "/dist-packages/", "/lib/python", "/lib64/python"]
    .map { Array($0.utf8) }

  func redacted(_ text: [UInt8], _ kind: TextKind) -> [UInt8] {
    guard !text.isEmpty else { return text }
    switch kind {
    case .plain: return text
    case .code: return code(text)
    case .path: return path(text[...])
    case .argument(let place): return place == 0 ? code(text) : argument(text)
    case .address: return address(text[...])
    case .link: return link(text)
    }
  }

  private func token(_ text: some Sequence<UInt8>) -> [UInt8] {
    var hasher = Hasher()
    hasher.combine(key.0)
    hasher.combine(key.1)
    for byte in text { hasher.combine(byte) }
    let number = UInt64(UInt(bitPattern: hasher.finalize())) & (1 << (4 * UInt64(Self.digits)) - 1)
    let digits = String(number, radix: 16)
    return Array("~".utf8) + Array(repeating: UInt8(ascii: "0"), count: Self.digits - digits.utf8.count) + digits.utf8
  }

  // MARK: Paths

  private static func isOfSystem(_ path: ArraySlice<UInt8>) -> Bool {
    if path.starts(with: devices) { return !madeDevices.contains { path.starts(with: $0) } }
    return systemFolders.contains { path.starts(with: $0) } && !path.contains(sequence: Array("/../".utf8))
  }

  /// Each part becomes a token of its own.
  private func path(_ text: ArraySlice<UInt8>) -> [UInt8] {
    if Self.isOfSystem(text) { return Array(text) }
    let parts = text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return Array(
      parts.map { $0.allSatisfy { $0 == UInt8(ascii: ".") } ? Array($0) : token($0) }.joined(separator: [
        UInt8(ascii: "/")
      ]))
  }

  /// The folders become tokens, what lies in them keeps its name.
  private func code(_ text: [UInt8]) -> [UInt8] {
    // `[vdso]`, `<frozen importlib>`
    if let first = text.first, first == UInt8(ascii: "[") || first == UInt8(ascii: "<") { return text }
    if Self.isOfSystem(text[...]) { return text }
    let marks = Self.libraryMarks.compactMap { text.firstRange(of: $0)?.lowerBound }
    guard let end = marks.min() ?? text.lastIndex(of: UInt8(ascii: "/")) else { return text }
    return path(text[..<end]) + text[end...]
  }

  private func link(_ text: [UInt8]) -> [UInt8] {
    if text.first == UInt8(ascii: "/") {
      let deleted = Array(" (deleted)".utf8)
      let isDeleted = text.suffix(deleted.count).elementsEqual(deleted)
      return path(text.dropLast(isDeleted ? deleted.count : 0)) + (isDeleted ? deleted : [])
    }
    for word in ["] to ", "] from "] {
      if let place = text.firstRange(of: Array(word.utf8)) {
        return text[..<place.upperBound] + address(text[place.upperBound...])
      }
    }
    // `pipe:[7]`, `anon_inode:[eventfd]`
    return text
  }

  // MARK: Words

  /// Of an option its name is kept (`--name`, `-n`), of `--name=value` the value is replaced.
  private func argument(_ text: [UInt8]) -> [UInt8] {
    if text.starts(with: Array("--".utf8)) {
      let name = text.prefix { $0 != UInt8(ascii: "=") }
      if name.dropFirst(2).allSatisfy({ Self.isLetter($0) || Self.isDigit($0) || $0 == UInt8(ascii: "-") }) {
        return name.count == text.count ? text : name + [UInt8(ascii: "=")] + token(text[(name.count + 1)...])
      }
    }
    if text.count == 2, text[0] == UInt8(ascii: "-"), Self.isLetter(text[1]) { return text }
    return text.contains(UInt8(ascii: "/")) && text.first == UInt8(ascii: "/") ? path(text[...]) : token(text)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
  }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  /// A port is kept, and so is a host that is every machine's own.
  private func address(_ text: ArraySlice<UInt8>) -> [UInt8] {
    let unix = Array("unix:".utf8)
    if text.starts(with: unix) {
      let name = text.dropFirst(unix.count)
      if name.isEmpty { return unix }
      return unix + (name.first == UInt8(ascii: "@") ? [UInt8(ascii: "@")] + token(name.dropFirst()) : path(name))
    }
    guard let colon = text.lastIndex(of: UInt8(ascii: ":")) else { return Array(text) }
    let host = String(decoding: text[..<colon], as: UTF8.self)
    let isOwn =
      host.hasPrefix("127.") || ["0.0.0.0", "[::]", "[0:0:0:0:0:0:0:0]", "[::1]", "[0:0:0:0:0:0:0:1]"].contains(host)
    return isOwn ? Array(text) : token(text[..<colon]) + text[colon...]
  }
}

extension Collection where Element == UInt8 {
  fileprivate func contains(sequence: [UInt8]) -> Bool { firstRange(of: sequence) != nil }
}
