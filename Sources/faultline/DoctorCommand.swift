// What this kernel and user allow, in lines that a terminal of any width and a log can show: ASCII, no colour.

import ArgumentParser
import Glibc
import Recorder

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Say what this kernel and user allow, and how to change it.",
    discussion: "Ends with status 0 if programs can be launched under trace, else with 125.")

  func run() throws {
    let doctor = Doctor.examine()
    Console.print(DoctorText(width: Self.width).text(doctor))
    if !doctor.canLaunch { throw ExitCode(ExitStatus.failed) }
  }

  /// 80 columns, or those of the terminal: wide lines are hard to read, and below 40 nothing fits.
  private static var width: Int {
    var size = winsize()
    let hasSize = Console.isTerminal(STDOUT_FILENO) && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0
    return hasSize && size.ws_col > 0 ? max(40, min(Int(size.ws_col), 100)) : 80
  }
}

/// A mark, a name and what was found; below it what that costs and how to change it.
struct DoctorText {
  let width: Int

  private var isNarrow: Bool { width < 60 }

  func text(_ doctor: Doctor) -> String {
    var lines: [String] = []
    for item in doctor.items {
      let head = padded(item.verdict.mark, 8) + padded(item.name, 22)
      lines +=
        isNarrow
        ? [item.verdict.mark + "  " + item.name] + wrapped(item.finding, first: "        ", hanging: 8)
        : wrapped(item.finding, first: head, hanging: 30)
      guard let remedy = item.verdict.remedy else { continue }
      lines += wrapped("costs: " + remedy.cost, first: "        ", hanging: 15)
      lines += wrapped("to change: " + remedy.change, first: "        ", hanging: 19)
      // Whole, so that they can be copied.
      lines += remedy.commands.map { "          $ " + Self.ascii($0) }
    }
    lines += [""] + wrapped(doctor.conclusion, first: "", hanging: 0)
    return lines.joined(separator: "\n") + "\n"
  }

  private func padded(_ text: String, _ columns: Int) -> String {
    text + String(repeating: " ", count: max(1, columns - text.count))
  }

  /// Words behind `first`, in lines of at most `width` columns.
  private func wrapped(_ text: String, first: String, hanging: Int) -> [String] {
    let indent = String(repeating: " ", count: isNarrow ? min(hanging, 8) : hanging)
    var lines: [String] = []
    var line = first
    var isEmpty = true
    for word in Self.ascii(text).split(separator: " ") {
      if !isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = indent
        isEmpty = true
      }
      line += (isEmpty ? "" : " ") + word
      isEmpty = false
    }
    return lines + [line]
  }

  /// Names of processes and releases are anybody's.
  private static func ascii(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { (" "..."~").contains($0) ? $0 : "?" }))
  }
}
