// Perfetto's packets: tracks and the events on them, written as they come. Names and texts that repeat are told once and then by
// number, until the table of them is full and begun anew.

import FoundationEssentials
import SwiftProtobuf
import Trace

/// What an event is annotated with: the UI shows it as the event's arguments.
struct PerfettoNote {
  enum Value {
    case text(String)
    case number(Int64)
    case unsigned(UInt64)
    case flag(Bool)
    case list([String])
  }

  var name: String
  var value: Value

  static func text(_ name: String, _ text: String) -> Self { Self(name: name, value: .text(text)) }
  static func number(_ name: String, _ number: some BinaryInteger) -> Self {
    Self(name: name, value: .number(Int64(clamping: number)))
  }
  static func unsigned(_ name: String, _ number: UInt64) -> Self { Self(name: name, value: .unsigned(number)) }
  static func list(_ name: String, _ texts: [String]) -> Self { Self(name: name, value: .list(texts)) }
}

struct PerfettoWriter {
  /// The groups by which the UI can search and filter.
  enum Category: String {
    case call, wait, sleep, blocked, run, spin, fork, wakeup, signal, channel, finding
  }

  private static let packetsPerWrite = 256
  private static let mostTexts = 16_384
  /// All packets are one sequence: numbers of texts count within one.
  private static let sequence: UInt32 = 1

  private let sink: ([UInt8]) throws -> Void
  private var batch = PerfettoTrace()
  private var texts = Interning()
  private var hasBegun = false

  /// The numbers of what was told, by kind; each begins at 1.
  private struct Interning {
    var categories: [String: UInt64] = [:]
    var names: [String: UInt64] = [:]
    var noteNames: [String: UInt64] = [:]
    var values: [String: UInt64] = [:]

    var count: Int { names.count + values.count }
  }

  /// `sink` takes the file's bytes, piece by piece.
  init(sink: @escaping ([UInt8]) throws -> Void) { self.sink = sink }

  /// What moment of the world the trace began at: ns since 1970.
  mutating func clock(began: UInt64) throws {
    var packet = PerfettoTracePacket()
    packet.clockSnapshot.primaryTraceClock = .boottime
    for (clock, time) in [(PerfettoBuiltinClock.boottime, UInt64(0)), (.realtime, began)] {
      var reading = PerfettoClockSnapshot.Clock()
      reading.clockID = UInt32(clock.rawValue)
      reading.timestamp = time
      packet.clockSnapshot.clocks.append(reading)
    }
    try add(packet, at: 0)
  }

  mutating func describe(_ track: PerfettoTrackDescriptor, at time: Nanoseconds) throws {
    var packet = PerfettoTracePacket()
    packet.trackDescriptor = track
    try add(packet, at: time)
  }

  mutating func count(_ value: UInt64, on track: UInt64, at time: Nanoseconds) throws {
    var packet = PerfettoTracePacket()
    packet.trackEvent.type = .counter
    packet.trackEvent.trackUuid = track
    packet.trackEvent.counterValue = Int64(clamping: value)
    try add(packet, at: time)
  }

  mutating func begin(
    _ name: String, _ category: Category, on track: UInt64, at time: Nanoseconds, flows: [UInt64] = [],
    notes: [PerfettoNote] = []
  ) throws {
    try event(.sliceBegin, name, category, track, time, flows, notes)
  }

  mutating func instant(
    _ name: String, _ category: Category, on track: UInt64, at time: Nanoseconds, flows: [UInt64] = [],
    notes: [PerfettoNote] = []
  ) throws {
    try event(.instant, name, category, track, time, flows, notes)
  }

  mutating func end(on track: UInt64, at time: Nanoseconds) throws {
    var packet = PerfettoTracePacket()
    packet.trackEvent.type = .sliceEnd
    packet.trackEvent.trackUuid = track
    try add(packet, at: time)
  }

  /// Hands on what has not been handed on yet.
  mutating func flush() throws {
    guard !batch.packet.isEmpty else { return }
    // A file is one message that consists of packets: parts of it, each written as such a message, add up to it.
    try sink(batch.serializedBytes())
    batch.packet.removeAll(keepingCapacity: true)
  }

  private mutating func event(
    _ type: PerfettoTrackEvent.TypeEnum, _ name: String, _ category: Category, _ track: UInt64, _ time: Nanoseconds,
    _ flows: [UInt64], _ notes: [PerfettoNote]
  ) throws {
    if texts.count > Self.mostTexts {
      texts = Interning()
      hasBegun = false
    }
    var added = PerfettoInternedData()
    var event = PerfettoTrackEvent()
    event.type = type
    event.trackUuid = track
    event.categoryIids = [self.category(category, &added)]
    event.nameIid = self.name(name, &added)
    event.flowIds = flows
    event.debugAnnotations = notes.map { annotation($0, &added) }
    var packet = PerfettoTracePacket()
    packet.trackEvent = event
    if added != PerfettoInternedData() { packet.internedData = added }
    try add(packet, at: time)
  }

  private mutating func add(_ packet: PerfettoTracePacket, at time: Nanoseconds) throws {
    var packet = packet
    packet.timestamp = time
    packet.trustedPacketSequenceID = Self.sequence
    let needs = UInt32(PerfettoTracePacket.SequenceFlags.seqNeedsIncrementalState.rawValue)
    let clears = UInt32(PerfettoTracePacket.SequenceFlags.seqIncrementalStateCleared.rawValue)
    packet.sequenceFlags = hasBegun ? needs : needs | clears
    hasBegun = true
    batch.packet.append(packet)
    if batch.packet.count >= Self.packetsPerWrite { try flush() }
  }

  private mutating func category(_ category: Category, _ added: inout PerfettoInternedData) -> UInt64 {
    if let known = texts.categories[category.rawValue] { return known }
    var entry = PerfettoEventCategory()
    entry.iid = UInt64(texts.categories.count + 1)
    entry.name = category.rawValue
    texts.categories[category.rawValue] = entry.iid
    added.eventCategories.append(entry)
    return entry.iid
  }

  private mutating func name(_ name: String, _ added: inout PerfettoInternedData) -> UInt64 {
    if let known = texts.names[name] { return known }
    var entry = PerfettoEventName()
    entry.iid = UInt64(texts.names.count + 1)
    entry.name = name
    texts.names[name] = entry.iid
    added.eventNames.append(entry)
    return entry.iid
  }

  private mutating func annotation(
    _ note: PerfettoNote, _ added: inout PerfettoInternedData
  ) -> PerfettoDebugAnnotation {
    var annotation = PerfettoDebugAnnotation()
    annotation.nameIid = noteName(note.name, &added)
    switch note.value {
    case .text(let text): annotation.stringValueIid = value(text, &added)
    case .number(let number): annotation.intValue = number
    case .unsigned(let number): annotation.uintValue = number
    case .flag(let isTrue): annotation.boolValue = isTrue
    case .list(let texts):
      annotation.arrayValues = texts.map { text in
        var element = PerfettoDebugAnnotation()
        element.stringValueIid = value(text, &added)
        return element
      }
    }
    return annotation
  }

  private mutating func noteName(_ name: String, _ added: inout PerfettoInternedData) -> UInt64 {
    if let known = texts.noteNames[name] { return known }
    var entry = PerfettoDebugAnnotationName()
    entry.iid = UInt64(texts.noteNames.count + 1)
    entry.name = name
    texts.noteNames[name] = entry.iid
    added.debugAnnotationNames.append(entry)
    return entry.iid
  }

  private mutating func value(_ text: String, _ added: inout PerfettoInternedData) -> UInt64 {
    if let known = texts.values[text] { return known }
    var entry = PerfettoInternedString()
    entry.iid = UInt64(texts.values.count + 1)
    entry.str = Data(text.utf8)
    texts.values[text] = entry.iid
    added.debugAnnotationStringValues.append(entry)
    return entry.iid
  }
}
