// One finding per cause: what many children of one fork site did to one object is one finding with a count.

import Lineage
import Trace

enum Grouping {
  private static let evidenceKept = 8

  private struct Key: Hashable {
    var rule: RuleID
    var object: UInt32
    var victim: ProcessID?
    var futex: UInt64?
    var parent: Int32?
    var command: String?
  }

  /// Merges findings about the same object and victim whose actors are siblings. The worst comes first and gives the words.
  static func merged(_ conclusions: [Conclusion]) -> [Conclusion] {
    var places: [Key: Int] = [:]
    var groups: [(conclusion: Conclusion, others: Set<Int32>)] = []
    for conclusion in conclusions {
      let finding = conclusion.finding
      let key = Key(
        rule: finding.rule, object: finding.object?.id ?? 0,
        victim: conclusion.futex == nil ? finding.victim?.process : finding.actor?.process, futex: conclusion.futex,
        parent: finding.actor?.parent, command: finding.actor?.command)
      guard let place = places[key] else {
        places[key] = groups.count
        groups.append((conclusion, []))
        continue
      }
      add(finding, to: &groups[place].conclusion.finding)
      if conclusion.futex != nil {
        if let pid = finding.victim?.pid { groups[place].others.insert(pid) }
      } else if let pid = finding.actor?.pid, pid != groups[place].conclusion.finding.actor?.pid {
        groups[place].others.insert(pid)
      }
    }
    return groups.map { group in
      var conclusion = group.conclusion
      if conclusion.futex != nil, !group.others.isEmpty {
        let children = group.others.count == 1 ? "another child" : "\(group.others.count) other children"
        conclusion.finding.message += "; \(children) of it blocked there, too"
      } else if !group.others.isEmpty, let parent = conclusion.finding.actor?.parent {
        let children = counted(UInt64(group.others.count), "other child").replacing("childs", with: "children")
        conclusion.finding.message +=
          "; \(children) of pid \(parent) did the same, \(grouped(conclusion.finding.count)) times in all"
      }
      return conclusion
    }
  }

  private static func add(_ finding: Finding, to first: inout Finding) {
    first.count += finding.count
    first.first = min(first.first, finding.first)
    first.last = max(first.last, finding.last)
    if first.evidence.count < evidenceKept, let act = finding.evidence.last { first.evidence.append(act) }
  }
}
