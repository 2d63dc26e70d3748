// An injected seccomp(2) call, which adds a filter layer to all threads of a process.

import Ptrace
import Trace

/// A call that a tracee makes for us, and what must be as before once it is over.
struct Injection {
  /// Where the tracee stood.
  enum Place {
    /// At a call's return, or a newborn's first stop: behind the syscall instruction, which is made again.
    case exit
    /// At a call's entry: that call becomes ours, and is made again afterwards.
    case entry
  }

  var place: Place
  var registers: RegisterSet
  var mask: UInt64
  var ranges: [ArmedRange]
  /// What was where the program was put.
  var borrowed: (address: UInt64, words: [UInt64])?
  /// That was the vDSO's tail.
  var isInSpareRoom = false
}

extension Injection {
  /// SECCOMP_SET_MODE_FILTER.
  static let operation: UInt64 = 1
  /// SECCOMP_FILTER_FLAG_TSYNC and SPEC_ALLOW.
  static let flags: UInt64 = 1 | 4
  /// SYSCALL, as the instruction lies in memory.
  static let instruction: UInt16 = 0x050F

  /// What the tracee's registers must hold to make the call with the program (struct sock_fprog) at `address`.
  func call(_ address: UInt64) -> RegisterSet {
    var changed = registers
    switch place {
    case .exit:
      changed[.instructionPointer] = registers[.instructionPointer] &- 2
      changed[.result] = UInt64(Syscall.seccomp.number)
      changed[.call] = UInt64.max
    case .entry:
      changed[.call] = UInt64(Syscall.seccomp.number)
    }
    changed[.argument0] = Self.operation
    changed[.argument1] = Self.flags
    changed[.argument2] = address
    return changed
  }

  /// What they must hold afterwards.
  var after: RegisterSet {
    guard place == .entry else { return registers }
    var changed = registers
    changed[.instructionPointer] = registers[.instructionPointer] &- 2
    changed[.result] = registers[.call]
    changed[.call] = UInt64.max
    return changed
  }
}
