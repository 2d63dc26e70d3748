// `doctor` says what is allowed: here, as an ordinary user, under filters and under another tracer; and what it would
// say of settings that a test cannot make (Yama, hidepid).

import Foundation
import Support
import Testing

@testable import Recorder

@Suite struct DoctorTests {
  /// As "nobody", who has no capabilities.
  private static let ordinary = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

  /// Whether this user can become nobody, and nobody can run the faultline that was built.
  private static let canBeOrdinary =
    geteuid() == 0 && (try? Command.run(ordinary + [Command.faultline, "--version"]))?.status == 0

  private func examine(_ before: [String] = []) throws -> CommandResult {
    let result = try Command.run(before + [Command.faultline, "doctor"])
    #expect(result.error == "")
    for line in result.output.split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
      #expect(line.utf8.allSatisfy { (0x20..<0x7F).contains($0) }, "\(line)")
    }
    return result
  }

  /// Under a filter that denies the calls with these numbers (asm/unistd_64.h).
  private func examine(denying numbers: String, by action: String = "errno") throws -> CommandResult {
    let program = Command.temporary("")
    defer { try? FileManager.default.removeItem(atPath: program) }
    let source = Victim.repository.appending(path: "Tests/Programs/deny_calls.c").path
    let compiled = try Command.run(["cc", "-O1", "-Wall", "-Werror", "-o", program, source])
    #expect(compiled.status == 0, "\(compiled.error)")
    return try examine([program, action, numbers])
  }

  /// The mark of an item, and the words behind it.
  private func item(_ name: String, in output: String) -> (mark: String, finding: String)? {
    for line in output.split(separator: "\n") where line.dropFirst(8).hasPrefix(name) {
      let mark = line.prefix(8).trimmingCharacters(in: .whitespaces)
      if !mark.isEmpty { return (mark, String(line.dropFirst(30))) }
    }
    return nil
  }

  @Test func saysThatLaunchingWorks() throws {
    let result = try examine()
    #expect(result.status == 0)
    for name in ["kernel", "trace own children", "seccomp filter"] {
      #expect(item(name, in: result.output)?.mark == "ok", "\(name): \(result.output)")
    }
    #expect(result.output.contains("\n\nAllowed here: `trace -- COMMAND`"))
  }

  @Test func anAnswerThatIsNotOkNamesItsPriceAndTheWayOut() throws {
    let lines = try examine().output.split(separator: "\n")
    for (place, line) in lines.enumerated() where line.hasPrefix("no ") || line.hasPrefix("partly ") {
      let rest = lines[(place + 1)...].prefix { $0.hasPrefix("  ") }.joined(separator: "\n")
      #expect(rest.contains("costs: "), "\(line)")
      #expect(rest.contains("to change: "), "\(line)")
    }
  }

  @Test(.enabled(if: canBeOrdinary)) func anOrdinaryUserPaysWithSetUserID() throws {
    let result = try examine(Self.ordinary)
    #expect(result.status == 0)
    #expect(item("seccomp filter", in: result.output)?.finding.contains("with NO_NEW_PRIVS") == true)
    #expect(item("set-user-ID", in: result.output)?.mark == "partly")
    #expect(item("attach to others'", in: result.output)?.mark == "no")
    #expect(result.output.contains("          $ sudo faultline trace -p PID\n"))
  }

  @Test func aFilterThatDeniesPtraceIsNamed() throws {
    let result = try examine(denying: "101")
    #expect(result.status == 125)
    #expect(item("trace own children", in: result.output)?.mark == "no")
    #expect(result.output.contains("a seccomp filter denies ptrace (EPERM)"))
    #expect(item("filtered ourselves", in: result.output)?.mark == "partly")
    #expect(result.output.contains("seccomp=unconfined"))
    #expect(result.output.contains("\n\nNeither "))
  }

  @Test func aFilterThatKillsKillsAProbeOnly() throws {
    let result = try examine(denying: "101", by: "kill")
    #expect(result.status == 125)
    #expect(result.output.contains("its caller is killed by SIGSYS"))
    #expect(item("current folder", in: result.output) != nil)
  }

  @Test func withoutSeccompNothingIsLaunched() throws {
    let result = try examine(denying: "317")
    #expect(result.status == 125)
    #expect(item("trace own children", in: result.output)?.mark == "ok")
    #expect(item("seccomp filter", in: result.output)?.mark == "no")
    let conclusion = result.output.split(separator: "\n").suffix(2).joined(separator: " ")
    #expect(conclusion.hasSuffix("not `trace -- COMMAND`.") || conclusion.hasPrefix("Neither"))
  }

  @Test func whatFaultlineCanDoWithoutOnlyCosts() throws {
    // process_vm_readv, kcmp, io_uring_setup, pidfd_getfd: what Docker's own profile denies.
    let result = try examine(denying: "310,312,425,438")
    #expect(result.status == 0)
    for name in ["read their memory", "kcmp", "pidfd"] { #expect(item(name, in: result.output)?.mark == "partly") }
    #expect(item("io_uring", in: result.output)?.mark == "ok")
  }

  @Test func anotherTracerIsNamed() throws {
    let trace = Command.temporary(".flt")
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let result = try examine([Command.faultline, "trace", "--quiet", "-o", trace, "--"])
    #expect(result.status == 125)
    #expect(item("traced ourselves", in: result.output)?.mark == "partly")
    #expect(item("trace own children", in: result.output)?.finding.contains("faultline (pid") == true)
  }

  // MARK: Settings of other machines

  private static let allWorks = Doctor.Answers(
    ptrace: .works, seize: .works, interrupt: .works, syscallInfo: .works, peek: .works, readMemory: .works,
    sameFile: .works, pidfdOpen: .works, pidfdGetfd: .works, filter: .works, filterNoNewPrivileges: .untried,
    filterStop: .works, attach: .works, others: .works, ring: .works)

  private func doctor(yama: Int) -> Doctor {
    var facts = Doctor.Facts()
    facts.yama = yama
    var answers = Self.allWorks
    answers.attach = .refused(errno: EPERM)
    answers.others = .refused(errno: EPERM)
    if yama >= 2 {
      answers.seize = .refused(errno: EPERM)
      answers.filterStop = .untried
    }
    return Doctor(facts: facts, answers: answers)
  }

  @Test func yamaIsNamedWithTheWayToLoosenIt() {
    let doctors = (1...3).map { doctor(yama: $0) }
    #expect(doctors.map(\.canLaunch) == [true, false, false])
    #expect(doctors.map(\.reach) == [.nobody, .nobody, .nobody])
    for (place, examined) in doctors.enumerated() {
      #expect(examined.attaching.finding.contains("ptrace_scope is \(place + 1)"))
    }
    #expect(doctors[0].attaching.verdict.remedy?.commands == ["sudo sysctl kernel.yama.ptrace_scope=0"])
    #expect(doctors[1].tracing.verdict.remedy?.commands == ["sudo sysctl kernel.yama.ptrace_scope=1"])
    // Scope 3 stays until the next boot: no sysctl is offered.
    #expect(doctors[2].tracing.verdict.remedy?.commands.contains { $0.contains("sysctl ") } == false)
  }

  @Test func hiddenProcessesAreSaid() {
    var facts = Doctor.Facts()
    facts.hasProc = true
    facts.isProcOurs = true
    #expect(Doctor(facts: facts, answers: Self.allWorks).proc.verdict.mark == "ok")
    facts.hidepid = "invisible"
    #expect(Doctor(facts: facts, answers: Self.allWorks).proc.verdict.mark == "partly")
    facts.capabilities = 1 << 19
    #expect(Doctor(facts: facts, answers: Self.allWorks).proc.verdict.mark == "ok")
  }

  @Test func anOldKernelIsToldByWhatItLacks() {
    var answers = Self.allWorks
    answers.syscallInfo = .refused(errno: EIO)
    answers.filterStop = .refused(errno: EIO)
    let examined = Doctor(facts: Doctor.Facts(), answers: answers)
    #expect(!examined.canLaunch)
    #expect(examined.reach == .nobody)
    #expect(examined.kernel.verdict.mark == "no")
  }
}
