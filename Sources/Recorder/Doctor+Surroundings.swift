// The items that make a trace poorer, slower or blind in a spot, but do not prevent it.

import Glibc

extension Doctor {
  var beingTraced: Item {
    let name = "traced ourselves"
    guard let tracer = facts.tracer else { return Item(name: name, verdict: .ok, finding: "by nobody") }
    let remedy = Remedy(
      cost: "a process has one tracer: what that one follows faultline cannot",
      change: "start faultline outside of it")
    return Item(name: name, verdict: .partly(remedy), finding: "by \(tracer.name) (pid \(tracer.pid))")
  }

  /// The most restrictive of all filters wins (seccomp(2)): a call that another denies never stops for us.
  var ownFilter: Item {
    let name = "filtered ourselves"
    switch facts.seccompMode {
    case 0: return Item(name: name, verdict: .ok, finding: "no seccomp filter")
    case nil: return Item(name: name, verdict: .ok, finding: "the kernel does not say")
    default:
      let remedy = unconfine(
        cost: "calls that it denies are in no trace", options: "--security-opt seccomp=unconfined")
      return Item(name: name, verdict: .partly(remedy), finding: "under a seccomp filter, as all that is launched")
    }
  }

  /// A container's mark alone says little: images are run as virtual machines as well.
  var confinement: Item {
    let name = "namespaces"
    let mark = facts.container.map { " (\($0))" } ?? ""
    let own = [facts.pidNamespace == .own ? "pid" : nil, facts.userNamespace == .own ? "user" : nil].compactMap { $0 }
    guard !own.isEmpty else {
      let isKnown = facts.pidNamespace == .initial && facts.userNamespace == .initial
      return Item(
        name: name, verdict: .ok, finding: isKnown ? "the first pid and user namespaces" : "the kernel does not say")
    }
    let pids = facts.pids.count > 1 ? "; our pid is " + facts.pids.joined(separator: ", inside ") : ""
    let finding = "inside " + own.joined(separator: " and ") + (own.count == 1 ? " namespace" : " namespaces")
    let remedy =
      facts.pidNamespace == .own
      ? Remedy(
        cost: "processes outside cannot be attached to; pids are those of the inside",
        change: "run faultline outside; or, for a container, with the pids of the host:",
        commands: ["docker run --pid=host IMAGE COMMAND"])
      : Remedy(
        cost: "root and its capabilities count inside only", change: "run faultline outside")
    return Item(name: name, verdict: .partly(remedy), finding: finding + mark + pids)
  }

  var sameFile: Item {
    let name = "kcmp"
    if answers.sameFile.works { return Item(name: name, verdict: .ok, finding: "KCMP_FILE works") }
    guard answers.sameFile != .untried else { return untried(name) }
    let cost = "which of the inherited descriptors share an open file stays unknown"
    let remedy =
      answers.sameFile == .refused(errno: ENOSYS)
      ? Remedy(cost: cost, change: "boot a kernel with CONFIG_KCMP")
      : admit(cost: cost)
    return Item(name: name, verdict: .partly(remedy), finding: "refused (\(answers.sameFile.reason))")
  }

  /// pidfd_open came with Linux 5.3, pidfd_getfd with 5.6 (pidfd_open(2), pidfd_getfd(2)).
  var pidfd: Item {
    let name = "pidfd"
    if answers.pidfdOpen.works, answers.pidfdGetfd.works {
      return Item(name: name, verdict: .ok, finding: "pidfd_open and pidfd_getfd work")
    }
    guard answers.pidfdOpen != .untried else { return untried(name) }
    let finding =
      answers.pidfdOpen.works
      ? "pidfd_getfd is refused (\(answers.pidfdGetfd.reason))"
      : "pidfd_open is refused (\(answers.pidfdOpen.reason))"
    let remedy = admit(cost: "nothing for most programs: faultline does without")
    return Item(name: name, verdict: .partly(remedy), finding: finding)
  }

  var proc: Item {
    let name = "/proc"
    let cost = "names, inherited descriptors and processor times are missing or another's"
    guard facts.hasProc else {
      let remedy = Remedy(
        cost: cost, change: "mount it", commands: [asRoot("mount -t proc proc /proc")])
      return Item(name: name, verdict: .no(remedy), finding: "not mounted, or not readable")
    }
    guard facts.isProcOurs else {
      let remedy = Remedy(
        cost: cost, change: "mount that of this pid namespace (unshare has --mount-proc)",
        commands: [asRoot("mount -t proc proc /proc")])
      return Item(name: name, verdict: .no(remedy), finding: "shows another pid namespace than ours")
    }
    guard let hidepid = facts.hidepid else { return Item(name: name, verdict: .ok, finding: "mounted, hides nobody") }
    let finding = "mounted with hidepid=\(hidepid)"
    if has(.ptrace) { return Item(name: name, verdict: .ok, finding: finding + ", which CAP_SYS_PTRACE lifts") }
    let remedy = Remedy(
      cost: "other users' processes are out of sight", change: "attach as root, or show them to all",
      commands: [asRoot("mount -o remount,hidepid=0 /proc")])
    return Item(name: name, verdict: .partly(remedy), finding: finding)
  }

  /// Zeros without CONFIG_SCHED_INFO (Linux 6.1, fs/proc/base.c, proc_pid_schedstat).
  var processorTime: Item {
    let name = "schedstat"
    if facts.hasProcessorTime { return Item(name: name, verdict: .ok, finding: "counts processor time per thread") }
    let remedy = Remedy(
      cost: "no processor times: what burns a core is told by its calls alone",
      change: "boot a kernel with CONFIG_SCHED_INFO (CONFIG_SCHEDSTATS selects it)")
    return Item(name: name, verdict: .partly(remedy), finding: "/proc/PID/task/TID/schedstat is absent or zero")
  }

  /// Held open at 0 it keeps idle cores awake (Linux Documentation/power/pm_qos_interface.rst).
  var latency: Item {
    let name = "cpu_dma_latency"
    if facts.latencyError == 0 { return Item(name: name, verdict: .ok, finding: "/dev/cpu_dma_latency opens") }
    let reason = Answer.refused(errno: facts.latencyError).reason
    let cost = "only speed: a stop waits for an idle core to wake, which can take most of its time"
    let remedy =
      facts.latencyError == ENOENT
      ? Remedy(
        cost: cost, change: "a container gets it so:", commands: ["docker run --device /dev/cpu_dma_latency IMAGE"])
      : Remedy(
        cost: cost, change: "trace as root, or until the next boot:",
        commands: [asRoot("setfacl -m \"u:$(id -u):rw\" /dev/cpu_dma_latency")])
    return Item(name: name, verdict: .partly(remedy), finding: "/dev/cpu_dma_latency does not open (\(reason))")
  }

  var ring: Item {
    let name = "io_uring"
    let setting = facts.ringDisabled.map { "kernel.io_uring_disabled is \($0)" }
    guard answers.ring.works else {
      let also = setting.map { "; " + $0 } ?? ""
      return Item(
        name: name, verdict: .ok, finding: "refused (\(answers.ring.reason)\(also)): nothing is done unseen")
    }
    let cost = "what programs do through it is not seen; reports name such programs"
    let remedy =
      facts.ringDisabled == nil
      ? Remedy(cost: cost, change: "switch it off in the program (Linux 6.6 has a sysctl for all)")
      : Remedy(
        cost: cost, change: "forbid it meanwhile; most programs then make calls instead",
        commands: [asRoot("sysctl kernel.io_uring_disabled=2")])
    return Item(
      name: name, verdict: .partly(remedy), finding: "allowed" + (setting.map { " (\($0))" } ?? ""))
  }

  var perfEvents: Item {
    let value = facts.perfParanoid.map { "kernel.perf_event_paranoid is \($0)" } ?? "absent"
    return Item(name: "perf events", verdict: .ok, finding: "not needed (\(value))")
  }

  var descriptors: Item {
    let name = "descriptors"
    let finding = facts.descriptorLimit > 1 << 40 ? "no limit" : "at most \(facts.descriptorLimit)"
    if facts.descriptorLimit >= 1024 { return Item(name: name, verdict: .ok, finding: finding) }
    let isAllowed = facts.descriptorLimitHard >= 1024
    let remedy = Remedy(
      cost: "faultline keeps its own above 810, and some per thread it follows: it may run out",
      change: isAllowed ? "raise the limit in this shell" : "let root raise the limit of this shell",
      commands: [isAllowed ? "ulimit -n 1024" : asRoot("prlimit --pid $$ --nofile=1024:1024")])
    return Item(name: name, verdict: .partly(remedy), finding: finding)
  }

  var cores: Item {
    let name = "cores"
    let finding = "\(facts.coresOnline) online, \(facts.coresAllowed) for us"
    guard min(facts.coresOnline, facts.coresAllowed) == 1 else {
      return Item(name: name, verdict: .ok, finding: finding)
    }
    let cost = "threads take turns with each other and with faultline: times grow"
    let remedy =
      facts.coresOnline > 1
      ? Remedy(
        cost: cost, change: "allow all cores in this shell",
        commands: ["taskset -pc 0-\(facts.coresOnline - 1) $$"])
      : Remedy(cost: cost, change: "give the machine another core")
    return Item(name: name, verdict: .partly(remedy), finding: finding)
  }

  private static let gibibyte: UInt64 = 1 << 30

  var folder: Item {
    let name = "current folder"
    let elsewhere = ["faultline trace -o /tmp/x.flt -- COMMAND"]
    guard let folder = facts.folder else {
      let remedy = Remedy(cost: "traces cannot go here", change: "go elsewhere", commands: elsewhere)
      return Item(name: name, verdict: .no(remedy), finding: "cannot be looked at")
    }
    let tenths = folder.free / (Self.gibibyte / 10)
    let space = "\(tenths / 10).\(tenths % 10) GiB free"
    guard folder.isWritable else {
      let remedy = Remedy(cost: "traces cannot go here", change: "say where they go", commands: elsewhere)
      return Item(name: name, verdict: .no(remedy), finding: "not writable")
    }
    guard folder.free >= Self.gibibyte else {
      let remedy = Remedy(
        cost: "a long trace may fill it, and then ends early", change: "make room, or say where traces go",
        commands: elsewhere)
      return Item(name: name, verdict: .partly(remedy), finding: space)
    }
    return Item(name: name, verdict: .ok, finding: "writable, \(space)")
  }
}
