// Runs in the file: the records of calls that repeat, and how they grow.

extension RecordWriter {
  /// Folds the call whose body is in `body` into its thread's run, or begins one.
  mutating func fold(_ event: Event, _ result: CallResult, _ slot: Int) -> Bool {
    guard file.isOpen else { return false }
    guard let number = bodies.find(body.bytes, in: UnsafeRawPointer(file.body)).number else {
      if threads[slot].repetition.run != nil { threads[slot].repetition.forget() }
      return false
    }
    let call = RepeatedCall(body: Int32(number), result: result.rawValue)
    let rested = Self.rested(event)
    if let run = threads[slot].repetition.run {
      guard run.continues(with: call, exited: event.exited, rested: rested) else {
        threads[slot].repetition.forget()
        return false
      }
      threads[slot].repetition.run!.add(event, to: file)
      file.note(event.exited * TraceFormat.tick)
      return true
    }
    let length = threads[slot].repetition.cycle(with: call, rested: rested)
    guard length > 0 else { return false }
    retractTail()
    guard hasRoom(length * Self.longestHead) else { return false }
    openBegin = nil
    threads[slot].repetition.run = begin(
      threads[slot].repetition.round(of: length), event)
    return true
  }

  /// Whether the call (times in ticks) was a rest.
  static func rested(_ event: Event) -> Bool {
    guard event.exited - event.entered > Repetition.quick, case .call(_, let result, let operation) = event.body else {
      return false
    }
    return operation.mayRest(result)
  }

  /// Writes the records of a run: the first call's with what is known of it, the others' with nothing yet.
  private mutating func begin(_ calls: [RepeatedCall], _ event: Event) -> Run {
    var run = Run(parts: [], base: position.time)
    record.clear()
    for (place, call) in calls.enumerated() {
      head(RecordKind.callWhole.rawValue | RecordKind.knownBody | RecordKind.repeated, event.thread)
      position.thread = event.thread
      var part = Run.Part(call: call, countOffset: 0)
      if place == 0 {
        part.repeats = 1
        part.first = event.exited
        part.inside = event.exited - event.entered
        record.signed(Int64(bitPattern: event.exited &- position.time))
        record.unsigned(part.inside)
      } else {
        part.timeOffset = position.length + record.bytes.count
        record.padded(0)
        record.padded(0)
      }
      record.unsigned(UInt64(call.body))
      record.signed(call.result)
      record.byte(UInt8(calls.count))
      part.countOffset = position.length + record.bytes.count
      record.padded(UInt64(part.repeats))
      record.padded(0)
      record.padded(part.inside)
      run.parts.append(part)
    }
    run.next = calls.count > 1 ? 1 : 0
    commit(event.thread, events: UInt64(calls.count))
    file.note(event.exited * TraceFormat.tick)
    return run
  }
}

extension Run {
  /// Counts another call, in the file as well. Whoever reads between two of the stores finds the call half told, at worst.
  fileprivate mutating func add(_ event: Event, to file: borrowing ChunkFile) {
    let took = event.exited - event.entered
    if parts[next].repeats == 0 {
      let difference = Int64(bitPattern: event.exited &- base)
      parts[next].first = event.exited
      file.replace(at: parts[next].timeOffset, with: ByteWriter.zigzag(difference))
      file.replace(at: parts[next].timeOffset + ByteWriter.paddedSize, with: took)
    }
    parts[next].repeats += 1
    parts[next].inside += took
    let offset = parts[next].countOffset
    file.replace(at: offset + ByteWriter.paddedSize, with: event.exited - parts[next].first)
    file.replace(at: offset + 2 * ByteWriter.paddedSize, with: parts[next].inside)
    file.replace(at: offset, with: UInt64(parts[next].repeats))
    next = next + 1 < parts.count ? next + 1 : 0
  }
}
