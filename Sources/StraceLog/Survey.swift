// A first pass over a log: who its threads are, who made whom, and how its lines are written. What a line means may be told a million
// lines later: a child's first call may come before the parent's fork returns, and until there are two threads none is named.

import Trace

/// What a log is like.
struct Survey {
  /// Lines that are calls, or the rest of one.
  var calls = 0
  var lines = 0
  /// Of lines that name no thread: their thread. 0 where nothing says so.
  var unnamed: Int32 = 0
  var namesThreads = false
  var hasUnnamed = false
  /// By tid: the number of the last line that is its.
  var lastLine: [Int32: Int] = [:]
  /// By child: the threads that made it, in the order of their returning.
  var parents: [Int32: [Int32]] = [:]
  /// By line: what a socket was bound to that asked for any port, as later calls tell.
  var addresses: [Int: [UInt8]] = [:]
  private var binds: [Int32: (place: Int, fd: Int64)] = [:]
  /// Where the line stands that is looked at.
  private var place = 0
  private var call = Arguments(UnsafePointer(bitPattern: 1)!)
  /// Process that was attached to, and how many threads it had.
  var attached: [Int32: Int] = [:]
  /// Of these the one that the log begins with, if it does.
  private var attachedFirst: Int32?
  /// The process that `strace -p` in the text before the log names.
  private var asked: Int32?
  /// Threads that are a process's first, since somebody has waited for that.
  var leaders: Set<Int32> = []
  /// The lowest tid that nobody made.
  private(set) var firstUnborn: Int32?
  /// The thread of the first line that is a call; 0 if it does not say.
  var firstTid: Int32?
  var style = TimeStyle.none
  /// What the first line says that tells the time; ns.
  var firstTime: UInt64 = 0
  var hasDurations = false
  /// Times are finer than seconds.
  var hasFractions = false
  var hasIdentities = false
  var wording: Wording = []
  var frame = LineFrame()
  private(set) var sections = LogSections()
  /// `--- stopped by SIGSTOP ---`: all that there may be of a process that is stopped.
  private(set) var stops = 0
  /// The first call of each thread is an exec that succeeded.
  var beginsWithExec = false

  /// Only so much is looked at for how lines are written.
  private static let sampled = 20_000

  /// Surveys one file; `tid`: its thread, if its name tells (-ff); `isAlone`: there are no others.
  mutating func read(_ file: LogFile, number: Int = 0, tid: Int32? = nil, isAlone: Bool = true) {
    file.rewind()
    if lines == 0 {
      wording = Self.wording(of: file)
      if isAlone {
        frame = LineFrameSearch.frame(of: file, wording)
        sections = LogSections(file)
      }
    }
    var cleaned: [UInt8] = []
    var known: Int32 = -1
    while let raw = file.next() {
      lines += 1
      place = Self.place(number, file.lineNumber)
      if wording.isEmpty {
        unframe(raw, tid, &known)
      } else {
        wording.undone(raw, into: &cleaned)
        cleaned.withUnsafeBufferPointer { text in
          guard let base = text.baseAddress else { return }
          unframe(Scanner(base, 0..<text.count), tid, &known)
        }
      }
    }
    if known > 0 { lastLine[known] = lines }
    file.rewind()
  }

  /// A line of one of several logs, as one number.
  static func place(_ file: Int, _ line: Int) -> Int { file << 40 | line }

  /// What the first lines need.
  private static func wording(of file: LogFile) -> Wording {
    var wording: Wording = []
    var quoted = 0
    var lines = 0
    while lines < 5000, let line = file.next() {
      lines += 1
      var found = Wording.of(line)
      if found.contains(.quoted) {
        quoted += 1
        found.remove(.quoted)
      }
      wording.formUnion(found)
    }
    // A line of shell output may begin so; a quoted log does throughout.
    if quoted * 2 > lines { wording.insert(.quoted) }
    file.rewind()
    return wording
  }

  private mutating func unframe(_ line: Scanner, _ fixed: Int32?, _ known: inout Int32) {
    let (text, tid) = frame.strip(line)
    if sections.begins(text) { return }
    let named = tid ?? sections.tid
    look(text, named ?? fixed, isNamed: named != nil, &known)
  }

  private mutating func look(_ line: Scanner, _ fixed: Int32?, isNamed: Bool, _ known: inout Int32) {
    let head = LineHead.read(line)
    let isNamed = isNamed || head.tid != nil
    var body = line
    body.at = head.body
    let tid = head.tid ?? fixed ?? 0
    let first = body.next
    // Letters, "<... ", "--- ", "+++ ".
    let isCall = first &- 0x61 < 26 || first == 0x5F
    if tid != known, tid > 0 {
      if known > 0 { lastLine[known] = lines - 1 }
      known = tid
      lastLine[tid] = lines
    }
    if isCall {
      let name = body.word()
      if body.next == 0x28, CallNames.call(body, name) != nil {
        if calls == 0 {
          beginsWithExec = Self.isExec(body, name)
          firstTid = tid
        }
        calls += 1
        body.at += 1
        sample(head, body, isNamed: isNamed)
        if Self.isSpawn(body, name) { noteBirth(body, by: tid) }
        if name.count == 4 || !binds.isEmpty { noteAddress(body, name, by: tid) }
        if !isNamed, unnamed == 0 { noteOwnNumber(body, name) }
        if name.count == 5 || name.count == 7 { noteChild(body, name) }
      } else if first == 0x73, let found = Self.attachment(line) {
        note(found)
      }
    } else if first == 0x3C, body.starts(with: "<... ") {
      body.at += 5
      let name = body.word()
      if calls == 0 { firstTid = tid }
      calls += 1
      sample(head, body, isNamed: isNamed)
      if Self.isSpawn(body, name) { noteBirth(body, by: tid) }
      if name.count == 5 || name.count == 7 { noteChild(body, name) }
    } else if first == 0x2D {
      noteSignal(body)
      if body.starts(with: "--- stopped by SIG") { stops += 1 }
    } else if first == 0x50 || first == 0x2E || first == 0x2F, let found = Self.attachment(body) {
      note(found)
    }
    if calls == 0, asked == nil { asked = Self.command(line) }
  }

  /// wait4(2) and waitpid(2) return processes.
  private mutating func noteChild(_ body: Scanner, _ name: Range<Int>) {
    let word = Scanner(body.bytes, name)
    guard word.starts(with: name.count == 5 ? "wait4" : "waitpid"), let child = Self.lastResult(body), child > 0,
      child <= Int32.max
    else { return }
    leaders.insert(Int32(child))
  }

  /// SIGCHLD tells of a process.
  private mutating func noteSignal(_ body: Scanner) {
    guard body.starts(with: "--- SIGCHLD"), let found = body.find("si_pid=") else { return }
    var scanner = body
    scanner.at = found + 7
    if let child = scanner.decimal(), child > 0, child <= Int32.max { leaders.insert(Int32(child)) }
  }

  /// `$ strace -f -p 12`, as it stands before what it wrote.
  static func command(_ line: Scanner) -> Int32? {
    guard let command = line.find("strace ") else { return nil }
    var scanner = line
    scanner.at = command
    guard let option = scanner.find(" -p") else { return nil }
    scanner.at = option + 3
    scanner.skipSpaces()
    guard let pid = scanner.decimal(), pid > 0, pid <= Int32.max, scanner.find(" -p") == nil else { return nil }
    return Int32(pid)
  }

  private mutating func sample(_ head: LineHead, _ body: Scanner, isNamed: Bool) {
    if isNamed { namesThreads = true } else { hasUnnamed = true }
    guard calls < Self.sampled else { return }
    if head.time % 1_000_000_000 != 0 { hasFractions = true }
    if head.style != .none, style == .none { (style, firstTime) = (head.style, head.time) }
    guard !hasDurations || !hasIdentities else { return }
    if body.end - body.at > 3, body.bytes[body.end - 1] == 0x3E, let place = Self.lastOpening(body),
      body.bytes[place + 1] &- 0x30 < 10, Scanner(body.bytes, place..<body.end).find(".") != nil
    {
      hasDurations = true
    }
    if !hasIdentities,
      body.find("<pipe:[") != nil || body.find("<socket:[") != nil || body.find("<anon_inode:") != nil
        || body.find("</") != nil
    {
      hasIdentities = true
    }
  }

  private static func lastOpening(_ body: Scanner) -> Int? {
    var place = body.end - 2
    while place > body.at, body.bytes[place] != 0x3C { place -= 1 }
    return place > body.at ? place : nil
  }

  static func isSpawn(_ body: Scanner, _ name: Range<Int>) -> Bool {
    guard name.count >= 4, name.count <= 6 else { return false }
    let word = Scanner(body.bytes, name)
    return word.starts(with: "clone") || name.count == 4 && word.starts(with: "fork")
      || name.count == 5 && word.starts(with: "vfork")
  }

  private static func isExec(_ body: Scanner, _ name: Range<Int>) -> Bool {
    Scanner(body.bytes, name).starts(with: "execve")
  }

  /// The last ` = N` of a line.
  private static func lastResult(_ body: Scanner) -> Int64? {
    var place = body.end - 3
    while place > body.at {
      if body.bytes[place] == 0x3D, body.bytes[place - 1] == 0x20, body.bytes[place + 1] == 0x20 {
        var scanner = Scanner(body.bytes, place + 2..<body.end)
        return scanner.number()
      }
      place -= 1
    }
    return nil
  }

  private mutating func noteBirth(_ body: Scanner, by tid: Int32) {
    guard let child = Self.lastResult(body), child > 0, child <= Int32.max else { return }
    parents[Int32(child), default: []].append(tid)
  }

  /// bind(2) to port 0 takes any: `listen(3<TCP:[127.0.0.1:57877]>, 1)` and getsockname say which.
  private mutating func noteAddress(_ body: Scanner, _ name: Range<Int>, by tid: Int32) {
    let word = Scanner(body.bytes, name)
    if name.count == 4, word.starts(with: "bind") {
      guard body.find("htons(0)") != nil else { return }
      var argument = body
      if let fd = argument.number() { binds[tid] = (place, fd) }
      return
    }
    guard let bind = binds[tid] else { return }
    let isListen = name.count == 6 && word.starts(with: "listen")
    guard isListen || name.count == 11 && word.starts(with: "getsockname") else { return }
    call.read(body)
    var argument = call.argument(0)
    guard argument.number() == bind.fd else { return }
    if isListen {
      guard let range = argument.annotation() else { return }
      var text = Scanner(body.bytes, range)
      guard text.skip("TCP:[") || text.skip("TCPv6:["), range.count > 6 else { return }
      // An inode has no colon in it.
      guard text.find(":") != nil else { return }
      addresses[bind.place] = text.text(text.at..<range.upperBound - 1)
    } else {
      addresses[bind.place] = call.address(1)
    }
    binds[tid] = nil
  }

  /// What libc asks for early on: set_tid_address, getpid, gettid return the caller's number.
  private mutating func noteOwnNumber(_ body: Scanner, _ name: Range<Int>) {
    let word = Scanner(body.bytes, name)
    guard word.starts(with: "set_tid_address") || word.starts(with: "getpid") || word.starts(with: "gettid"),
      let number = Self.lastResult(body), number > 0, number <= Int32.max
    else { return }
    unnamed = Int32(number)
  }

  /// `strace: Process 124 attached`, ` with 3 threads`; `Process 124 attached` before strace 4.8.
  static func attachment(_ text: Scanner) -> (tid: Int32, threads: Int)? {
    var scanner = text
    scanner.skipSpaces()
    if !scanner.starts(with: "Process ") {
      // It may be called by a path.
      guard let place = scanner.find("strace: Process "),
        (scanner.at..<place).allSatisfy({ scanner.bytes[$0] != 0x20 })
      else { return nil }
      scanner.at = place + 8
    }
    guard scanner.skip("Process "), let tid = scanner.decimal(), tid > 0, tid <= Int32.max, scanner.skip(" attached")
    else { return nil }
    var threads = 1
    if scanner.skip(" with "), let count = scanner.decimal() { threads = Int(truncatingIfNeeded: min(count, 1 << 20)) }
    return (Int32(tid), threads)
  }

  private mutating func note(_ found: (tid: Int32, threads: Int)) {
    attached[found.tid] = found.threads
    if calls == 0, attachedFirst == nil { attachedFirst = found.tid }
  }

  /// Once all is read: whose the lines are that name nobody.
  mutating func conclude() {
    firstUnborn = lastLine.keys.filter { $0 > 0 && parents[$0] == nil }.min()
    if hasUnnamed, !namesThreads, let first = attachedFirst ?? asked { unnamed = first }
    guard hasUnnamed, unnamed == 0 else { return }
    // The first thread that nobody made.
    if namesThreads, let first = firstUnborn {
      unnamed = first
    } else if let attached = attached.keys.sorted().first(where: { parents[$0] == nil }) {
      unnamed = attached
    }
  }
}
