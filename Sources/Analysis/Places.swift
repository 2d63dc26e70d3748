// Findings with their places in the code: each stack in words, whose wakeup object it was, and one clause for the sentence.

import Trace

extension Analysis {
  /// Names the stacks that findings rest on, and those of the timeline's calls.
  public mutating func name(by naming: any FrameNaming, tables: TraceTables) {
    let stacks = StackNaming(tables: tables, naming: naming)
    var known: [Int: [Frame]] = [:]
    func frames(_ stack: Int) -> [Frame] {
      if let frames = known[stack] { return frames }
      let frames = stacks.frames(of: StackID(stack))
      known[stack] = frames
      return frames
    }
    for place in findings.indices { findings[place].name(frames) }
    for place in suppressed.indices { suppressed[place].finding.name(frames) }
    for (place, stack) in runningStacks {
      if let frame = frames(stack.position).first(where: \.isBlamed) {
        summary[place] += "; last seen to run in \(frame.words)"
      }
    }
    for (place, stack) in blockedStacks {
      if let frame = frames(stack.position).first(where: \.isBlamed) { summary[place] += " (\(frame.words))" }
    }
    for place in standings.indices {
      if let stack = standings[place].stack { standings[place].frames = frames(stack) }
    }
    for call in timeline.calls where call.stack != .none && timeline.stacks.count < Timeline.mostStacks {
      timeline.stacks[call.stack.position] = frames(call.stack.position)
    }
  }
}

extension Finding {
  fileprivate mutating func name(_ frames: (Int) -> [Frame]) {
    for place in evidence.indices {
      guard let stack = evidence[place].stack else { continue }
      let found = frames(stack)
      if found.isEmpty { evidence[place].stack = nil } else { stacks[stack] = found }
    }
    if let made = evidence.first(where: { $0.mark == .create }), let stack = made.stack, let frames = stacks[stack] {
      object?.ownerHint = OwnerHints.owner(of: frames)
    }
    message += places
  }

  /// `; in sync_contacts (contacts.py:88), through g_source_attach, g_wakeup_signal; forked in main (app.py:12)`, as far as it is known.
  private var places: String {
    var clauses: [String] = []
    if let object, let owner = object.ownerHint { clauses.append("owner of the \(object.kindName): \(owner)") }
    let acts = evidence.filter { $0.pid == actor?.pid && $0.mark != .create && !isSpawn($0) }
    if let actor, let place = acts.reversed().lazy.compactMap({ self.place(of: $0, withPath: true) }).first {
      clauses.append("pid \(actor.pid) did it in \(place)")
    }
    if let actor, let fork = evidence.last(where: { isSpawn($0) && $0.pid == actor.parent }),
      let place = place(of: fork, withPath: false)
    {
      clauses.append("it was forked in \(place)")
    }
    if let victim, victim.pid != actor?.pid || actor == nil,
      let place = evidence.reversed().lazy.filter({ $0.pid == victim.pid && $0.mark != .create && !self.isSpawn($0) })
        .compactMap({ self.place(of: $0, withPath: false) }).first
    {
      clauses.append("pid \(victim.pid) was in \(place)")
    }
    return clauses.map { "; \($0)" }.joined()
  }

  private func isSpawn(_ evidence: Evidence) -> Bool {
    ["fork(", "vfork(", "clone(", "clone3("].contains { evidence.text.hasPrefix($0) }
  }

  private func place(of evidence: Evidence, withPath: Bool) -> String? {
    guard let stack = evidence.stack, let frames = stacks[stack], let blamed = frames.firstIndex(where: \.isBlamed)
    else { return nil }
    let path = withPath ? Frame.path(frames[..<blamed]) : []
    return frames[blamed].words + (path.isEmpty ? "" : ", through \(path.joined(separator: ", "))")
  }
}

extension Frame {
  /// `sync_contacts (contacts.py:88)`; `0x1234 in libfoo.so.1`.
  public var words: String {
    guard let function else { return "0x\(String(offset ?? 0, radix: 16))\(module.map { " in \($0)" } ?? "")" }
    guard let file else { return module.map { "\(function) (\($0))" } ?? function }
    let base = file.split(separator: "/").last.map(String.init) ?? file
    return "\(function) (\(base)\(line.map { ":\($0)" } ?? ""))"
  }

  private static let longestPath = 5

  /// The C functions of libraries from the outermost to the innermost, without the interpreter's own and libc's: how the user's code came
  /// to the call.
  static func path(_ inner: ArraySlice<Frame>) -> [String] {
    var path: [String] = []
    for frame in inner.reversed() where frame.kind == .native {
      guard let function = frame.function, frame.module.map({ !isBase($0) }) ?? true, path.last != function
      else { continue }
      path.append(function)
    }
    guard path.count > longestPath else { return path }
    return Array(path.prefix(1)) + ["..."] + Array(path.suffix(longestPath - 1))
  }

  /// CPython's program or library, or libc.
  private static func isBase(_ module: String) -> Bool {
    ["python", "libpython", "libc.so", "libc-", "libpthread", "ld-linux", "ld-musl"].contains { module.hasPrefix($0) }
  }
}
