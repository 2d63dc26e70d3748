// What to do about it, in one to three sentences.

import Trace

enum Fixes {
  static func isPython(_ party: Party?) -> Bool { party?.command.hasPrefix("python") ?? false }

  static func forkedChild(actor: Party?, object: ObjectKind) -> String {
    if isPython(actor) {
      return
        "Start children by exec: multiprocessing.set_start_method(\"spawn\") or \"forkserver\", or subprocess. If the child must be forked, do it before the loop exists, and never call the parent's event loop or main context in the child."
    }
    return
      "Let the child exec at once, or fork before the loop makes its \(ObjectWords.noun(object)). A child that goes on without exec must close the inherited \(ObjectWords.noun(object)) and make a loop of its own (pthread_atfork, or the library's reinit call such as event_reinit or uv_loop_fork)."
  }

  static func foreignRead(actor: Party?, execed: Bool, fd: FD) -> String {
    if execed {
      return
        "Give the child a standard input of its own: stdin=subprocess.DEVNULL in Python, </dev/null in a shell, or a dup2 before exec."
    }
    if fd <= 2 {
      return
        "Close or replace the inherited descriptor in the child right after the fork, or start the child by exec with its own standard input."
    }
    return forkedChild(actor: actor, object: .eventfd)
  }

  static func inheritedHandler(actor: Party?, signal: String) -> String {
    if isPython(actor) {
      return
        "In the child, before anything else: signal.set_wakeup_fd(-1) and signal.signal(signal.\(signal), signal.SIG_DFL). Or start children with the \"spawn\" or \"forkserver\" method, which exec and so drop handlers."
    }
    return
      "Reset the handler right after the fork (sigaction(\(signal), SIG_DFL) in the child, with the signal blocked around fork), or start the child by exec, which drops handlers."
  }

  static func heldAfterExec(kind: ObjectKind) -> String {
    switch kind {
    case .socket:
      "Make listening sockets close-on-exec (SOCK_CLOEXEC, accept4; Python does unless set_inheritable was called), and close them in what is started in the background."
    case .file:
      "Open lock files with O_CLOEXEC, or close the lock's descriptor for what is started in the background (in a shell: command 9>&- &)."
    default:
      "Make the descriptor close-on-exec where it is made (O_CLOEXEC, SOCK_CLOEXEC), and pass on only what the program is told of."
    }
  }

  static func forkWhileThreaded(actor: Party?) -> String {
    if isPython(actor) {
      return
        "Use multiprocessing's \"spawn\" or \"forkserver\" method, or subprocess: a child that execs has no copies of locks. Or fork before any thread is started."
    }
    return
      "Between fork and exec call only what is async-signal-safe (signal-safety(7)); fork before threads are started, or use posix_spawn. Locks that the child needs can be taken around the fork by pthread_atfork."
  }

  static func sharedConnection(actor: Party?) -> String {
    if isPython(actor) {
      return
        "Connect anew in each child, and let it drop the inherited connection without a word to the peer (SQLAlchemy: engine.dispose(close=False) after the fork, or a worker's init hook). Or start children with the \"spawn\" method, or before anything is connected."
    }
    return
      "Connect anew in the child, or before the first use in each process; the child closes its copy of the inherited descriptor with close(2) alone, without the library's goodbye to the peer and without shutdown(2)."
  }

  static func eofNeverComes(isOwn: Bool, isDeadlock: Bool, execed: Bool, fd: FD, isPython: Bool) -> String {
    if isOwn {
      return
        "Close the writing end in the reader as soon as its writers have been started: a pipe ends when the last copy of that end is closed, the reader's own included."
    }
    if isDeadlock {
      return
        "Close the writing end before waiting for the child (in Python communicate() does both), so that the child sees the end of its input and can end."
    }
    if fd <= 2 {
      return
        "Give what goes on in the background an output of its own (>/dev/null 2>&1, or a log), and let a daemon close or replace descriptors 0, 1 and 2."
    }
    if execed {
      return
        "Make pipes close-on-exec (pipe2 with O_CLOEXEC\(isPython ? "; in Python leave close_fds=True" : "")), so that programs started meanwhile do not keep copies."
    }
    return
      "Close the inherited writing end in each child that does not write there, right after the fork; or start children by exec with close-on-exec pipes."
  }

  static func busyPoll(returned: Readiness, kind: ObjectKind?, foreign: Bool) -> String {
    if returned.contains(.invalid) {
      return
        "The number in the wait set is closed: take it out of the set where it is closed, and treat POLLNVAL as an error."
    }
    if foreign {
      return
        "Keep the other process away from this descriptor (see the cause); and let the loop drain its wakeup object whenever it is readable, whatever it believes to have written."
    }
    if returned.contains(.hangup) || returned.contains(.error) || returned.contains(.readHangup) {
      return
        "The peer is gone and that will not change: on POLLHUP, POLLERR or a read of 0 close the descriptor, or take it out of the wait set."
    }
    if returned.contains(.input) {
      switch kind {
      case .timerfd:
        return "Read the timerfd when it expires: it stays readable until its count is read or it is set anew."
      case .socket:
        return "Read until EAGAIN, and treat a read of 0 as the end: close the socket or take it out of the wait set."
      default:
        return
          "Read what is there when the wait reports it, and close the descriptor at end of file; or take it out of the wait set while nobody wants it."
      }
    }
    return
      "Ask for writability only while there is something to write: clear POLLOUT (EPOLLOUT) when the queue is empty."
  }
}

extension Fixes {
  static func sharedEpoll(actor: Party?) -> String {
    if isPython(actor) {
      return
        "Do not touch the parent's loop or selector in a forked child: close only its epoll descriptor there (selector.close()), never unregister, remove_reader or loop.close(), which change the parent's interest list as well. Or start children with the \"spawn\" or \"forkserver\" method."
    }
    return
      "An epoll instance is shared across fork, interest list and all: close the inherited descriptor in the child before anything else and make a new one there (event_reinit, uv_loop_fork, ev_loop_fork), or exec at once. EPOLL_CTL_DEL in the child removes the parent's entry."
  }

  static func ghostEntry(fd: FD, byHolder: Bool) -> String {
    "Take the descriptor out before closing it: epoll_ctl(EPOLL_CTL_DEL, \(fd)) first, then close. epoll keeps an entry for as long as any descriptor of the open file is open\(byHolder ? ", so have the other process close its copy (O_CLOEXEC, or close after fork), too" : ", so close the duplicate, too")."
  }
}
