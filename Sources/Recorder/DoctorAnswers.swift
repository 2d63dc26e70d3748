// What came of trying: the kernel's answers to the probes of CLinux, by name.

import CLinux
import Glibc
import Ptrace

extension Doctor {
  /// What became of something that was tried.
  enum Answer: Sendable, Equatable {
    case works
    case refused(errno: Int32)
    /// Who tried it was killed.
    case killed(signal: Int32)
    case untried

    var works: Bool { self == .works }

    /// In brackets, behind "refused".
    var reason: String {
      switch self {
      case .works: "works"
      case .refused(EPERM): "EPERM"
      case .refused(EACCES): "EACCES"
      case .refused(ENOSYS): "ENOSYS"
      case .refused(EINVAL): "EINVAL"
      case .refused(EIO): "EIO"
      case .refused(EPROTO): "it did something else"
      case .refused(ECHILD): "the child ended"
      case .refused(let errno): String(cString: strerror(errno))
      case .killed(SIGSYS): "its caller is killed by SIGSYS"
      case .killed(SIGKILL): "no answer within 10 s"
      case .killed(let signal): "its caller is killed by signal \(signal)"
      case .untried: "not tried"
      }
    }
  }

  /// What was tried (CLinux, probe.c).
  struct Answers: Sendable {
    var ptrace = Answer.untried
    var seize = Answer.untried
    var interrupt = Answer.untried
    var syscallInfo = Answer.untried
    var peek = Answer.untried
    var readMemory = Answer.untried
    var sameFile = Answer.untried
    var pidfdOpen = Answer.untried
    var pidfdGetfd = Answer.untried
    var filter = Answer.untried
    var filterNoNewPrivileges = Answer.untried
    var filterStop = Answer.untried
    var attach = Answer.untried
    var others = Answer.untried
    var ring = Answer.untried

    static func get(strangers: [Int32]) -> Answers {
      var steps = [Int32](repeating: CLINUX_STEP_UNTRIED, count: Int(CLINUX_STEPS.rawValue))
      let options = PtraceOptions.follow.union(.exitKill).rawValue
      // Without a child nothing is tried, and that is what the items then say.
      _ = clinux_probe(options, strangers, strangers.count, &steps)
      func answer(_ step: clinux_step) -> Answer {
        switch steps[Int(step.rawValue)] {
        case 0: .works
        case CLINUX_STEP_UNTRIED: .untried
        case let value where value > 0: .refused(errno: value)
        case let value: .killed(signal: CLINUX_STEP_UNTRIED - value)
        }
      }
      return Answers(
        ptrace: answer(CLINUX_STEP_PTRACE), seize: answer(CLINUX_STEP_SEIZE), interrupt: answer(CLINUX_STEP_INTERRUPT),
        syscallInfo: answer(CLINUX_STEP_SYSCALL_INFO), peek: answer(CLINUX_STEP_PEEK),
        readMemory: answer(CLINUX_STEP_READ_MEMORY), sameFile: answer(CLINUX_STEP_SAME_FILE),
        pidfdOpen: answer(CLINUX_STEP_PIDFD_OPEN), pidfdGetfd: answer(CLINUX_STEP_PIDFD_GETFD),
        filter: answer(CLINUX_STEP_FILTER), filterNoNewPrivileges: answer(CLINUX_STEP_FILTER_NO_NEW_PRIVS),
        filterStop: answer(CLINUX_STEP_FILTER_STOP), attach: answer(CLINUX_STEP_ATTACH),
        others: answer(CLINUX_STEP_OTHERS), ring: answer(CLINUX_STEP_RING))
    }
  }
}
