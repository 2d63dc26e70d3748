// Making a stopped tracee call seccomp(2), from stop to stop. Nothing is waited for: the stops come through the loop like all
// others, since another thread's exec may end the call, and a stop signal may halt it.

import Glibc
import Ptrace
import Trace

extension Recorder {
  /// Begins to add what the process lacks. If another thread uses its memory's room, waits for that, held.
  func inject(_ tracee: Tracee, at place: Injection.Place, _ token: consuming StoppedTracee) throws(PtraceError) {
    let process = tracee.process
    guard process.space.injecting == nil else {
      tracee.hold(token, signal: 0)
      tracee.waitsToInject = place
      injectors.append(tracee)
      return
    }
    if process.wantsWaits, !process.isDescribedAgain {
      process.isDescribedAgain = true
      describeWatched(tracee)
    }
    try inject(tracee, plannedRanges(process, tracee), at: place, token)
  }

  private func inject(
    _ tracee: Tracee, _ ranges: [ArmedRange], at place: Injection.Place, _ token: consuming StoppedTracee
  ) throws(PtraceError) {
    let process = tracee.process
    let began: Bool
    do throws(PtraceError) {
      began = ranges.isEmpty ? false : try prepare(tracee, at: place, ranges, token)
    } catch {
      // Killed where it stood.
      abandonInjection(tracee)
      began = false
    }
    guard began else {
      if !ranges.isEmpty { stopEverywhere(tracee, "filters cannot be added to it") }
      try goOn(tracee, without: place, token)
      return
    }
    // The kernel will make the call again, without our doing.
    if place == .entry {
      tracee.call?.interrupted = -513
      tracee.call?.mayRestart = true
    }
    process.space.injecting = tracee
    try token.resume(place == .exit ? .run : .toSyscall)
  }

  /// Puts the program into the tracee's memory, and its registers before the call.
  private func prepare(
    _ tracee: Tracee, at place: Injection.Place, _ ranges: [ArmedRange], _ token: borrowing StoppedTracee
  ) throws(PtraceError) -> Bool {
    let registers = try token.allRegisters()
    let memory = TraceeMemory(tid: tracee.tid)
    guard registers.is64Bit,
      memory.load(registers[.instructionPointer] &- 2, as: UInt16.self) == Injection.instruction
    else { return false }
    var injection = Injection(
      place: place, registers: registers, mask: try token.signalMask(), ranges: ranges, borrowed: nil)
    let program = SeccompFilter.layer(ranges)
    guard let address = put(program, into: memory, of: tracee, &injection) else { return false }
    // A handler that ran first would make its own calls, and one of them be taken for ours.
    try token.setSignalMask(UInt64.max)
    tracee.injection = injection
    try token.setRegisters(injection.call(address))
    counters.injections += 1
    return true
  }

  /// Writes a struct sock_fprog (length, address of the instructions) and its instructions to where nobody misses the room.
  /// Returns its address.
  private func put(
    _ program: [UInt64], into memory: TraceeMemory, of tracee: Tracee, _ injection: inout Injection
  ) -> UInt64? {
    func words(_ address: UInt64) -> [UInt64] { [UInt64(program.count), address &+ 16] + program }
    let space = tracee.process.space
    if let room = space.spareRoom(memory), program.count + 2 <= room.words {
      if memory.write(words(room.address), at: room.address) {
        // It was empty, and is again.
        injection.borrowed = (room.address, [UInt64](repeating: 0, count: program.count + 2))
        injection.isInSpareRoom = true
        return room.address
      }
      space.forgetRoom()
    }
    // 128 bytes below the stack pointer are the program's (System V ABI, the red zone).
    let address = (injection.registers[.stackPointer] &- 128 &- UInt64(8 * (program.count + 2))) & ~15
    var old: [UInt64] = []
    for place in 0..<(program.count + 2) {
      guard let word = memory.load(address &+ UInt64(place * 8), as: UInt64.self) else { return nil }
      old.append(word)
    }
    injection.borrowed = (address, old)
    return memory.write(words(address), at: address) ? address : nil
  }

  /// A stop of a tracee that is making the call.
  func injectionStop(
    _ tracee: Tracee, _ injection: Injection, _ token: consuming StoppedTracee
  ) throws(PtraceError) {
    switch token.reason {
    case .event(.seccomp): try token.resume(.toSyscall)
    case .event(.exit), .event(.exec):
      abandonInjection(tracee)
      try stopped(token)
    case .event: try token.resume(.toSyscall)
    case .groupStop(let signal):
      // The call is made once the process goes on.
      try token.resume(.listen)
      noteGroupStop(tracee, signal)
    case .signal(let signal):
      // SIGSTOP; no other gets through the mask.
      if hasBegun, let info = try? token.signal() {
        emit(tracee, .signal(SignalDelivery(number: signal, code: info.code, sender: info.sender)))
      }
      try token.resume(.toSyscall, signal: signal)
    case .syscall:
      guard let stop = try? token.syscall(), stop.kind == .exit else {
        try token.resume(.toSyscall)
        return
      }
      try injected(tracee, injection, result: stop.result, token)
    }
  }

  /// The call has returned.
  private func injected(
    _ tracee: Tracee, _ injection: Injection, result: Int64, _ token: consuming StoppedTracee
  ) throws(PtraceError) {
    abandonInjection(tracee)
    if let borrowed = injection.borrowed {
      _ = TraceeMemory(tid: tracee.tid).write(borrowed.words, at: borrowed.address)
    }
    try? token.setRegisters(injection.after)
    try? token.setSignalMask(injection.mask)
    if result == 0 {
      tracee.process.layers += 1
      counters.layers += 1
      for range in injection.ranges { emit(tracee, .armed(range.calls, first: range.first, last: range.last)) }
    } else if result == -Int64(EFAULT), injection.isInSpareRoom {
      // The program has closed the vDSO to itself.
      tracee.process.space.forgetRoom()
      return try inject(tracee, injection.ranges, at: .exit, token)
    } else {
      stopEverywhere(
        tracee,
        result > 0
          ? "its threads have different filters"
          : "filters cannot be added to it (\(String(cString: strerror(Int32(-result)))))")
    }
    if tracee.process.isSettling, !wantsArming(tracee) { endSettling(tracee) }
    if wantsArming(tracee), injection.place == .exit { return try inject(tracee, at: .exit, token) }
    tracee.isSummoned = wantsArming(tracee) && injection.place == .entry && tracee.call == nil
    if injection.place == .exit { try goOn(tracee, without: .exit, token) } else { try resume(tracee, token) }
  }

  /// Lets a tracee go on from where no call is injected (any more).
  private func goOn(
    _ tracee: Tracee, without place: Injection.Place, _ token: consuming StoppedTracee
  ) throws(PtraceError) {
    if place == .entry {
      hideOurselves(tracee, token)
    } else if tracee.doubtfulSince != nil {
      return try settleOrHold(tracee, token)
    }
    try resume(tracee, token)
  }

  func abandonInjection(_ tracee: Tracee) {
    if tracee.process.space.injecting === tracee { tracee.process.space.injecting = nil }
    tracee.injection = nil
  }

  /// Lets those begin that waited for another thread's injection; it may have done what they wanted.
  func giveInjections() throws(PtraceError) {
    guard !injectors.isEmpty else { return }
    let waiting = injectors
    injectors.removeAll(keepingCapacity: true)
    for tracee in waiting {
      guard let place = tracee.waitsToInject else { continue }
      guard tracee.process.space.injecting == nil else {
        injectors.append(tracee)
        continue
      }
      tracee.waitsToInject = nil
      guard let token = tracee.takeHeld() else { continue }
      if wantsArming(tracee) {
        try inject(tracee, at: place, token)
      } else {
        try goOn(tracee, without: place, token)
      }
    }
  }
}
