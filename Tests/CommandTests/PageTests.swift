// The timeline's page in real browsers, used as a reader would, with mouse, keys and fingers: what a finding leads to, what a call, a
// channel and an arrow show, zoom, search, and the address that brings it back.

import Foundation
import Support
import Testing

@Suite(.serialized) struct PageTests {
  /// What Tests/Browser/check_page.py has seen.
  private struct Seen: Decodable {
    var findings: [String]
    var rows: Int
    var rows_of_findings: Int
    var moved: Bool
    var detail: String
    var spin: String
    var command: String
    var stack: String
    var focused: String
    var family: String
    var zoomed: Bool
    var restored: Bool
    var panned: Bool
    var pinched: Bool
    var tapped: String
    var found: String
    var next: String
    var table_rows: [Int]
    var printed: Bool
    var overflow: Int
    var arrow: String
    var arrow_clicked: String
    var complaints: [String]
  }

  /// Those that are here; Chromium with its driver.
  private static let browsers = [("chromium", ["chromium", "chromedriver"]), ("firefox", ["firefox-esr"])]
    .filter { _, programs in programs.allSatisfy(isInPath) }.map(\.0)

  private static func isInPath(_ program: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
  }

  /// Where the page of a victim's trace is, without its ending; the trace lies beside it.
  private static func page(_ name: String) throws -> String {
    let path = Command.temporary("")
    let command = try Victim.named(name).command()
    let run = try Command.run([Command.faultline, "trace", "--quiet", "-o", path + ".flt", "--"] + command)
    try #require(run.status == 0, "\(run.error)")
    try #require(try Command.run([Command.faultline, "report", path + ".flt"]).status == 0)
    return path
  }

  @Test(
    .enabled(if: !browsers.isEmpty, "needs chromium with chromedriver, or firefox-esr"), .needsManyStacks,
    arguments: browsers)
  func thePageIsUsed(_ browser: String) throws {
    let (page, passing) = (try Self.page("gwibber.py"), try Self.page("wakeup_passed.py"))
    defer {
      for path in [page, passing] {
        for ending in [".html", ".flt"] { try? FileManager.default.removeItem(atPath: path + ending) }
      }
    }
    let script = Victim.repository.appending(path: "Tests/Browser/check_page.py").path
    let check = try Command.run(
      ["/usr/bin/python3", script, browser, page + ".html", "--passing", passing + ".html"], deadline: 240)
    try #require(check.status == 0, "\(check.error)")
    let seen = try JSONDecoder().decode(Seen.self, from: Data(check.output.utf8))
    #expect(seen.findings == ["foreign-wakeup-write", "busy-poll"])
    // Channels, their pipe, two processes and three threads.
    #expect(seen.rows == 7)
    #expect(seen.rows_of_findings == 7)
    #expect(seen.moved && seen.zoomed && seen.restored)
    #expect(seen.detail.contains("gwibber.py:"), "\(seen.detail)")
    #expect(seen.spin.hasPrefix("poll([3:IN→IN], -1) = 1") && seen.spin.contains("3,000"), "\(seen.spin)")
    #expect(seen.stack.contains("Context.wakeup") && seen.focused == "detail", "\(seen.stack), \(seen.focused)")
    #expect(seen.family.contains("open file") && seen.family.contains("inherited: forked by"), "\(seen.family)")
    #expect(seen.panned && seen.pinched && !seen.tapped.isEmpty && seen.printed)
    #expect(seen.arrow.contains("becomes fd") && seen.arrow.contains("SCM_RIGHTS"), "\(seen.arrow)")
    #expect(seen.arrow_clicked == seen.arrow)
    // The command that the page tells of shows these calls.
    try #require(seen.command.hasPrefix("faultline dump --stacks --pid "), "\(seen.command)")
    let dump = try Command.run(["/bin/sh", "-c", Command.faultline + seen.command.dropFirst("faultline".count)])
    #expect(dump.status == 0 && dump.output.contains("poll([3:IN"), "\(seen.command): \(dump.output)")
    #expect(dump.output.contains(" times in "), "\(dump.output)")
    #expect(seen.found.hasSuffix(" found") && seen.next.hasPrefix("1 of "), "\(seen.found), \(seen.next)")
    #expect(seen.table_rows.count == 3 && seen.table_rows.allSatisfy { $0 > 0 }, "\(seen.table_rows)")
    #expect(seen.overflow == 0, "a phone's screen is not wider than itself")
    #expect(seen.complaints.isEmpty, "\(seen.complaints)")
  }
}
