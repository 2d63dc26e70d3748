// How text looks on this terminal: its width, colours and character set.

import Glibc
import Report

/// How text looks on this standard output.
enum Look {
  static func terminal() -> TextReport {
    let isTerminal = Console.isTerminal(STDOUT_FILENO)
    var size = winsize()
    let hasSize = isTerminal && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    let columns = hasSize ? min(Int(size.ws_col), 160) : 80
    return TextReport(
      width: columns, colours: isTerminal && getenv("NO_COLOR") == nil, unicode: isUnicode)
  }

  /// Whether the locale's encoding is UTF-8: LC_ALL, LC_CTYPE, LANG in this order (locale(7)).
  private static var isUnicode: Bool {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      guard let value = getenv(name), value.pointee != 0 else { continue }
      let locale = String(cString: value).lowercased()
      return locale.contains(/utf-?8/)
    }
    return false
  }
}
