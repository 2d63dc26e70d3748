// `report --format html`: the page of Page/ with this trace's data in it. One file, no network.

import Analysis
import Trace

public enum HTMLReport {
  /// A page of a long trace takes no more bytes for each event. What is not of a long trace has room for every call.
  private static let mostPerEvent = 6
  private static let room = 1_500_000

  /// `trace`: its path, for the commands that the page tells of.
  public static func text(_ analysis: Analysis, trace: String) -> String {
    let page = String(decoding: PackageResources.page_html, as: UTF8.self)
    let style = String(decoding: PackageResources.page_css, as: UTF8.self)
    // One module, in this order: each part uses the ones before it.
    let parts = [
      PackageResources.data_js, PackageResources.view_js, PackageResources.drawing_js, PackageResources.arrows_js,
      PackageResources.channels_js, PackageResources.calls_js, PackageResources.pointing_js, PackageResources.keys_js,
      PackageResources.search_js, PackageResources.words_js,
    ]
    let script = parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    let words = data(analysis, trace).text()
    let taken = page.utf8.count + style.utf8.count + script.utf8.count + words.utf8.count
    let timeline = packed(analysis, within: max(room, Int(analysis.events) * mostPerEvent - taken))
    // The data last: it is a stranger's, and might hold a placeholder's name.
    return page.replacing("/*STYLE*/", with: style, maxReplacements: 1)
      .replacing("/*SCRIPT*/", with: script, maxReplacements: 1)
      .replacing("/*TIMELINE*/", with: timeline, maxReplacements: 1)
      .replacing("/*DATA*/", with: words, maxReplacements: 1)
  }

  /// The timeline with as many of its calls as there is room for.
  private static func packed(_ analysis: Analysis, within size: Int) -> String {
    let calls = PageCalls(analysis.timeline, analysis.findings)
    func text(_ count: Int) -> String {
      let (table, entries) = calls.table(count)
      return PackedSlices.text(
        timeline(analysis.timeline, table).text(), analysis.timeline.lanes, entries: entries)
    }
    let all = text(calls.most)
    if all.utf8.count <= size || calls.most == calls.least { return all }
    let least = text(calls.least)
    if least.utf8.count >= size { return least }
    // Each call takes about as much as any other.
    let share = Double(size - least.utf8.count) / Double(all.utf8.count - least.utf8.count)
    var more = Int(Double(calls.most - calls.least) * min(1, share))
    while more > 0 {
      let some = text(calls.least + more)
      if some.utf8.count <= size { return some }
      more = more * 4 / 5
    }
    return least
  }

  private static func data(_ analysis: Analysis, _ trace: String) -> JSON {
    .object([
      ("path", .string(trace)),
      ("title", .string(EventText.harmless(analysis.command.joined(separator: " ")))),
      ("findings", JSONReport.object(analysis)),
      ("summary", .array(analysis.summary.map { .string($0) })),
    ])
  }

  private static func timeline(_ timeline: Timeline, _ calls: JSON) -> JSON {
    .object([
      ("duration", .unsigned(timeline.duration)),
      ("coarse", .unsigned(timeline.coarse)),
      ("wakes_until", timeline.wakesUntil.map { .unsigned($0) } ?? .null),
      ("left_out", .integer(Int64(timeline.leftOut))),
      ("processes", .array(timeline.processes.map(process))),
      ("lanes", .array(timeline.lanes.map(lane))),
      ("unit", .unsigned(PackedSlices.unit)),
      ("kinds", .array(Timeline.Kind.allCases.map { .string("\($0)") })),
      ("labels", .array(timeline.labels.map { .string($0) })),
      ("calls", calls),
      ("markers", .array(timeline.markers.map(marker))),
      ("flows", .array(timeline.flows.map(flow))),
      ("channels", .array(timeline.channels.map(channel))),
    ])
  }

  private static func process(_ process: Timeline.Process) -> JSON {
    .object([
      ("pid", .integer(Int64(process.pid))),
      ("command", .string(process.command)),
      ("parent", .optional(process.parent)),
      ("start", .unsigned(process.start)),
      ("end", process.end.map { .unsigned($0) } ?? .null),
      ("exit", .optional(process.exit)),
      ("execs", .array(process.execs.map { .object([("t", .unsigned($0.time)), ("command", .string($0.command))]) })),
      ("lanes", .array(process.lanes.map { .integer(Int64($0)) })),
    ])
  }

  private static func lane(_ lane: Timeline.Lane) -> JSON {
    .object([
      ("tid", .integer(Int64(lane.tid))),
      ("name", .string(lane.name)),
      ("process", .integer(Int64(lane.process))),
      ("start", .unsigned(lane.start)),
      ("end", lane.end.map { .unsigned($0) } ?? .null),
    ])
  }

  private static func marker(_ marker: Timeline.Marker) -> JSON {
    .object([
      ("lane", .integer(Int64(marker.lane))),
      ("t", .unsigned(marker.time)),
      ("kind", .string(marker.kind.rawValue)),
      ("label", .string(marker.label)),
      ("finding", .optional(marker.finding)),
    ])
  }

  private static func flow(_ flow: Timeline.Flow) -> JSON {
    .object([
      ("kind", .string(flow.kind.rawValue)),
      ("from", .object([("lane", .integer(Int64(flow.fromLane))), ("t", .unsigned(flow.fromTime))])),
      ("to", .object([("lane", .integer(Int64(flow.toLane))), ("t", .unsigned(flow.toTime))])),
      ("label", .string(flow.label)),
      ("finding", .optional(flow.finding)),
    ])
  }

  /// `samples`: time, most and last of each, one after the other. `holders`: pid, number, whether it reads and writes there, from, to.
  private static func channel(_ channel: Timeline.Channel) -> JSON {
    .object([
      ("id", .unsigned(UInt64(channel.serial))),
      ("kind", .string(ObjectWords.noun(channel.kind))),
      ("maker", .optional(channel.creatorPid)),
      ("start", .unsigned(channel.created)),
      ("end", channel.gone.map { .unsigned($0) } ?? .null),
      ("samples", .array(channel.samples.flatMap { [.unsigned($0.time), .unsigned($0.most), .unsigned($0.last)] })),
      ("holders", .array(channel.holders.map(holder))),
      ("family", .string(channel.family)),
      ("owner", .optional(channel.owner)),
      ("findings", .array(channel.findings.map { .string($0) })),
    ])
  }

  private static func holder(_ holder: Timeline.Holder) -> JSON {
    .object([
      ("pid", .integer(Int64(holder.pid))),
      ("fd", .integer(Int64(holder.fd))),
      ("reads", .bool(holder.side != .write)),
      ("writes", .bool(holder.side != .read)),
      ("start", .unsigned(holder.start)),
      ("end", holder.end.map { .unsigned($0) } ?? .null),
    ])
  }
}
