// Open files and who had them, in lsof's look: one number of one process a line, children below their parents.

import Analysis
import Lineage
import Trace

struct LineageTable {
  private static let titles = ["COMMAND", "PID", "FD", "FROM", "TO", "HOW"]
  private static let deepest = 12
  private static let widestName = 32

  private let files: [FileHistory]
  private let width: Int
  private let colours: Bool
  private let unicode: Bool
  /// What is said of a channel behind its open files.
  var remarks: [UInt32: String] = [:]
  /// Of the columns.
  private var widths: [Int]

  /// `width`: columns of the terminal, of which names take what the others leave.
  init(_ files: [FileHistory], width: Int = .max, colours: Bool = false, unicode: Bool = true) {
    self.files = files
    self.width = width
    self.colours = colours
    self.unicode = unicode
    widths = Self.titles.dropLast().map(\.utf8.count)
    var how = Self.titles[5].utf8.count
    for file in files {
      for tenure in file.tenures {
        widths[0] = max(widths[0], Columns.count(Self.indent(tenure)) + Columns.count(shown(tenure.name)))
        widths[1] = max(widths[1], "\(tenure.pid)".utf8.count)
        widths[2] = max(widths[2], Self.number(tenure, file).utf8.count)
        widths[3] = max(widths[3], Duration.moment(tenure.start).utf8.count)
        widths[4] = max(widths[4], Self.end(tenure).utf8.count)
        how = max(how, tenure.how.utf8.count)
      }
    }
    // Two spaces before each column.
    let others = widths[1...].reduce(0, +) + 2 * Self.titles.count
    widths[0] = min(widths[0], Self.widestName, max(Self.titles[0].utf8.count, width - min(width, others + how)))
    widths.append(min(how, max(Self.titles[5].utf8.count, width - min(width, others + widths[0]))))
  }

  /// A line of titles, then each open file with its lines.
  func lines() -> [String] {
    [Paint.dim(row(Self.titles), if: colours)] + files.flatMap { [heading($0)] + $0.tenures.map(line(of: $0)) }
  }

  /// `open file #5: pipe #3, read end`.
  func heading(_ file: FileHistory) -> String {
    let number = file.channel > 0 ? " #\(file.channel)" : ""
    let end = file.end.isEmpty ? "" : ", \(file.end)"
    let remark = remarks[file.channel].map { " (\($0))" } ?? ""
    let title = "open file #\(file.serial)"
    var what = ": \(file.kind)\(number)\(end)\(remark)"
    let name = shown(file.name)
    if !name.isEmpty {
      let left = width - title.utf8.count - what.utf8.count - 1
      what += " " + (Columns.count(name) > left ? Columns.fitted(name, max(8, left), mark: mark) : name)
    }
    return Paint.bold(title, if: colours) + what
  }

  private func line(of file: FileHistory) -> (FileHistory.Tenure) -> String {
    { tenure in
      row([
        Self.indent(tenure) + shown(tenure.name), "\(tenure.pid)", Self.number(tenure, file),
        Duration.moment(tenure.start), Self.end(tenure), tenure.how,
      ])
    }
  }

  /// Texts to the left, numbers to the right.
  private func row(_ cells: [String]) -> String {
    var line = Columns.fitted(cells[0], widths[0], mark: mark)
    for place in 1...4 {
      let space = Columns.space(widths[place] - cells[place].utf8.count)
      line += "  " + (place == 4 ? cells[place] + space : space + cells[place])
    }
    let isLong = cells[5].utf8.count > widths[5]
    return "  " + line + "  " + (isLong ? Columns.fitted(cells[5], widths[5], mark: mark) : cells[5])
  }

  private var mark: String { unicode ? "…" : "~" }

  private func shown(_ text: String) -> String {
    // A column holds one word.
    if text == World.unnamedCommand { return "?" }
    return unicode ? text : Columns.ascii(text)
  }

  private static func indent(_ tenure: FileHistory.Tenure) -> String { Columns.space(2 * min(tenure.depth, deepest)) }

  /// The number, and what can be done by it, as lsof has it.
  private static func number(_ tenure: FileHistory.Tenure, _ file: FileHistory) -> String {
    switch file.side {
    case .read: "\(tenure.fd)r"
    case .write: "\(tenure.fd)w"
    case .both, .first, .second: "\(tenure.fd)u"
    }
  }

  private static func end(_ tenure: FileHistory.Tenure) -> String {
    guard let end = tenure.end else { return "open" }
    return "\(Duration.moment(end)) \(tenure.ending ?? "")"
  }

}
