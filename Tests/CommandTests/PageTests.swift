// The timeline's page in a real browser, used as a reader would: what a finding leads to, zoom, search, and the address that brings it back.

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
    var zoomed: Bool
    var restored: Bool
    var found: String
    var next: String
    var table_rows: [Int]
    var overflow: Int
    var complaints: [String]
  }

  /// Those that are here with their drivers.
  private static let browsers = [
    ("chromium", ["chromium", "chromedriver"]), ("firefox", ["firefox-esr", "geckodriver"]),
  ]
  .filter { _, programs in programs.allSatisfy(isInPath) }.map(\.0)

  private static func isInPath(_ program: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
  }

  @Test(
    .enabled(if: !browsers.isEmpty, "needs chromium with chromedriver, or firefox-esr with geckodriver"),
    arguments: browsers)
  func thePageIsUsed(_ browser: String) throws {
    let trace = Command.temporary(".flt")
    let page = Command.temporary(".html")
    defer { for path in [trace, page] { try? FileManager.default.removeItem(atPath: path) } }
    let victim = Victim.named("gwibber.py")
    let run = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--"] + (try victim.command()))
    try #require(run.status == 0, "\(run.error)")
    try #require(try Command.run([Command.faultline, "report", "-o", page, trace]).status == 0)
    let script = Victim.repository.appending(path: "Tests/Browser/check_page.py").path
    let check = try Command.run(["/usr/bin/python3", script, browser, page], deadline: 120)
    try #require(check.status == 0, "\(check.error)")
    let seen = try JSONDecoder().decode(Seen.self, from: Data(check.output.utf8))
    #expect(seen.findings == ["foreign-wakeup-write", "busy-poll"])
    // Channels, their pipe, two processes and three threads.
    #expect(seen.rows == 7)
    #expect(seen.rows_of_findings == 7)
    #expect(seen.moved && seen.zoomed && seen.restored)
    #expect(seen.detail.contains("gwibber.py:"), "\(seen.detail)")
    #expect(seen.found.hasSuffix(" found") && seen.next.hasPrefix("1 of "), "\(seen.found), \(seen.next)")
    #expect(seen.table_rows.count == 3 && seen.table_rows.allSatisfy { $0 > 0 }, "\(seen.table_rows)")
    #expect(seen.overflow == 0, "a phone's screen is not wider than itself")
    #expect(seen.complaints.isEmpty, "\(seen.complaints)")
  }
}
