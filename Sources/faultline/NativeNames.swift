import Analysis
import Stacks
import Trace

/// Names of native frames from the files on this machine.
final class NativeNames: FrameNaming {
  private let symbols = Symbols()

  /// Files whose frames stay addresses, and why.
  var refusals: [String] { symbols.refusals }

  func names(
    of address: UInt64, in module: ModuleRecord, isReturn: Bool, tables: TraceTables
  ) -> [(function: String?, file: String?, line: Int?)] {
    symbols.names(of: address, in: module, path: tables.bytes(module.path), isReturn: isReturn).map {
      ($0.function, $0.file, $0.line)
    }
  }
}
