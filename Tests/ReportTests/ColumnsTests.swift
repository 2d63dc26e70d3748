// Columns of a terminal: how wide texts are, where they are broken, what they are in ASCII.

import Testing

@testable import Report

@Suite struct ColumnsTests {
  @Test(arguments: [
    ("", 0), ("poll", 4), ("µs → …", 6), ("日本語", 6), ("한글", 4), ("ｗｉｄｅ", 8), ("🙂", 2), ("e\u{301}", 1),
    ("a\u{200B}b", 2), ("█▒·─▼", 5), ("▁▂▃", 3),
  ])
  func widthsAreThoseOfTerminals(_ text: String, _ columns: Int) {
    #expect(Columns.count(text) == columns)
  }

  @Test func whatIsTooLongIsShortened() {
    #expect(Columns.fitted("Worker-1", 10, mark: "…") == "Worker-1  ")
    #expect(Columns.fitted("Worker-1", 8, mark: "…") == "Worker-1")
    #expect(Columns.fitted("Worker-1", 5, mark: "…") == "Work…")
    // Half of a wide character has no place.
    #expect(Columns.fitted("日本語", 4, mark: "…") == "日… ")
    #expect(Columns.fitted("日本語", 5, mark: "~") == "日本~")
    for columns in 1...12 {
      for text in ["ForkPoolWorker-1", "日本語のワーカー", "🙂🙂🙂🙂🙂🙂🙂", "e\u{301}e\u{301}e\u{301}"] {
        #expect(Columns.count(Columns.fitted(text, columns, mark: "…")) == columns)
      }
    }
  }

  @Test func asciiTellsWhatItCannotShow() {
    #expect(Columns.ascii("12.3 µs: IN→HUP…") == "12.3 us: IN->HUP...")
    #expect(Columns.ascii("caf\u{E9}") == "caf\\u{e9}")
  }

  @Test func linesHold() {
    let breaker = LineBreaker(width: 20)
    #expect(breaker.lines("a b", indent: 2, hanging: 4) == ["  a b"])
    // A number stays with what it is of, and a path is broken between its parts.
    #expect(
      breaker.lines("blocked for 250.1 ms in it", indent: 0, hanging: 2) == ["blocked for 250.1 ms", "  in it"])
    #expect(breaker.lines("it waits now for (pid 4711) there", indent: 0, hanging: 2)[1] == "  (pid 4711) there")
    #expect(
      breaker.lines("/usr/lib/python3.11/selectors.py", indent: 0, hanging: 2) == [
        "/usr/lib/python3.11/", "  selectors.py",
      ])
    let long = String(repeating: "日本", count: 40) + " " + String(repeating: "x", count: 90) + " " + "/a/b" + "/🙂"
    for width in 8...60 {
      for line in LineBreaker(width: width).lines(long, indent: 1, hanging: 5) {
        #expect(Columns.count(line) <= width, "\(line)")
      }
    }
    let joined = breaker.lines(long, indent: 0, hanging: 0).joined()
    #expect(joined.filter { $0 != " " } == long.filter { $0 != " " })
  }
}
