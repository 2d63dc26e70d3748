// What a rule means: the texts under Rules, a file each, for `explain` and for code scanning.

import Analysis

/// A rule's text: a headline, then sections.
struct Explanation {
  var headline = ""
  var sections: [(title: String, lines: [String])] = []

  init(_ rule: RuleID) {
    for line in String(decoding: Self.text(of: rule), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init) {
      if line.hasPrefix("# ") {
        headline = String(line.dropFirst(2))
      } else if line.hasPrefix("## ") {
        sections.append((String(line.dropFirst(3)), []))
      } else if !sections.isEmpty, !line.isEmpty {
        sections[sections.count - 1].lines.append(line)
      }
    }
  }

  /// The lines of a section.
  func section(_ title: String) -> [String] { sections.first { $0.title == title }?.lines ?? [] }

  var references: [String] { section("References").map { String($0.drop { $0 == "-" || $0 == " " }) } }

  private static func text(of rule: RuleID) -> [UInt8] {
    switch rule {
    case .foreignWakeupWrite: PackageResources.foreign_wakeup_write_md
    case .foreignRead: PackageResources.foreign_read_md
    case .inheritedSignalHandler: PackageResources.inherited_signal_handler_md
    case .busyPoll: PackageResources.busy_poll_md
    case .zeroTimeoutSpin: PackageResources.zero_timeout_spin_md
    case .retrySpin: PackageResources.retry_spin_md
    case .sharedEpoll: PackageResources.shared_epoll_md
    case .ghostEpollEntry: PackageResources.ghost_epoll_entry_md
    case .sharedConnection: PackageResources.shared_connection_md
    case .eofNeverComes: PackageResources.eof_never_comes_md
    case .forkWhileThreaded: PackageResources.fork_while_threaded_md
    case .sharedFlagChange: PackageResources.shared_flag_change_md
    case .heldAfterExec: PackageResources.held_after_exec_md
    case .fdClobbered: PackageResources.fd_clobbered_md
    }
  }
}

extension TextReport {
  /// What `explain RULE` prints.
  public func explanation(_ rule: RuleID) -> String {
    let explanation = Explanation(rule)
    var lines = [rule.rawValue] + wrapped(explanation.headline + ".", indent: 4, hanging: 4)
    for section in explanation.sections {
      lines += ["", section.title]
      for line in section.lines {
        // Code and addresses stand as they are.
        if line.hasPrefix("    ") {
          lines.append("  " + line)
        } else if line.hasPrefix("- ") {
          lines.append("    " + line.dropFirst(2))
        } else {
          lines += wrapped(line, indent: 4, hanging: 4)
        }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What `explain` prints: all rules, with what each states.
  public func rules() -> String {
    RuleID.allCases.flatMap { rule in
      [rule.rawValue] + wrapped(Explanation(rule).headline + ".", indent: 4, hanging: 4)
    }.joined(separator: "\n") + "\n"
  }
}
