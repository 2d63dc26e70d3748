// A call that ends without a result: strace writes what it knows when the call is entered, and a thread that hangs in it leaves the line
// so. A line that was cut on its way looks much the same, and says nothing of the thread.

import Trace

extension Arguments {
  /// Whether the text is what strace writes of a call of that kind before it returns (strace 6.1: what the kernel fills in is
  /// written at the exit, and the parenthesis is closed then).
  func mayBePending(_ shape: CallShape, _ syscall: Syscall) -> Bool {
    guard call.ending == .broken else { return false }
    // "restart_syscall(<... resuming interrupted poll ...>)", whose parenthesis is closed early.
    if case .restart = shape { return argument(0).starts(with: "<...") || call.isBalanced }
    guard call.isBalanced else { return false }
    let isOpen = call.arguments.last?.isEmpty ?? false
    let count = call.arguments.count - (isOpen ? 1 : 0)
    switch shape {
    case .transfer(.input, _), .vector(.input, _), .vectorAt(.input), .receive, .message(.input), .messages(.input),
      .accept, .epollWait, .epollPwait2:
      return isOpen && count == 1
    case .waitChild: return isOpen && count == (syscall == .waitid ? 2 : 1)
    case .transfer(.output, _), .send, .vector(.output, _):
      guard !isOpen, count >= 3 else { return false }
      // Output of the program's own may stand behind the size.
      var size = argument(2)
      return size.number() != nil && size.isAtEnd
    case .message(.output): return !isOpen && count == 3
    case .poll, .ppoll, .futex, .connect: return !isOpen && count >= 3
    case .select, .pselect: return !isOpen && count >= 5
    case .flock: return !isOpen && count == 2
    case .sleep(let place): return isOpen && count == place + 1
    case .exit: return true
    default: return false
    }
  }

  /// Whether a call without its result ends where somebody has pressed Ctrl-C, as the terminal shows: `read(0, ^Cstrace: Process 7
  /// detached`. Then the text ends there, and is read anew.
  mutating func isInterrupted(_ text: inout Scanner, _ shape: CallShape, _ syscall: Syscall) -> Bool {
    guard let key = text.find("^C") else { return false }
    var known = text
    known.end = key
    read(known)
    if mayBePending(shape, syscall) {
      text = known
      return true
    }
    read(text)
    return false
  }
}
