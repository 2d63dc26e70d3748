// Exit statuses (sysexits.h where it has one), and the one line that goes with each failure.

import Analysis
import ArgumentParser
import Glibc
import Recorder
import Trace

enum ExitStatus {
  static let findings: Int32 = 1
  static let badData: Int32 = 65
  static let noInput: Int32 = 66
  static let cannotWrite: Int32 = 73
  /// faultline itself failed to trace.
  static let failed: Int32 = 125
  static let cannotRun: Int32 = 126
  static let notFound: Int32 = 127

  static func of(_ error: TraceError) -> Int32 {
    switch error {
    case .unreadable: noInput
    case .unwritable, .refusedPlace: cannotWrite
    case .notATrace, .lookalike, .laterVersion, .damaged: badData
    }
  }

  static func of(_ error: RecorderError) -> Int32 {
    switch error {
    case .notFound: notFound
    case .cannotRun: cannotRun
    case .refused: failed
    case .file(let error): of(error)
    }
  }
}

/// Standard error, line by line, under our name.
enum Console {
  /// Paths that a user took from a listing are as hostile as what a program says.
  static func say(_ line: String) { write("faultline: \(EventText.harmless(line))\n", to: STDERR_FILENO) }

  /// Text on standard error as it is, for a terminal's status line.
  static func show(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Text on standard output; what cannot be written ends the program, quietly where nobody reads on (a pager that was left), as
  /// SIGPIPE does where it is not ignored.
  static func print(_ text: String) {
    if let failed = write(text, to: STDOUT_FILENO) {
      if failed == EPIPE { exit(128 + SIGPIPE) }
      say("cannot write standard output: \(String(cString: strerror(failed)))")
      exit(ExitStatus.cannotWrite)
    }
  }

  static func fail(_ line: String, _ status: Int32) -> ExitCode {
    say(line)
    return ExitCode(status)
  }

  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// The errno of a write that failed.
  @discardableResult
  private static func write(_ text: String, to descriptor: Int32) -> Int32? {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        return errno
      }
      bytes = bytes.dropFirst(written)
    }
    return nil
  }
}
