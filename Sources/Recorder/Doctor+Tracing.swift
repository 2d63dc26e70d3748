// The items without which nothing is traced: the kernel, ptrace, the filter, attaching.

import Glibc

extension Doctor {
  /// With the version where the probe could not run.
  var hasSyscallInfo: Bool {
    if answers.syscallInfo != .untried { return answers.syscallInfo.works }
    let numbers = facts.release.split(separator: ".").prefix(2).compactMap { Int($0.prefix { $0.isNumber }) }
    return numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 3)
  }

  var kernel: Item {
    let name = "kernel"
    let what = "Linux \(facts.release), \(facts.machine)"
    guard Self.isKnownArchitecture else {
      let remedy = Remedy(cost: "nothing can be traced", change: "use faultline on an x86_64 machine")
      return Item(name: name, verdict: .no(remedy), finding: "\(what): system call tables are those of x86_64")
    }
    guard hasSyscallInfo else {
      let remedy = Remedy(
        cost: "entry and exit of a call cannot be told apart: nothing can be traced",
        change: "boot Linux 5.3 or later (in gVisor or another emulation: the real kernel)")
      let finding = "\(what): no PTRACE_GET_SYSCALL_INFO (\(answers.syscallInfo.reason))"
      return Item(name: name, verdict: .no(remedy), finding: finding)
    }
    let isTried = answers.syscallInfo != .untried
    return Item(
      name: name, verdict: .ok,
      finding: "\(what); PTRACE_GET_SYSCALL_INFO \(isTried ? "works" : "not tried, 5.3 brought it")")
  }

  var tracing: Item {
    let name = "trace own children"
    if answers.seize.works, answers.interrupt.works {
      return Item(name: name, verdict: .ok, finding: "a child was seized and stopped")
    }
    let cost = "`trace -- COMMAND` cannot work"
    if answers.seize.works {
      let remedy = unconfine(cost: cost, options: "--security-opt seccomp=unconfined")
      return Item(name: name, verdict: .no(remedy), finding: "seized, but not stopped (\(answers.interrupt.reason))")
    }
    let (cause, remedy) = refusal(cost: cost)
    return Item(name: name, verdict: .no(remedy), finding: "refused: \(cause)")
  }

  /// Why PTRACE_SEIZE of an own child fails.
  func refusal(cost: String) -> (cause: String, remedy: Remedy) {
    if !answers.ptrace.works {
      let reason = answers.ptrace.reason
      guard facts.seccompMode == 2 else {
        return ("ptrace itself (\(reason))", unconfine(cost: cost, options: "--cap-add=SYS_PTRACE"))
      }
      let options = "--security-opt seccomp=unconfined"
      return ("a seccomp filter denies ptrace (\(reason))", unconfine(cost: cost, options: options))
    }
    let reason = answers.seize.reason
    if let tracer = facts.tracer {
      let remedy = Remedy(cost: cost, change: "start faultline outside of it, or without its option to follow children")
      return ("\(tracer.name) (pid \(tracer.pid)) traces us and our children (\(reason))", remedy)
    }
    if let yama = facts.yama, yama >= 2, !has(.ptrace) {
      return ("Yama, kernel.yama.ptrace_scope is \(yama) (\(reason))", loosenYama(to: 1, cost: cost))
    }
    if !facts.isDumpable {
      let remedy = Remedy(
        cost: cost, change: "make the program file readable",
        commands: [asRoot("chmod a+r \"$(command -v faultline)\"")])
      return ("you may not read faultline's own program file (\(reason))", remedy)
    }
    if facts.selinuxDeniesPtrace {
      let remedy = Remedy(
        cost: cost, change: "let SELinux allow it", commands: [asRoot("setsebool deny_ptrace off")])
      return ("SELinux, deny_ptrace is on (\(reason))", remedy)
    }
    let remedy = Remedy(
      cost: cost, change: "look for who denies it (AppArmor, SELinux, another security module):",
      commands: ["cat /sys/kernel/security/lsm", asRoot("dmesg | grep -i -e denied -e ptrace")])
    return (reason, remedy)
  }

  /// For a look into an own child that is refused: what refuses tracing it refuses that as well.
  func admit(cost: String) -> Remedy {
    answers.ptrace.works && !answers.seize.works
      ? refusal(cost: cost).remedy : unconfine(cost: cost, options: "--cap-add=SYS_PTRACE")
  }

  /// Documentation/admin-guide/LSM/Yama.rst: scope 3 holds until the next boot.
  private func loosenYama(to scope: Int, cost: String) -> Remedy {
    let place = facts.container == nil && facts.pidNamespace != .own ? "" : ", on the host"
    if facts.yama == 3 {
      return Remedy(
        cost: cost, change: "scope 3 cannot be lifted: take it out of this folder's files and reboot\(place)",
        commands: ["grep -r ptrace_scope /etc/sysctl.d /etc/sysctl.conf"])
    }
    return Remedy(
      cost: cost, change: "loosen it until the next boot\(place), or run faultline as root",
      commands: [asRoot("sysctl kernel.yama.ptrace_scope=\(scope)")])
  }

  var memory: Item {
    let name = "read their memory"
    if answers.readMemory.works {
      return Item(name: name, verdict: .ok, finding: "process_vm_readv works")
    }
    guard answers.readMemory != .untried else { return untried(name) }
    let finding = "process_vm_readv is refused (\(answers.readMemory.reason))"
    if answers.peek.works {
      let remedy = admit(cost: "slower stops: arguments are read in pieces of 8 bytes")
      return Item(name: name, verdict: .partly(remedy), finding: finding + "; PTRACE_PEEKDATA works")
    }
    let remedy = admit(cost: "paths, arguments and waits stay unknown")
    return Item(name: name, verdict: .no(remedy), finding: finding)
  }

  var filter: Item {
    let name = "seccomp filter"
    if !answers.filter.works, !answers.filterNoNewPrivileges.works {
      let last = answers.filterNoNewPrivileges == .untried ? answers.filter : answers.filterNoNewPrivileges
      guard last != .untried else { return untried(name) }
      let remedy = unconfine(cost: "`trace -- COMMAND` cannot work", options: "--security-opt seccomp=unconfined")
      return Item(name: name, verdict: .no(remedy), finding: "refused (\(last.reason))")
    }
    let how = answers.filter.works ? "installed" : "installed with NO_NEW_PRIVS"
    guard answers.seize.works else { return Item(name: name, verdict: .ok, finding: how) }
    guard answers.filterStop.works else {
      let isListed = facts.seccompActions.isEmpty || facts.seccompActions.contains("trace")
      let remedy = unconfine(
        cost: "`trace -- COMMAND` cannot work", options: "--security-opt seccomp=unconfined")
      return Item(
        name: name, verdict: .no(remedy),
        finding: "\(how), but stops nothing (\(answers.filterStop.reason))"
          + (isListed ? "" : "; this kernel's actions lack `trace`"))
    }
    return Item(name: name, verdict: .ok, finding: "\(how), and its stops come")
  }

  /// exec drops what set-user-ID grants under NO_NEW_PRIVS, and under a tracer without CAP_SYS_PTRACE (Linux 6.1,
  /// security/commoncap.c, cap_bprm_creds_from_file).
  var setUserID: Item {
    let name = "set-user-ID programs"
    if facts.hasNoNewPrivileges {
      return Item(name: name, verdict: .ok, finding: "as without faultline: NO_NEW_PRIVS is set already")
    }
    guard canLaunch else { return untried(name) }
    if answers.filter.works, has(.ptrace) {
      return Item(name: name, verdict: .ok, finding: "keep their privileges under trace")
    }
    let lacks = [
      answers.filter.works ? nil : "the filter needs NO_NEW_PRIVS without CAP_SYS_ADMIN",
      has(.ptrace) ? nil : "no CAP_SYS_PTRACE",
    ].compactMap { $0 }
    let cost = "under trace, sudo, ping and their like run as you, without their privileges"
    let remedy =
      facts.isRoot
      ? unconfine(cost: cost, options: "--cap-add=SYS_ADMIN --cap-add=SYS_PTRACE")
      : Remedy(
        cost: cost, change: "let root trace, and you run the program",
        commands: ["sudo faultline trace -- sudo -u \"$USER\" COMMAND"])
    return Item(
      name: name, verdict: .partly(remedy), finding: "run without privilege: " + lacks.joined(separator: "; "))
  }

  var attaching: Item {
    let name = "attach to your own"
    let yama = facts.yama.map { "kernel.yama.ptrace_scope is \($0)" } ?? "no Yama"
    let rights = "\(yama), \(has(.ptrace) ? "CAP_SYS_PTRACE" : "no CAP_SYS_PTRACE")"
    if answers.attach.works { return Item(name: name, verdict: .ok, finding: "allowed (\(rights))") }
    guard answers.attach != .untried else { return untried(name) }
    let cost = "no `trace -p PID`, no `why PID`"
    let finding = "refused (\(answers.attach.reason); \(rights))"
    let remedy: Remedy
    if answers.ptrace.works, let scope = facts.yama, scope > 0, !has(.ptrace) {
      remedy = loosenYama(to: 0, cost: cost)
    } else if facts.isRoot || !answers.seize.works {
      remedy = refusal(cost: cost).remedy
    } else {
      remedy = Remedy(cost: cost, change: "attach as root", commands: ["sudo faultline trace -p PID"])
    }
    return Item(name: name, verdict: .no(remedy), finding: finding)
  }

  /// Another user's process takes CAP_SYS_PTRACE (ptrace(2), "Ptrace access mode checking").
  var others: Item {
    let name = "attach to others'"
    if answers.others.works { return Item(name: name, verdict: .ok, finding: "allowed") }
    let cost = "no `trace -p PID`, no `why PID` for other users' processes"
    let finding =
      answers.others == .untried
      ? "no process of another user is in sight" : "refused (\(answers.others.reason))"
    if answers.others == .untried, has(.ptrace) { return Item(name: name, verdict: .ok, finding: finding) }
    let remedy =
      if !answers.ptrace.works || facts.tracer != nil || facts.yama == 3 {
        refusal(cost: cost).remedy
      } else if facts.isRoot {
        unconfine(cost: cost, options: "--cap-add=SYS_PTRACE")
      } else {
        Remedy(cost: cost, change: "attach as root", commands: ["sudo faultline trace -p PID"])
      }
    return Item(name: name, verdict: .no(remedy), finding: finding)
  }
}
