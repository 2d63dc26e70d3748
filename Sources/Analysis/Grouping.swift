// One finding per cause: what many children of one fork site did to one object is one finding with a count.

import Lineage
import Trace

enum Grouping {
  private static let evidenceKept = 8

  private struct Key: Hashable {
    var rule: RuleID
    var object: UInt32
    var victim: ProcessID?
    var parent: Int32?
    var command: String?
  }

  /// Merges findings about the same object and victim whose actors are siblings. The worst comes first and gives the words.
  static func merged(_ findings: [(finding: Finding, channel: UInt32)]) -> [(finding: Finding, channel: UInt32)] {
    var places: [Key: Int] = [:]
    var groups: [(finding: Finding, channel: UInt32, others: Set<Int32>)] = []
    for (finding, channel) in findings {
      let key = Key(
        rule: finding.rule, object: finding.object?.id ?? 0, victim: finding.victim?.process,
        parent: finding.actor?.parent, command: finding.actor?.command)
      if let place = places[key] {
        groups[place].finding.count += finding.count
        groups[place].finding.first = min(groups[place].finding.first, finding.first)
        groups[place].finding.last = max(groups[place].finding.last, finding.last)
        if let pid = finding.actor?.pid, pid != groups[place].finding.actor?.pid { groups[place].others.insert(pid) }
        if groups[place].finding.evidence.count < evidenceKept, let act = finding.evidence.last {
          groups[place].finding.evidence.append(act)
        }
      } else {
        places[key] = groups.count
        groups.append((finding, channel, []))
      }
    }
    return groups.map { group in
      var finding = group.finding
      if !group.others.isEmpty, let parent = finding.actor?.parent {
        let children = counted(UInt64(group.others.count), "other child").replacing("childs", with: "children")
        finding.message += "; \(children) of pid \(parent) did the same, \(grouped(finding.count)) times in all"
      }
      return (finding, group.channel)
    }
  }
}
