// The readers of files that a stranger may have written, each with all that faultline does with what was read. What crashes,
// hangs or takes much memory in here would do so in a command.

/// A reader that is given any bytes.
public enum Reader: String, CaseIterable, Sendable {
  case trace, suppressions, strace

  /// Reads the bytes, and makes of them what commands make: all of it, or, as it is quicker, one thing that the bytes decide. Nothing is
  /// returned: not to end is what fails.
  public func read(_ bytes: [UInt8], isThorough: Bool = true) {
    switch self {
    case .trace: TraceInput.read(bytes, isThorough: isThorough)
    case .suppressions: SuppressionsInput.read(bytes)
    case .strace: StraceInput.read(bytes)
    }
  }

  /// Small inputs made of a real file's bytes, of which a fuzzer makes others.
  public func seeds(from file: [UInt8], most: Int) -> [[UInt8]] {
    switch self {
    case .trace: TraceInput.seeds(from: file, most: most)
    case .suppressions, .strace: [Array(file.prefix(most))]
    }
  }
}
