// Values of options by the names that users know. The argument parser shows an enum's default by its raw value, so those
// whose raw values are numbers have twins here.

import Analysis
import ArgumentParser
import Recorder
import Trace

enum ScopeName: String, ExpressibleByArgument, CaseIterable {
  case light, wakeups, all

  static var allValueDescriptions: [String: String] {
    [
      "light": "What makes channels and processes; waits only once a process looks as if something were wrong.",
      "wakeups": "Waits as well, and reads and writes of channels.",
      "all": "Every call of interest, on any descriptor.",
    ]
  }

  var scope: Scope {
    switch self {
    case .light: .light
    case .wakeups: .wakeups
    case .all: .all
    }
  }
}

extension KeptPart: ExpressibleByArgument {}

extension StackMode: ExpressibleByArgument {
  public static var allValueDescriptions: [String: String] {
    [
      "auto": """
      Where channels are made and processes forked, at the first uses of what processes share by each place in the code, in \
      loops, and of what is blocked at the end.
      """,
      "off": "Never.",
      "all": "At every call that is told.",
    ]
  }
}

enum SeverityName: String, ExpressibleByArgument, CaseIterable {
  case error, warning, note

  var severity: Severity {
    switch self {
    case .error: .error
    case .warning: .warning
    case .note: .note
    }
  }
}
