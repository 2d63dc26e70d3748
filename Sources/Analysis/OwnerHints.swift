// Whose loop a wakeup object belongs to, by the functions that made it. Words for the reader, and evidence: no rule asks it.

import Trace

enum OwnerHints {
  /// A function in the stack that made the object, and what is said of it. The first that is found from the innermost frame on counts.
  private struct Hint {
    /// The function's name, or its beginning before a `*`, and the end of its file for Python's.
    var function: String
    var file = ""
    var owner: String
  }

  /// GLib 2.74 (glib/gwakeup.c, gmain.c), CPython 3.8 to 3.14 (Lib/asyncio, multiprocessing, concurrent), libuv 1.44 (src/unix/async.c,
  /// signal.c), libevent 2.1 (evthread notification, signal.c), libev 4.33 (evpipe_init), Qt 5 and 6 (corelib/thread, kernel), mio
  /// 0.8, Go 1.19 (runtime/netpoll_epoll.go), ZeroMQ 4.3 (src/signaler.cpp).
  private static let hints: [Hint] = [
    Hint(function: "g_get_worker_context", owner: "GLib worker"),
    Hint(function: "glib_worker_main", owner: "GLib worker"),
    Hint(function: "g_wakeup_new", owner: "GLib main context"),
    Hint(function: "g_main_context_*", owner: "GLib main context"),
    Hint(function: "_make_self_pipe", file: "asyncio/selector_events.py", owner: "asyncio self-pipe"),
    Hint(function: "BaseSelectorEventLoop._make_self_pipe", owner: "asyncio self-pipe"),
    Hint(function: "__init__", file: "asyncio/selector_events.py", owner: "asyncio selector"),
    Hint(function: "uv_async_init", owner: "libuv loop"),
    Hint(function: "uv__signal_loop_once_init", owner: "libuv signal pipe"),
    Hint(function: "uv__signal_global_reinit", owner: "libuv signal pipe"),
    Hint(function: "uv_loop_init", owner: "libuv loop"),
    Hint(function: "evthread_make_base_notifiable", owner: "libevent base"),
    Hint(function: "evsig_init_", owner: "libevent signals"),
    Hint(function: "event_base_new_with_config", owner: "libevent base"),
    Hint(function: "evpipe_init", owner: "libev loop"),
    Hint(function: "ev_loop_new", owner: "libev loop"),
    Hint(function: "ev_default_loop", owner: "libev loop"),
    Hint(function: "QEventDispatcherUNIXPrivate::QEventDispatcherUNIXPrivate", owner: "Qt event dispatcher"),
    Hint(function: "QThreadPipe::init", owner: "Qt event dispatcher"),
    Hint(function: "mio::*", owner: "mio"),
    Hint(function: "tokio::*", owner: "tokio"),
    Hint(function: "runtime.netpollinit", owner: "Go network poller"),
    Hint(function: "zmq::signaler_t::signaler_t", owner: "ZeroMQ signaler"),
    Hint(function: "zmq::make_fdpair", owner: "ZeroMQ signaler"),
    Hint(function: "__init__", file: "concurrent/futures/process.py", owner: "concurrent.futures"),
    Hint(function: "_ThreadWakeup.__init__", owner: "concurrent.futures"),
    Hint(function: "Pipe", file: "multiprocessing/connection.py", owner: "multiprocessing"),
    Hint(function: "", file: "multiprocessing/", owner: "multiprocessing"),
    Hint(function: "", file: "tornado/", owner: "Tornado"),
    Hint(function: "", file: "gevent/", owner: "gevent"),
    Hint(function: "", file: "twisted/internet/", owner: "Twisted reactor"),
    Hint(function: "", file: "trio/", owner: "Trio"),
  ]

  /// Event libraries that make such objects for their loops alone: the functions that do it are often not named.
  private static let libraries: [(prefix: String, owner: String)] = [
    ("libev.so", "libev loop"), ("libuv.so", "libuv loop"), ("libevent", "libevent base"),
    ("libQt5Core.so", "Qt event dispatcher"), ("libQt6Core.so", "Qt event dispatcher"),
    ("libzmq.so", "ZeroMQ signaler"),
  ]

  /// Only what the user's own code called to make it counts: what called that may be any loop.
  static func owner(of all: [Frame]) -> String? {
    let frames = all[..<(all.firstIndex(where: \.isBlamed) ?? all.count)]
    // GLib's worker has a main context like others: who asked for it stands further out.
    if frames.contains(where: { $0.function == "g_get_worker_context" || $0.function == "glib_worker_main" }) {
      return "GLib worker"
    }
    for frame in frames {
      for hint in hints where matches(hint, frame) { return hint.owner }
    }
    for frame in frames where frame.kind == .native {
      if let library = libraries.first(where: { frame.module?.hasPrefix($0.prefix) == true }) { return library.owner }
    }
    return nil
  }

  private static func matches(_ hint: Hint, _ frame: Frame) -> Bool {
    guard let function = frame.function else { return false }
    if !hint.file.isEmpty {
      guard let file = frame.file, hint.file.hasSuffix("/") ? file.contains("/" + hint.file) : file.hasSuffix(hint.file)
      else { return false }
      return hint.function.isEmpty || function == hint.function || function.hasSuffix("." + hint.function)
    }
    if hint.function.hasSuffix("*") { return function.hasPrefix(hint.function.dropLast()) }
    return function == hint.function || function.hasPrefix(hint.function + "(")
  }
}
