// Why a process cannot be attached to, in words that help (ptrace(2), "Ptrace access mode checking").

import Glibc

enum Refusal {
  /// What can be known before trying; nil if nothing speaks against it.
  static func known(_ pid: Int32) -> String? {
    if pid == getpid() { return "that is faultline itself" }
    if let tracer = ProcFS.tracer(of: pid), tracer != 0 {
      let name = ProcFS.name(of: tracer, in: tracer).map { String(decoding: $0, as: UTF8.self) } ?? "another program"
      return "it is traced by \(name) (pid \(tracer)) already, and a process has one tracer"
    }
    // A leader may end before its threads do.
    if !ProcFS.threads(of: pid).contains(where: ProcFS.isAlive) {
      return "it has ended, and its parent has not asked for its status"
    }
    if ProcFS.isKernelThread(pid) { return "it is a thread of the kernel" }
    guard !ProcFS.hasPtraceCapability() else { return nil }
    if let user = ProcFS.user(of: pid), user != geteuid() {
      return "it belongs to user \(user); run faultline as that user, or with CAP_SYS_PTRACE (sudo)"
    }
    switch ProcFS.number("/proc/sys/kernel/yama/ptrace_scope") {
    case 1:
      return
        "Yama allows tracing of own children only; `sudo sysctl kernel.yama.ptrace_scope=0`, or run faultline with sudo"
    case 2: return "Yama allows tracing with CAP_SYS_PTRACE only; run faultline with sudo"
    case 3: return "Yama forbids all tracing until the next boot (kernel.yama.ptrace_scope is 3)"
    default: return nil
    }
  }
}
