// What the timeline's page tells of calls, and which ones stay where not all have room.

import Foundation
import Support
import Testing
import Trace

@testable import Analysis
@testable import Report

@Suite struct PageCallsTests {
  private struct Table: Decodable {
    var entries: [Int]
    var texts: [String]

    /// The text of an entry.
    func text(_ entry: Int32) -> String? {
      let place = entries[Int(entry) * 4 + 2]
      return place >= 0 ? texts[place] : nil
    }
  }

  private func analysis(_ name: String) throws -> Analysis {
    let path = Victim.repository.appending(path: "traces/\(name)").path
    return Analyzer.analyze(try TraceReader(path: path), detail: .full)
  }

  private func table(_ calls: PageCalls, _ count: Int) throws -> (table: Table, entries: [Int32]) {
    let (json, entries) = calls.table(count)
    return (try JSONDecoder().decode(Table.self, from: Data(json.text().utf8)), entries)
  }

  @Test func everySliceHasItsCallWhereThereIsRoom() throws {
    let analysis = try analysis("gwibber.flt")
    let calls = PageCalls(analysis.timeline, analysis.findings)
    let (table, entries) = try table(calls, calls.most)
    let slices = analysis.timeline.lanes.flatMap(\.slices)
    #expect(entries.count == slices.count)
    #expect(entries.allSatisfy { table.text($0) != nil })
    let spin = try #require(slices.firstIndex { $0.kind == .spin })
    #expect(table.text(entries[spin]) == "poll([3:IN→IN], -1) = 1")
    #expect(slices[spin].differences.isEmpty)
    #expect(Set(entries.compactMap(table.text)).contains("write(4, \"A\", 1) = 1"))
  }

  @Test func whatStandsBesideAFindingStaysLongest() throws {
    let analysis = try analysis("gwibber.flt")
    let calls = PageCalls(analysis.timeline, analysis.findings)
    #expect(calls.least > 0 && calls.least < calls.most)
    let (table, entries) = try table(calls, calls.least)
    #expect(table.texts.count <= calls.least)
    let slices = analysis.timeline.lanes.flatMap { lane in lane.slices.map { (lane: lane, slice: $0) } }
    for evidence in analysis.findings.flatMap(\.evidence) {
      let place = slices.firstIndex {
        $0.lane.tid == evidence.tid && $0.slice.start <= evidence.time && $0.slice.end >= evidence.time
      }
      if let place { #expect(table.text(entries[place]) != nil, "\(evidence.text)") }
    }
    // The others are known by name alone.
    #expect(entries.contains { table.text($0) == nil })
  }

  @Test func mergedCallsSayInWhatTheyDiffer() {
    var calls = TimelineCalls()
    let arena = Arena()
    let tables = TraceTables()
    func slice(_ fd: FD, _ count: Int64, label: Int32 = 0) -> Timeline.Slice {
      let operation = Operation.transfer(Transfer(fd: fd, direction: .input, requested: 8))
      let event = Event(
        thread: ThreadID(0), entered: 0, exited: 1, body: .call(.read, CallResult(count), operation))
      var slice = Timeline.Slice(start: 0, end: 1, kind: .run, label: label, count: 1)
      slice.call = calls.place(
        of: event, .read, CallResult(count), operation, isWanted: false, arena: arena, tables: tables)
      return slice
    }
    let (first, same, other) = (slice(3, 8), slice(3, 8), slice(3, 4))
    let elsewhere = slice(5, 8, label: 1)
    #expect(calls.differences(first, same).isEmpty)
    #expect(calls.differences(first, other) == .results)
    #expect(calls.differences(first, elsewhere) == [.calls, .arguments])
    #expect(calls.calls.map(\.text) == ["read(3, 8) = 8", "read(3, 8) = 4", "read(5, 8) = 8"])
  }
}
