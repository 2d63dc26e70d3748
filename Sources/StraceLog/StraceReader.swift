// strace's text as the events of a trace: one pass to survey it, then one to read it, in memory that does not grow with the log.

import Lineage
import Trace

/// Reads a log of strace's, or several of one run (-ff), as if they were a trace.
public final class StraceReader: EventSource {
  /// What is kept of writes to channels, in bytes.
  private static let payloadLimit = 16
  /// Events of one batch, about.
  private static let batchSize = 8192

  public let path: String
  public private(set) var header: TraceHeader
  public var tables = TraceTables()
  public let isComplete = true
  public private(set) var damage: TraceError?
  public private(set) var unread = Unread()
  /// Calls that were read past: they move no descriptor, and are no waits.
  public private(set) var passedCalls = 0

  let survey: Survey
  private let files: [LogFile]
  private var merge: LogMerge?
  private var cleaned: [UInt8] = []
  var reader: CallReader
  var strings: [[UInt8]: StringID] = [[]: .empty]
  /// The model as it stands after the last event: which numbers are known, and as what.
  var world = World()
  var threads: [LogThread] = []
  /// By tid: the thread that has it now.
  var numbers: [Int32: Int] = [:]
  private var lastNumber: (tid: Int32, place: Int) = (-1, -1)
  var generations: [Int32: UInt32] = [:]
  /// By child: how many of `Survey.parents` were used.
  var births: [Int32: Int] = [:]
  var processes = 0
  var batch = EventBatch()
  var scratch = Arena()
  private var sequence: UInt64 = 0
  var now: Nanoseconds = 0
  private var clock = LogClock()
  /// The last event, until it is known when it ended and where its thread stood.
  var held: HeldEvent?
  private var heldArena = Arena()
  var stacks = LogStacks()
  /// Where the line that is read stands.
  private(set) var lineNumber = 0
  /// Which of several logs that is.
  private(set) var fileNumber = 0
  private var linePath: String
  /// Which line that is, of all, from 1.
  private(set) var lineIndex = 0
  /// Threads that ended as `superseded by execve` says: by leader's tid, the place of the thread that called exec.
  var superseded: [Int32: Int] = [:]
  /// The thread whose call was cut by what stands in the lines after it.
  var brokenThread: Int?
  /// Threads that have begun to fork; of some it may be over.
  var forking: [Int] = []
  /// A thread of the process to which those belong that were there before.
  var family: Int?
  private var broken: (line: Int, text: [UInt8]) = (0, [])
  /// Lines behind it that may be parts of it.
  private var brokenLines: [(line: Int, text: [UInt8])] = []
  private static let mostBrokenLines = 64
  private var sections = LogSections()
  /// Whose the lines are that name nobody.
  private var unnamed: Int32 = 0
  var said: Set<String> = []
  /// Messages with descriptors, the newest last.
  var passed: [PassedDescriptors] = []
  /// By serial of a locked open file: who took the lock.
  var lockers: [UInt32: ProcessID] = [:]
  /// By serial of a listening socket.
  var backlogs: [UInt32: LogBacklog] = [:]
  /// The shortest way from one call to the next: strace's own time.
  var leastGap: Nanoseconds = .max

  /// `paths`: one log, or one per thread that end in `.TID`.
  public init(paths: [String]) throws(TraceError) {
    path = paths[0]
    linePath = path
    var files: [LogFile] = []
    for path in paths { files.append(try LogFile(path: path)) }
    self.files = files
    var survey = Survey()
    let tids = paths.count > 1 ? paths.map(Self.tid) : [nil]
    for (number, file) in files.enumerated() {
      survey.read(file, number: number, tid: tids[number], isAlone: files.count == 1)
    }
    survey.conclude()
    guard survey.calls > 0 || survey.stops > 0 else { throw .notATrace(path: paths[0]) }
    self.survey = survey
    sections = survey.sections.fromTheBeginning
    unnamed = survey.unnamed
    reader = CallReader(UnsafePointer(bitPattern: 1)!, payloadLimit: Self.payloadLimit)
    header = TraceHeader(
      started: survey.style == .epoch ? survey.firstTime : 0, beganAfterStart: !survey.beginsWithExec)
    header.source = .strace
    header.isTimed = survey.style != .none
    clock = LogClock(survey)
    if files.count > 1 { merge = LogMerge(files, tids: tids, survey: survey) }
  }

  /// The thread that -ff's file name ends with.
  static func tid(of path: String) -> Int32? {
    guard let dot = path.lastIndex(of: "."), let tid = Int32(path[path.index(after: dot)...]), tid > 0 else {
      return nil
    }
    return tid
  }

  /// There are several logs.
  var isMerged: Bool { merge != nil }

  func activate(_ tid: Int32) { merge?.activate(tid) }

  public var progress: Double {
    let size = files.reduce(0) { $0 + $1.size }
    return size > 0 ? min(1, Double(files.reduce(0) { $0 + $1.position }) / Double(size)) : 1
  }

  // MARK: Reading

  private var hasBegun = false
  private var hasEnded = false

  public func next(into target: inout EventBatch) -> Bool {
    target.events.removeAll(keepingCapacity: true)
    target.arena.removeAll()
    guard !hasEnded else { return false }
    swap(&batch, &target)
    if !hasBegun {
      hasBegun = true
      sayWhatIsMissing()
    }
    while batch.events.count < Self.batchSize {
      if merge != nil {
        guard nextMerged() else {
          finish()
          break
        }
        continue
      }
      guard let line = files[0].next() else {
        finish()
        break
      }
      lineNumber = files[0].lineNumber
      clean(line) { self.read($0, tid: $1) }
    }
    swap(&batch, &target)
    return !target.events.isEmpty
  }

  private func finish() {
    hasEnded = true
    if let place = brokenThread, threads[place].call?.isTold == false { noteBroken() }
    noteBrokenLines()
    tellSilent()
    tellStopped()
    release(until: now)
    damage = files.lazy.compactMap(\.failure).first
  }

  /// Gives `body` the line as strace wrote it, and the thread that its frame or its section names.
  private func clean(_ line: Scanner, _ body: (Scanner, Int32?) -> Void) {
    lineIndex += 1
    guard !survey.wording.isEmpty else { return unframe(line, body) }
    survey.wording.undone(line, into: &cleaned)
    cleaned.withUnsafeBufferPointer { text in
      if let base = text.baseAddress { unframe(Scanner(base, 0..<text.count), body) }
    }
  }

  private func unframe(_ line: Scanner, _ body: (Scanner, Int32?) -> Void) {
    let (text, tid) = survey.frame.strip(line)
    if sections.begins(text) { return }
    body(text, tid ?? sections.tid)
  }

  /// The next occurrence of several logs. False when all are read.
  private func nextMerged() -> Bool {
    guard let occurrence = merge!.next() else { return false }
    lineNumber = occurrence.lineNumber
    linePath = occurrence.path
    fileNumber = occurrence.file
    switch occurrence.what {
    case .line(let text): clean(text) { line, _ in self.read(line, tid: occurrence.tid) }
    case .begin(let text): clean(text) { line, _ in self.read(line, tid: occurrence.tid, onlyBegins: true) }
    case .end(let time):
      now = max(now, clock.at(time))
      release(until: now)
      endCall(thread(occurrence.tid))
    }
    return true
  }

  /// One line. `tid`: whose it is where it does not say; `onlyBegins`: its call returns later.
  private func read(_ line: Scanner, tid fixed: Int32?, onlyBegins: Bool = false) {
    if stacks.isFrame(line) {
      stacks.add(line)
      return
    }
    let head = LineHead.read(line)
    var body = line
    body.at = head.body
    if body.isAtEnd { return }
    var inside = body
    let named = Self.opened(&inside)
    // What is no line of strace's does not move time.
    guard named != nil || Self.isOfStrace(body) else { return readOther(line, body) }
    now = max(now, clock.read(head, line: lineIndex))
    release(until: now)
    let tid = head.tid ?? fixed ?? unnamed
    if let named { return called(named, inside, tid: tid, onlyBegins: onlyBegins) }
    switch body.next {
    case 0x3C: resumed(body, tid: tid)
    case 0x2D: signalled(body, tid: tid)
    default: ended(body, tid: tid)
    }
  }

  /// Whether it is what strace writes besides calls: the rest of one, a signal, an end.
  private static func isOfStrace(_ body: Scanner) -> Bool {
    body.starts(with: "<... ") || body.starts(with: "--- ") || body.starts(with: "+++ ")
  }

  /// The call that begins here; the scanner moves behind its `(`.
  private static func opened(_ scanner: inout Scanner) -> NamedCall? {
    let name = scanner.word()
    guard !name.isEmpty, scanner.next == 0x28, let named = CallNames.call(scanner, name) else { return nil }
    scanner.at += 1
    return named
  }

  /// A line that is none of strace's: the rest of a call that the program's output has cut, a call behind such output, a gap.
  private func readOther(_ line: Scanner, _ body: Scanner) {
    if let thread = brokenThread, mend(thread, with: line) { return }
    var body = body
    // The key that ended strace, as the terminal shows it.
    _ = body.skip("^C")
    let attached = Survey.attachment(body)
    // Another log of another process, behind the first.
    if let attached, !survey.namesThreads { unnamed = attached.tid }
    if attached != nil || body.starts(with: "strace:") || body.starts(with: "Process ") || body.starts(with: "% time")
      || body.starts(with: "------") || body.starts(with: "[ Process PID=") || Self.isTable(line)
    {
      if let tid = Self.detached(body), let place = numbers[tid] { endBroken(place) }
      return note(.strace, line)
    }
    if body.starts(with: "[...") || body.starts(with: "...") || body.starts(with: "[snip") || body.starts(with: "(snip")
      || body.starts(with: "<snip")
    {
      return note(.gap, line)
    }
    if unnamed > 0 || !survey.namesThreads, var call = embedded(body) {
      now = max(now, clock.read(LineHead(), line: lineIndex))
      release(until: now)
      note(.prose, Scanner(line.bytes, line.at..<call.at))
      if let named = Self.opened(&call) { called(named, call, tid: unnamed, onlyBegins: false) }
      return
    }
    var inner = body
    let name = inner.word()
    let isUnknown = !name.isEmpty && inner.next == 0x28 && inner.find(") = ") != nil
    if brokenThread != nil, !isUnknown, brokenLines.count < Self.mostBrokenLines {
      brokenLines.append((lineNumber, line.text(line.rest)))
      return
    }
    note(isUnknown ? .unknownCall : .prose, line)
  }

  /// A row of -c's table, ` 12.50    0.000123 ...`, or of what -e read= shows, ` | 00000  7f 45 ...`.
  private static func isTable(_ line: Scanner) -> Bool {
    var scanner = line
    if scanner.skip(" | ") {
      let digits = scanner.at
      while Scanner.hexDigit(scanner.next) != nil { scanner.at += 1 }
      return scanner.at - digits >= 5 && scanner.starts(with: "  ")
    }
    scanner.skipSpaces()
    guard scanner.decimal() != nil, scanner.skip(0x2E), scanner.decimal() != nil, scanner.next == 0x20 else {
      return false
    }
    scanner.skipSpaces()
    return scanner.decimal() != nil && scanner.skip(0x2E) && scanner.decimal() != nil && scanner.next == 0x20
  }

  /// `Process 124 detached`.
  private static func detached(_ body: Scanner) -> Int32? {
    var scanner = body
    _ = scanner.skip("strace: ")
    guard scanner.skip("Process "), let tid = scanner.decimal(), tid <= Int32.max, scanner.skip(" detached") else {
      return nil
    }
    return Int32(tid)
  }

  /// A whole call that begins within a line, behind what the program wrote without a newline.
  private func embedded(_ body: Scanner) -> Scanner? {
    var place = body.at
    // Output is short where it is worth a look.
    var tries = 32
    while place < body.end, tries > 0 {
      // The beginning of a word.
      guard Scanner.isWord(body.bytes[place]), place == body.at || !Scanner.isWord(body.bytes[place - 1]) else {
        place += 1
        continue
      }
      var scanner = body
      scanner.at = place
      let name = scanner.word()
      if scanner.next == 0x28, name.count > 2, name.count < 128 {
        tries -= 1
        if let call = embedded(name, scanner) { return call }
      }
      place = max(place + 1, name.upperBound)
    }
    return nil
  }

  /// Output may end in letters: every end of the word that is a call's name is tried.
  private func embedded(_ name: Range<Int>, _ opening: Scanner) -> Scanner? {
    for start in name where name.upperBound - start > 2 {
      guard CallNames.call(opening, start..<name.upperBound) != nil else { continue }
      var inside = opening
      inside.at += 1
      reader.arguments.read(inside)
      guard reader.call.ending == .whole else { continue }
      var found = opening
      found.at = start
      return found
    }
    return nil
  }

  /// Keeps what the line of a call without a result was.
  func keepBroken(_ line: Scanner, _ place: Int) {
    noteBrokenLines()
    brokenThread = place
    broken = (lineNumber, line.text(line.rest))
  }

  /// The call was put together: what was taken for its parts is read.
  func endMending() {
    brokenThread = nil
    brokenLines.removeAll()
  }

  /// What stood behind a call without its result was no part of it.
  func noteBrokenLines() {
    for (line, text) in brokenLines {
      text.withUnsafeBufferPointer { bytes in
        guard let base = bytes.baseAddress else { return }
        unread.note(.prose, Scanner(base, 0..<bytes.count), at: line, of: linePath)
      }
    }
    brokenLines.removeAll()
  }

  /// The rest of that call is not in the log.
  func noteBroken() {
    brokenThread = nil
    noteBrokenLines()
    broken.text.withUnsafeBufferPointer { text in
      guard let base = text.baseAddress else { return }
      unread.note(.cut, Scanner(base, 0..<text.count), at: broken.line, of: linePath)
    }
  }

  func note(_ kind: UnreadKind, _ line: Scanner) { unread.note(kind, line, at: lineNumber, of: linePath) }

  func pass() { passedCalls += 1 }

  // MARK: Telling

  func intern(_ text: [UInt8]) -> StringID {
    if let known = strings[text] { return known }
    let id = StringID(strings.count)
    strings[text] = id
    // Dense by construction.
    try? tables.define(id, text)
    return id
  }

  /// Tells an event whose variable parts are in `scratch`. What a call's event says of its end may still change.
  func tell(_ event: Event, mayLast: Bool = false) {
    release(until: now)
    held = HeldEvent(event: event, mayLast: mayLast)
    swap(&heldArena, &scratch)
    scratch.removeAll()
    if !mayLast, !stacks.mayFollow { release(until: now) }
  }

  /// Tells an event that is no call and has no variable parts. What is being decoded in `scratch` stays.
  func tell(_ thread: ThreadID, _ body: Event.Body, at time: Nanoseconds? = nil) {
    release(until: now)
    append(Event(thread: thread, entered: time ?? now, exited: time ?? now, body: body), from: Arena())
  }

  /// The last event is complete: `time` is when the next thing happened.
  func release(until time: Nanoseconds) {
    guard var last = held else { return }
    held = nil
    if last.mayLast, time > last.event.entered &+ last.grace {
      last.event.exited = max(last.event.exited, last.limit.map { min($0, time) } ?? time)
    }
    if let (stack, definitions) = stacks.take(intern: { self.intern($0) }) {
      // Dense by construction.
      for definition in definitions { try? tables.define(definition) }
      append(
        Event(
          thread: last.event.thread, entered: last.event.entered, exited: last.event.entered,
          body: .stack(stack, isOfCall: true)), from: heldArena)
    }
    append(last.event, from: heldArena)
    heldArena.removeAll()
  }

  private func append(_ event: Event, from arena: Arena) {
    var copy = event
    copy.sequence = sequence
    sequence += 1
    batch.arena.adopt(&copy, from: arena)
    batch.events.append(copy)
    world.apply(copy, arena: batch.arena, tables: tables)
  }

  /// The thread that has the tid now; one that is not known yet comes to be.
  func thread(_ tid: Int32) -> Int {
    if lastNumber.tid == tid, numbers[tid] == lastNumber.place { return lastNumber.place }
    let place = numbers[tid] ?? appear(tid)
    lastNumber = (tid, place)
    return place
  }
}

/// An event that is not told yet.
struct HeldEvent {
  var event: Event
  /// Its call may have lasted until the next line: without -T nobody knows.
  var mayLast: Bool
  /// It cannot have lasted longer.
  var limit: Nanoseconds?
  /// What is shorter is not taken for its time.
  var grace: Nanoseconds = 0

  init(event: Event, mayLast: Bool) {
    self.event = event
    self.mayLast = mayLast
  }
}
