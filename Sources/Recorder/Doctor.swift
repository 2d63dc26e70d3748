// What this kernel and this user allow: each thing that tracing needs is tried, and what is refused comes with its
// price and the way to change it.

/// An examination of the machine. Judging is apart from looking: items follow from facts and answers alone.
public struct Doctor: Sendable {
  /// What a refusal costs, and how to lift it.
  public struct Remedy: Sendable {
    public let cost: String
    public let change: String
    /// To be typed as they stand, one a line.
    public let commands: [String]

    init(cost: String, change: String, commands: [String] = []) {
      self.cost = cost
      self.change = change
      self.commands = commands
    }
  }

  public enum Verdict: Sendable {
    case ok
    case partly(Remedy)
    case no(Remedy)

    public var mark: String {
      switch self {
      case .ok: "ok"
      case .partly: "partly"
      case .no: "no"
      }
    }

    public var remedy: Remedy? {
      switch self {
      case .ok: nil
      case .partly(let remedy), .no(let remedy): remedy
      }
    }
  }

  public struct Item: Sendable {
    public let name: String
    public let verdict: Verdict
    public let finding: String
  }

  /// Whose running processes can be attached to.
  public enum Reach: Sendable { case nobody, own, everybody }

  let facts: Facts
  let answers: Answers

  init(facts: Facts, answers: Answers) {
    self.facts = facts
    self.answers = answers
  }

  /// Looks and tries; takes some milliseconds, and leaves nothing behind.
  public static func examine() -> Doctor {
    let facts = Facts.read()
    return Doctor(facts: facts, answers: Answers.get(strangers: facts.strangers))
  }

  /// Whether `trace -- COMMAND` works: all that a launch does was done to a child.
  public var canLaunch: Bool {
    Self.isKnownArchitecture && answers.seize.works && answers.interrupt.works && answers.syscallInfo.works
      && answers.filterStop.works
  }

  public var reach: Reach {
    guard Self.isKnownArchitecture, answers.attach.works, hasSyscallInfo else { return .nobody }
    return answers.others.works ? .everybody : .own
  }

  public var items: [Item] {
    [
      kernel, tracing, memory, filter, setUserID, attaching, others, beingTraced, ownFilter, confinement, sameFile,
      pidfd,
      proc, processorTime, latency, ring, perfEvents, descriptors, cores, folder,
    ]
  }

  /// What all of it comes to, in one sentence.
  public var conclusion: String {
    let launch = "`trace -- COMMAND`"
    let attach = "`trace -p PID` and `why PID`"
    let whose = reach == .everybody ? "on processes of every user" : "on your own processes"
    return switch (canLaunch, reach) {
    case (true, .nobody): "Allowed here: \(launch); not \(attach)."
    case (true, _): "Allowed here: \(launch), and \(attach) \(whose)."
    case (false, .nobody): "Neither \(launch) nor \(attach) is allowed here; traces made elsewhere can be read."
    case (false, _): "Allowed here: \(attach) \(whose); not \(launch)."
    }
  }

  // MARK: Words that several items need

  static var isKnownArchitecture: Bool {
    #if arch(x86_64)
      true
    #else
      false
    #endif
  }

  /// A command that only root may give.
  func asRoot(_ command: String) -> String { facts.isRoot ? command : "sudo " + command }

  /// Capabilities count for other processes only from the first user namespace (user_namespaces(7)).
  func has(_ capability: Facts.Capability) -> Bool {
    facts.capabilities >> capability.rawValue & 1 == 1 && facts.userNamespace != .own
  }

  /// How to be let out of a filter or a lack of capabilities that a container, a unit or a sandbox imposes.
  func unconfine(cost: String, options: String) -> Remedy {
    if facts.userNamespace == .own, facts.container == nil {
      return Remedy(cost: cost, change: "start faultline outside of this user namespace")
    }
    let engine = facts.container == "podman" ? "podman" : "docker"
    return Remedy(
      cost: cost,
      change: "start faultline outside of the service or sandbox that imposes this, or a container with more rights:",
      commands: ["\(engine) run \(options) IMAGE COMMAND"])
  }

  /// For what was not tried since something before it failed.
  func untried(_ name: String) -> Item {
    Item(
      name: name,
      verdict: .partly(Remedy(cost: "unknown", change: "mend what is refused above, and ask again")),
      finding: "not tried: what it builds on is refused")
  }
}
