// `report --format html`: the page of Page/ with this trace's data in it. One file, no network.

import Analysis
import Trace

public enum HTMLReport {
  public static func text(_ analysis: Analysis) -> String {
    let page = String(decoding: PackageResources.page_html, as: UTF8.self)
    let style = String(decoding: PackageResources.page_css, as: UTF8.self)
    // One module, in this order: each part uses the ones before it.
    let parts = [
      PackageResources.data_js, PackageResources.view_js, PackageResources.drawing_js, PackageResources.channels_js,
      PackageResources.pointing_js, PackageResources.search_js, PackageResources.words_js,
    ]
    let script = parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    // The data last: it is a stranger's, and might hold a placeholder's name.
    return page.replacing("/*STYLE*/", with: style, maxReplacements: 1)
      .replacing("/*SCRIPT*/", with: script, maxReplacements: 1)
      .replacing("/*SLICES*/", with: PackedSlices.text(analysis.timeline.lanes), maxReplacements: 1)
      .replacing("/*DATA*/", with: data(analysis).text(), maxReplacements: 1)
  }

  private static func data(_ analysis: Analysis) -> JSON {
    .object([
      ("title", .string(EventText.harmless(analysis.command.joined(separator: " ")))),
      ("findings", JSONReport.object(analysis)),
      ("summary", .array(analysis.summary.map { .string($0) })),
      ("timeline", timeline(analysis.timeline)),
    ])
  }

  private static func timeline(_ timeline: Timeline) -> JSON {
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
