// Names of native frames, found when the program has ended: from the files that its code came from, as long as they are the same files.

import CSymbols
import Glibc
import Trace

/// What a native frame stands for.
public struct NativeName: Hashable, Sendable {
  /// Demangled; nil where no symbol covers the address.
  public var function: String?
  /// The source file as the line table names it, and the line.
  public var file: String?
  public var line: Int?

  public init(function: String?, file: String? = nil, line: Int? = nil) {
    self.function = function
    self.file = file
    self.line = line
  }
}

/// Opens each file once. A file that is another by now (its build id differs) names nothing.
public final class Symbols {
  /// By module: its file, or nil if there is none.
  private var files: [ModuleRecord: OpaquePointer?] = [:]
  /// Files whose frames stay addresses, and why: one line each.
  public private(set) var refusals: [String] = []

  public init() {}

  deinit { for file in files.values { csymbols_close(file) } }

  /// The functions at an address of the module (the file's own address), innermost first where some were inlined. Empty if nothing
  /// is known. `isReturn`: the address is where a call returns to, so that the call itself lies before it.
  public func names(of address: UInt64, in module: ModuleRecord, path: [UInt8], isReturn: Bool) -> [NativeName] {
    guard let file = file(of: module, path) else { return [] }
    var found = [csymbols_name](repeating: csymbols_name(), count: TraceFormat.mostInlined)
    let place = isReturn && address > 0 ? address - 1 : address
    let count = csymbols_names(file, place, &found, found.count)
    return found[..<count].map { name in
      NativeName(
        function: name.function.map { Self.demangled(String(cString: $0)) },
        file: name.source.map { String(cString: $0) }, line: name.line > 0 ? Int(name.line) : nil)
    }
  }

  private func file(of module: ModuleRecord, _ path: [UInt8]) -> OpaquePointer? {
    if let known = files[module] { return known }
    var file: OpaquePointer?
    // [vdso] and the like are no files.
    if path.first == UInt8(ascii: "/") {
      var reason: UnsafePointer<CChar>?
      file = path.withUnsafeBufferPointer { _ in
        module.buildID.withUnsafeBufferPointer { id in
          (path + [0]).withUnsafeBytes {
            csymbols_open(
              $0.baseAddress!.assumingMemoryBound(to: CChar.self), id.baseAddress, id.count, module.digest, &reason)
          }
        }
      }
      if file == nil, let reason {
        refusals.append("\(String(decoding: path, as: UTF8.self)): \(String(cString: reason))")
      }
    }
    files[module] = .some(file)
    return file
  }

  /// A C++, Rust or Swift symbol as its language writes it; others as they are.
  static func demangled(_ symbol: String) -> String {
    if symbol.hasPrefix("$s") || symbol.hasPrefix("$S"), let text = swiftDemangled(symbol) { return text }
    guard symbol.hasPrefix("_"), let text = csymbols_demangle(symbol) else { return symbol }
    defer { free(text) }
    return String(cString: text)
  }

  private typealias SwiftDemangle =
    @convention(c) (
      UnsafePointer<CChar>, Int, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<Int>?, UInt32
    ) -> UnsafeMutablePointer<CChar>?

  /// swift_demangle of Swift's runtime (include/swift/Demangling/Demangle.h).
  private static func swiftDemangled(_ symbol: String) -> String? {
    guard let address = dlsym(nil, "swift_demangle") else { return nil }
    let demangle = unsafeBitCast(address, to: SwiftDemangle.self)
    guard let text = demangle(symbol, symbol.utf8.count, nil, nil, 0) else { return nil }
    defer { free(text) }
    return String(cString: text)
  }
}
