// The registers of a stopped tracee (x86_64: struct user_regs_struct, sys/user.h).

import CLinux
import Glibc

/// A register by its place in struct user, in 8-byte words.
public enum Register: Int, Sendable {
  case argument4 = 9  // r8
  case argument5 = 8  // r9
  case argument3 = 7  // r10
  case result = 10  // rax
  case argument2 = 12  // rdx
  case argument1 = 13  // rsi
  case argument0 = 14  // rdi
  /// orig_rax: the number of the call that the tracee is in; -1 for none.
  case call = 15
  case instructionPointer = 16
  case stackPointer = 19
}

/// What a stopped tracee's registers say of the call that it is in.
public struct CallRegisters: Sendable {
  /// rax: what the call returned so far.
  public let result: Int64
  /// orig_rax: the call's number, negative outside of one.
  public let number: Int64
  public let arguments: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  public let instructionPointer: UInt64
  public let stackPointer: UInt64
}

extension StoppedTracee {
  /// PTRACE_GETREGS. Of a 64-bit tracee; of a 32-bit one the arguments mean nothing.
  public borrowing func registers() throws(PtraceError) -> CallRegisters {
    var words = [UInt64](repeating: 0, count: 27)
    let result = words.withUnsafeMutableBytes { clinux_ptrace(12, tid, 0, UInt(bitPattern: $0.baseAddress)) }
    if result < 0 { throw PtraceError(operation: "PTRACE_GETREGS", tid: tid, errno: Int32(-result)) }
    return CallRegisters(
      result: Int64(bitPattern: words[10]), number: Int64(bitPattern: words[15]),
      arguments: (words[14], words[13], words[12], words[7], words[9], words[8]), instructionPointer: words[16],
      stackPointer: words[19])
  }

  /// PTRACE_POKEUSER of one register.
  public borrowing func set(_ register: Register, _ value: UInt64) throws(PtraceError) {
    let result = clinux_ptrace(6, tid, UInt(register.rawValue * 8), UInt(value))
    if result < 0 { throw PtraceError(operation: "PTRACE_POKEUSER", tid: tid, errno: Int32(-result)) }
  }

  /// PTRACE_POKEDATA: eight bytes of memory, though the page be read-only to the tracee itself.
  public borrowing func write(_ value: UInt64, at address: UInt64) throws(PtraceError) {
    let result = clinux_ptrace(5, tid, UInt(address), UInt(value))
    if result < 0 { throw PtraceError(operation: "PTRACE_POKEDATA", tid: tid, errno: Int32(-result)) }
  }
}

/// All general registers, bit by bit: struct user_regs_struct.
public struct RegisterSet: Sendable {
  /// 27 of them.
  public internal(set) var words: [UInt64]

  public subscript(register: Register) -> UInt64 {
    get { words[register.rawValue] }
    set { words[register.rawValue] = newValue }
  }

  /// Whether the tracee is in 64-bit code (USER_CS 0x33, USER32_CS 0x23; arch/x86/include/asm/segment.h).
  public var is64Bit: Bool { words[17] == 0x33 }
}

extension StoppedTracee {
  public borrowing func allRegisters() throws(PtraceError) -> RegisterSet {
    var words = [UInt64](repeating: 0, count: 27)
    let result = words.withUnsafeMutableBytes { clinux_ptrace(12, tid, 0, UInt(bitPattern: $0.baseAddress)) }
    if result < 0 { throw PtraceError(operation: "PTRACE_GETREGS", tid: tid, errno: Int32(-result)) }
    return RegisterSet(words: words)
  }

  public borrowing func setRegisters(_ registers: RegisterSet) throws(PtraceError) {
    var words = registers.words
    let result = words.withUnsafeMutableBytes { clinux_ptrace(13, tid, 0, UInt(bitPattern: $0.baseAddress)) }
    if result < 0 { throw PtraceError(operation: "PTRACE_SETREGS", tid: tid, errno: Int32(-result)) }
  }

  /// PTRACE_GETSIGMASK: bit N-1 for signal N.
  public borrowing func signalMask() throws(PtraceError) -> UInt64 {
    var mask: UInt64 = 0
    let result = withUnsafeMutablePointer(to: &mask) { clinux_ptrace(0x420A, tid, 8, UInt(bitPattern: $0)) }
    if result < 0 { throw PtraceError(operation: "PTRACE_GETSIGMASK", tid: tid, errno: Int32(-result)) }
    return mask
  }

  public borrowing func setSignalMask(_ mask: UInt64) throws(PtraceError) {
    var mask = mask
    let result = withUnsafeMutablePointer(to: &mask) { clinux_ptrace(0x420B, tid, 8, UInt(bitPattern: $0)) }
    if result < 0 { throw PtraceError(operation: "PTRACE_SETSIGMASK", tid: tid, errno: Int32(-result)) }
  }
}

extension Ptrace {
  /// Seizes a thread, and gives up with EAGAIN after `patience` milliseconds: the kernel waits for an exec of the thread's process.
  public static func seize(_ tid: Int32, options: PtraceOptions, patience: Int32) throws(PtraceError) {
    let result = clinux_seize(tid, UInt(options.rawValue), patience)
    if result < 0 { throw PtraceError(operation: "PTRACE_SEIZE", tid: tid, errno: Int32(-result)) }
  }

  /// PTRACE_INTERRUPT: the tracee will stop (PTRACE_EVENT_STOP), unless another stop comes first.
  public static func interrupt(_ tid: Int32) throws(PtraceError) {
    let result = clinux_ptrace(0x4207, tid, 0, 0)
    if result < 0 { throw PtraceError(operation: "PTRACE_INTERRUPT", tid: tid, errno: Int32(-result)) }
  }
}
