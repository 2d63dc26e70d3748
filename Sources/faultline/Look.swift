// How text looks on this terminal: its width, colours and character set.

import Glibc
import Report

/// How text looks on this standard output.
enum Look {
  /// `path`: where the text goes, if not to standard output.
  static func terminal(writing path: String? = nil) -> TextReport {
    let isTerminal = (path == nil || path == "-") && Console.isTerminal(STDOUT_FILENO)
    var look = TextReport(width: columns(isTerminal), colours: isTerminal && wantsColours, unicode: isUnicode)
    look.isTerminal = isTerminal
    return look
  }

  private static let widest = 400

  /// COLUMNS, if somebody exports it, else what the terminal says.
  private static func columns(_ isTerminal: Bool) -> Int {
    if let value = variable("COLUMNS"), let columns = Int(value), columns > 0 { return min(columns, widest) }
    var size = winsize()
    guard isTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return min(Int(size.ws_col), widest)
  }

  /// <https://no-color.org>
  private static var wantsColours: Bool { variable("NO_COLOR") == nil && variable("TERM") != "dumb" }

  /// nil for what is not there, or empty.
  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  /// Whether the locale's encoding is UTF-8: LC_ALL, LC_CTYPE, LANG in this order (locale(7)).
  private static var isUnicode: Bool {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      guard let locale = variable(name) else { continue }
      return locale.lowercased().contains(/utf-?8/)
    }
    return false
  }
}
