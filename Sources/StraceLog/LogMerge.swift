// Several logs of one run, one per thread (-ff), as one sequence: by time, and of each call its begin and its end.

import Trace

/// What happens next in one of the logs.
struct LogOccurrence {
  enum What {
    /// A line whose call, if it is one, is over before anything else happens.
    case line(Scanner)
    /// A line whose call ends later.
    case begin(Scanner)
    /// That end, at the log's time.
    case end(UInt64)
  }

  var what: What
  var tid: Int32
  var path: String
  /// Which of the logs.
  var file: Int
  var lineNumber: Int
}

struct LogMerge {
  private final class Stream {
    let file: LogFile
    let tid: Int32
    /// The line that is next, a copy; nil at the end.
    var line: [UInt8]?
    var lineNumber = 0
    var following: [UInt8]?
    var followingNumber = 0
    /// Where it stands in the sequence.
    var time: UInt64 = 0
    var followingTime: UInt64 = 0
    /// The call of the line before has not ended.
    var end: UInt64?
    /// What was given out last; its bytes stay until the next is.
    private var given: UnsafeMutablePointer<UInt8>
    private var capacity = 512
    var days: UInt64 = 0
    var isActive = true

    init(_ file: LogFile, tid: Int32) {
      self.file = file
      self.tid = tid
      given = .allocate(capacity: capacity)
    }

    deinit { given.deallocate() }

    func give() -> Scanner {
      let text = line ?? []
      if text.count > capacity {
        given.deallocate()
        capacity = 2 * text.count
        given = .allocate(capacity: capacity)
      }
      for (place, byte) in text.enumerated() { given[place] = byte }
      return Scanner(given, 0..<text.count)
    }
  }

  private let streams: [Stream]
  private let style: TimeStyle
  private var byTid: [Int32: Int] = [:]
  /// Streams by when they go on.
  private var heap: [(time: UInt64, stream: Int)] = []
  /// The stream whose line was given last: what has no time of its own belongs behind it.
  private var last = -1
  private var call = CallText()
  private var position: UInt64 = 0

  init(_ files: [LogFile], tids: [Int32?], survey: Survey) {
    style = survey.style
    streams = zip(files, tids).map { Stream($0, tid: $1 ?? 0) }
    for (place, stream) in streams.enumerated() {
      byTid[stream.tid] = place
      readFollowing(stream)
      advance(stream)
      // Without times, or with such as count from each log's first line, a child begins where its parent made it.
      stream.isActive = style == .ofDay || style == .epoch || survey.parents[stream.tid] == nil
      if stream.isActive, stream.line != nil { push(stream.time, place) }
    }
  }

  /// A thread was made.
  mutating func activate(_ tid: Int32) {
    guard let place = byTid[tid], !streams[place].isActive else { return }
    wake(streams[place])
    if streams[place].line != nil { push(position, place) }
  }

  /// The log goes on from here.
  private func wake(_ stream: Stream) {
    stream.isActive = true
    stream.followingTime = position + (stream.followingTime - min(stream.followingTime, stream.time))
    stream.time = position
  }

  private func readFollowing(_ stream: Stream) {
    guard let line = stream.file.next() else {
      stream.following = nil
      return
    }
    stream.following = line.text(line.rest)
    stream.followingNumber = stream.file.lineNumber
    let head = LineHead.read(line)
    switch style {
    case .none: stream.followingTime = stream.time + 1
    case .relative: stream.followingTime = stream.time + (head.style == .relative ? head.time : 0)
    case .epoch, .ofDay:
      guard head.style == style else {
        stream.followingTime = stream.time
        return
      }
      let day: UInt64 = 86_400_000_000_000
      var time = head.time + stream.days * day
      if style == .ofDay, time + day / 2 < stream.time {
        stream.days += 1
        time += day
      }
      stream.followingTime = max(time, stream.time)
    }
  }

  private func advance(_ stream: Stream) {
    stream.line = stream.following
    stream.lineNumber = stream.followingNumber
    stream.time = stream.followingTime
    if stream.line != nil { readFollowing(stream) }
  }

  /// The next occurrence; its text stays until the next call of this. nil when all are read.
  mutating func next() -> LogOccurrence? {
    // Stacks, and output.
    if last >= 0, streams[last].end == nil, let line = streams[last].line, Self.isTimeless(line) {
      return give(last, asBegin: false)
    }
    if last >= 0, streams[last].end == nil, streams[last].line != nil { push(streams[last].time, last) }
    last = -1
    guard let (time, place) = pop() ?? awaken() else { return nil }
    position = max(position, time)
    let stream = streams[place]
    if let end = stream.end {
      stream.end = nil
      last = place
      return LogOccurrence(
        what: .end(end - stream.days * 86_400_000_000_000 * (style == .ofDay ? 1 : 0)), tid: stream.tid,
        path: stream.file.path, file: place, lineNumber: stream.lineNumber)
    }
    let end = endTime(stream)
    let isOvertaken = end.map { $0 > (heap.first?.time ?? .max) } ?? false
    let given = give(place, asBegin: isOvertaken)
    if isOvertaken, let end {
      stream.end = end
      push(end, place)
      last = -1
    }
    return given
  }

  /// Threads whose making is not told, once nothing else is left.
  private mutating func awaken() -> (time: UInt64, stream: Int)? {
    guard let place = streams.firstIndex(where: { !$0.isActive }) else { return nil }
    wake(streams[place])
    if streams[place].line == nil { return pop() ?? awaken() }
    return (position, place)
  }

  private mutating func give(_ place: Int, asBegin: Bool) -> LogOccurrence {
    let stream = streams[place]
    let text = stream.give()
    let number = stream.lineNumber
    advance(stream)
    last = place
    return LogOccurrence(
      what: asBegin ? .begin(text) : .line(text), tid: stream.tid, path: stream.file.path, file: place,
      lineNumber: number)
  }

  private static func isTimeless(_ line: [UInt8]) -> Bool {
    line.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return true }
      return LineHead.read(Scanner(base, 0..<bytes.count)).style == .none && line.first == 0x20
    }
  }

  /// When the call of the stream's line ends: as -T says, else if it may have waited, where its thread goes on. nil for what is no call.
  private mutating func endTime(_ stream: Stream) -> UInt64? {
    guard style != .none, let line = stream.line else { return nil }
    return line.withUnsafeBufferPointer { bytes -> UInt64? in
      guard let base = bytes.baseAddress else { return nil }
      var body = Scanner(base, 0..<bytes.count)
      body.at = LineHead.read(body).body
      let name = body.word()
      guard body.skip(0x28), let shape = CallNames.call(body, name)?.shape else { return nil }
      call.read(body)
      guard call.ending == .whole, !call.isUnknown else { return nil }
      if let duration = call.duration { return stream.time + duration }
      switch shape {
      case .epollWait, .epollPwait2, .poll, .ppoll, .select, .pselect, .sleep, .waitChild, .accept, .futex, .receive,
        .transfer(.input, _), .vector(.input, _), .message(.input), .flock:
        return stream.following != nil ? stream.followingTime : stream.time
      default: return stream.time
      }
    }
  }

  // MARK: Heap

  private mutating func push(_ time: UInt64, _ stream: Int) {
    heap.append((time, stream))
    var place = heap.count - 1
    while place > 0, heap[(place - 1) / 2].time > heap[place].time {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func pop() -> (time: UInt64, stream: Int)? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var place = 0
      while true {
        var least = place
        for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child].time < heap[least].time {
          least = child
        }
        if least == place { break }
        heap.swapAt(place, least)
        place = least
      }
    }
    return first
  }
}
