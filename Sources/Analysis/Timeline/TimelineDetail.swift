// How much a timeline tells: little for the commands that speak in words, everything that fits for a page that is zoomed into.

import Trace

public struct TimelineDetail: Sendable {
  /// More slices are not kept: then neighbours of one kind are merged.
  var mostSlices: Int
  /// Whether calls that do not block are slices, too.
  var tellsAllCalls: Bool
  /// Gaps between calls of one kind that are closed from the first on.
  var coarse: Nanoseconds
  /// Whether the histories of channels are kept.
  var tellsChannels: Bool
  /// Where nothing is merged.
  var windows: [Range<Nanoseconds>] = []

  /// Whether a stretch of time touches a window.
  func isWindow(_ start: Nanoseconds, _ end: Nanoseconds) -> Bool {
    windows.contains { start < $0.upperBound && end >= $0.lowerBound }
  }

  /// Bounded by some megabytes, whatever the trace.
  public static let brief = TimelineDetail(
    mostSlices: 120_000, tellsAllCalls: false, coarse: 200_000, tellsChannels: false)
  /// The same, with the channels that matter.
  public static let terminal = TimelineDetail(
    mostSlices: 120_000, tellsAllCalls: false, coarse: 200_000, tellsChannels: true)
  /// Every call of two million.
  public static let full = TimelineDetail(
    mostSlices: 2_000_000, tellsAllCalls: true, coarse: 0, tellsChannels: true)

  /// Around each act of the findings a little more than can be seen at once.
  private static let margin: Nanoseconds = 5_000_000
  private static let mostWindows = 256

  /// The same, but nothing is merged where the findings' acts are.
  public func around(_ findings: [Finding]) -> TimelineDetail {
    var moments: [Nanoseconds] = []
    for finding in findings { moments += [finding.first, finding.last] + finding.evidence.map(\.time) }
    var detail = self
    for moment in moments.prefix(Self.mostWindows).sorted() {
      let window = (moment - min(moment, Self.margin))..<(moment + Self.margin)
      if let last = detail.windows.last, window.lowerBound <= last.upperBound {
        detail.windows[detail.windows.count - 1] = last.lowerBound..<window.upperBound
      } else {
        detail.windows.append(window)
      }
    }
    return detail
  }
}
