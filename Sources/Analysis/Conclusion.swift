// What a rule comes to at the end of a trace, and how one finding causes another.

import Lineage
import Trace

/// A finding, and by what others may have caused it.
struct Conclusion: Sendable {
  var finding: Finding
  /// Serial numbers of the channel and of the open file that it is about; 0 for none.
  var channel: UInt32 = 0
  var file: UInt32 = 0
  /// Serial numbers of other channels that it touched: what an epoll instance told of.
  var touched: [UInt32] = []
  /// The futex word that it is about; siblings that block at the same one are one finding.
  var futex: UInt64?
  /// The finding that caused it, once that is known: its place among the conclusions.
  var cause: Int?
}

enum Causes {
  /// The rules whose findings can have caused one of a rule: about the same object, and of the same actor if there is one.
  private static func rules(behind rule: RuleID) -> Set<RuleID> {
    switch rule {
    case .busyPoll:
      [
        .foreignWakeupWrite, .inheritedSignalHandler, .foreignRead, .sharedConnection, .fdClobbered, .ghostEpollEntry,
        .sharedEpoll, .sharedFlagChange, .retrySpin,
      ]
    case .foreignRead: [.sharedEpoll]
    case .retrySpin: [.sharedFlagChange, .fdClobbered, .ghostEpollEntry, .sharedEpoll]
    case .eofNeverComes: [.heldAfterExec]
    default: []
    }
  }

  /// Names each finding (F1, F2, ...) in the order of the report, and links those that others caused.
  static func linked(_ conclusions: [Conclusion]) -> [Finding] {
    var findings: [Finding] = []
    for (place, conclusion) in conclusions.enumerated() {
      var finding = conclusion.finding
      finding.id = "F\(place + 1)"
      if let cause = conclusion.cause ?? Self.cause(of: conclusion, among: conclusions) {
        finding.cause = "F\(cause + 1)"
      }
      findings.append(finding)
    }
    return findings
  }

  private static func cause(of effect: Conclusion, among all: [Conclusion]) -> Int? {
    let rules = rules(behind: effect.finding.rule)
    let same = all.indices.filter { place in
      rules.contains(all[place].finding.rule) && isSameObject(effect, all[place])
    }
    let own = same.first { all[$0].finding.actor?.process == effect.finding.actor?.process }
    // A call fails for whatever reason: nobody acts in that.
    if effect.finding.rule == .retrySpin { return own ?? same.first }
    // What a process did to itself was caused by nobody else's act; but its own may have left nobody to be named.
    guard let culprit = effect.finding.actor else {
      return own ?? same.first { all[$0].finding.actor?.process == effect.finding.victim?.process }
    }
    guard culprit.process != effect.finding.victim?.process else { return own }
    return own ?? same.first
  }

  private static func isSameObject(_ effect: Conclusion, _ cause: Conclusion) -> Bool {
    if effect.channel != 0, effect.channel == cause.channel { return true }
    if effect.file != 0, effect.file == cause.file { return true }
    if effect.channel != 0, cause.touched.contains(effect.channel) { return true }
    // An object that is gone: the number that the victim knows it by.
    guard let fd = effect.finding.object?.victimFD, let victim = effect.finding.victim?.process else { return false }
    return (effect.channel == 0 || cause.channel == 0) && fd == cause.finding.object?.victimFD
      && victim == cause.finding.victim?.process
  }
}
