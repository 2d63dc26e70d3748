// Colours for terminals (ECMA-48, SGR): the few that lines of events and trees need.

public enum Paint: Int, Sendable {
  case bold = 1
  case dim = 2
  case red = 31
  case yellow = 33
  case cyan = 36

  public init(_ severity: Severity) {
    self = severity == .error ? .red : severity == .warning ? .yellow : .cyan
  }

  public func callAsFunction(_ text: some StringProtocol, if isOn: Bool) -> String {
    isOn && !text.isEmpty ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : String(text)
  }
}
