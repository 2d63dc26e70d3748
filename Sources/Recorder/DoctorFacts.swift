// What there is to read about this process and its machine (proc(5), sysfs), before anything is tried.

import CLinux
import Glibc

extension Doctor {
  /// Facts that need no trying. Nil: the kernel does not say.
  struct Facts: Sendable {
    /// Bits of CapEff (linux/capability.h).
    enum Capability: Int { case ptrace = 19, admin = 21 }

    enum Namespace: Sendable { case initial, own, unknown }

    struct Folder: Sendable {
      var free: UInt64
      var isWritable: Bool
    }

    var release = ""
    var machine = ""
    var isRoot = false
    var capabilities: UInt64 = 0
    var isDumpable = true
    var tracer: (pid: Int32, name: String)?
    var seccompMode: Int?
    var hasNoNewPrivileges = false
    var seccompActions: [String] = []
    var yama: Int?
    var selinuxDeniesPtrace = false
    var pidNamespace = Namespace.unknown
    var userNamespace = Namespace.unknown
    /// Our pid in each namespace, from /proc's to our own.
    var pids: [String] = []
    var container: String?
    var hasProc = false
    /// Whether /proc counts processes as our system calls do.
    var isProcOurs = false
    var hidepid: String?
    var hasProcessorTime = false
    /// The errno of opening /dev/cpu_dma_latency, 0 if it opened.
    var latencyError: Int32 = 0
    var ringDisabled: Int?
    var perfParanoid: Int?
    var descriptorLimit: UInt64 = 0
    var descriptorLimitHard: UInt64 = 0
    var coresOnline = 0
    var coresAllowed = 0
    var folder: Folder?
    /// Processes of other users.
    var strangers: [Int32] = []

    static func read() -> Facts {
      var facts = Facts()
      facts.readIdentity()
      facts.readConfinement()
      facts.readProc()
      facts.readMachine()
      return facts
    }

    private mutating func readIdentity() {
      var name = utsname()
      uname(&name)
      release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      machine = withUnsafeBytes(of: name.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      isRoot = geteuid() == 0
      isDumpable = clinux_is_dumpable() == 1
      capabilities = Self.status("CapEff:").flatMap { UInt64($0, radix: 16) } ?? 0
      if let pid = Self.status("TracerPid:").flatMap({ Int32($0) }), pid != 0 {
        let name = ProcFS.name(of: pid, in: pid).map { String(decoding: $0, as: UTF8.self) }
        tracer = (pid, name ?? "a process that is out of sight")
      }
    }

    private mutating func readConfinement() {
      seccompMode = Self.status("Seccomp:").flatMap { Int($0) }
      hasNoNewPrivileges = Self.status("NoNewPrivs:") == "1"
      let actions = Self.text("/proc/sys/kernel/seccomp/actions_avail") ?? ""
      seccompActions = actions.split(separator: " ").map(String.init)
      yama = Self.number("/proc/sys/kernel/yama/ptrace_scope")
      // "current pending" (Linux 6.1, security/selinux/selinuxfs.c, sel_read_bool).
      selinuxDeniesPtrace = Self.text("/sys/fs/selinux/booleans/deny_ptrace")?.hasPrefix("1") ?? false
      // The first namespaces have fixed numbers (Linux 6.1, include/linux/proc_ns.h, PROC_PID_INIT_INO).
      pidNamespace = Self.namespace("pid", first: "pid:[4026531836]")
      userNamespace = Self.namespace("user", first: "user:[4026531837]")
      pids = (Self.status("NSpid:") ?? "").split(separator: "\t").map(String.init)
      if let named = getenv("container"), named.pointee != 0 {
        container = String(cString: named)
      } else if access("/run/.containerenv", F_OK) == 0 {
        container = "podman"
      } else if access("/.dockerenv", F_OK) == 0 {
        container = "docker"
      }
    }

    private mutating func readProc() {
      hasProc = ProcFS.read("/proc/self/status") != nil
      isProcOurs = Self.link("/proc/self") == String(getpid())
      let mounts = (Self.text("/proc/self/mountinfo") ?? "").split(separator: "\n")
      // Mount point is field 5; the file system's own options are the last field.
      let line = mounts.last { $0.split(separator: " ").dropFirst(4).first == "/proc" }
      let options = line?.split(separator: " ").last?.split(separator: ",") ?? []
      hidepid = options.first { $0.hasPrefix("hidepid=") }.map { String($0.dropFirst(8)) }
      if ["0", "off"].contains(hidepid) { hidepid = nil }
      // It counts since the thread began, so that it is above zero here.
      hasProcessorTime = (ProcFS.usage(of: getpid(), in: getpid())?.running ?? 0) > 0
      guard let directory = opendir("/proc") else { return }
      defer { closedir(directory) }
      let ourselves = getuid()
      while strangers.count < 4096, let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        guard let pid = Int32(name) else { continue }
        let owner = ProcFS.field("Uid:", of: "/proc/\(pid)/status")?.split(separator: "\t").first
        if let owner = owner.flatMap({ UInt32($0) }), owner != ourselves { strangers.append(pid) }
      }
    }

    private mutating func readMachine() {
      let latency = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC)
      latencyError = latency < 0 ? errno : 0
      if latency >= 0 { close(latency) }
      ringDisabled = Self.number("/proc/sys/kernel/io_uring_disabled")
      perfParanoid = Self.number("/proc/sys/kernel/perf_event_paranoid")
      var limit = rlimit()
      if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
        descriptorLimit = UInt64(limit.rlim_cur)
        descriptorLimitHard = UInt64(limit.rlim_max)
      }
      coresOnline = sysconf(Int32(_SC_NPROCESSORS_ONLN))
      let mask = Self.status("Cpus_allowed:") ?? ""
      coresAllowed = mask.compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
      var space = statvfs()
      if statvfs(".", &space) == 0 {
        folder = Folder(free: UInt64(space.f_bavail) * UInt64(space.f_frsize), isWritable: access(".", W_OK) == 0)
      }
    }

    // MARK: Reading

    private static func status(_ name: String) -> String? { ProcFS.field(name, of: "/proc/self/status") }

    private static func text(_ path: String) -> String? {
      ProcFS.read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func number(_ path: String) -> Int? { text(path).flatMap { Int($0.filter { $0 != "\n" }) } }

    private static func link(_ path: String) -> String? {
      var buffer = [CChar](repeating: 0, count: 128)
      let length = readlink(path, &buffer, buffer.count)
      guard length > 0 else { return nil }
      return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func namespace(_ kind: String, first: String) -> Namespace {
      guard let ours = link("/proc/self/ns/\(kind)") else { return .unknown }
      return ours == first ? .initial : .own
    }
  }
}
