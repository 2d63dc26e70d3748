// The files that faultline makes: private, never led elsewhere by a link, whole or not there; and what is no file is written to as it is.

import Foundation
import Support
import Testing

@Suite struct FileTests {
  /// A folder of the test's own, with a trace in it.
  private final class Folder {
    let path = Command.temporary("-files")
    let trace: String

    init(mode: mode_t = 0o700) throws {
      trace = path + "/sleep.flt"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      _ = try Command.run([Command.faultline, "trace", "--quiet", "-o", trace, "--", "/bin/sleep", "0.01"])
      chmod(path, mode)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
  }

  static let sticky: mode_t = 0o1777

  /// Every way to write a file; each takes the path, then the trace.
  static let writers = [
    ["report", "-o"], ["report", "--format", "text", "-o"], ["export", "--format", "jsonl", "-o"],
    ["export", "--format", "perfetto", "-o"],
  ]

  private func write(_ writer: [String], _ path: String, _ folder: Folder) throws -> CommandResult {
    try Command.run([Command.faultline] + writer + [path, folder.trace])
  }

  private func traceTo(_ path: String, _ command: [String] = ["/bin/echo", "said"]) throws -> CommandResult {
    try Command.run([Command.faultline, "trace", "-o", path, "--"] + command)
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode : 0
  }

  @Test func allAreForTheirOwnerOnly() throws {
    let folder = try Folder()
    let before = umask(0o022)
    defer { umask(before) }
    #expect(mode(folder.trace) == S_IFREG | 0o600)
    for (place, writer) in Self.writers.enumerated() {
      let path = "\(folder.path)/out.\(place)"
      // One that stood there, and that others could read, is replaced.
      _ = FileManager.default.createFile(
        atPath: path, contents: Data("old".utf8), attributes: [.posixPermissions: 0o644])
      let result = try write(writer, path, folder)
      #expect(result.status == 0, "\(writer): \(result.error)")
      #expect(mode(path) == S_IFREG | 0o600, "\(writer)")
      #expect(try Data(contentsOf: URL(filePath: path)).count > 100)
    }
    #expect(folder.names.count == 1 + Self.writers.count, "nothing is left beside them: \(folder.names)")
  }

  @Test(arguments: [0o700, sticky] as [mode_t]) func aLinkIsNotFollowed(_ kind: mode_t) throws {
    let folder = try Folder(mode: kind)
    let aim = folder.path + "/aim"
    _ = FileManager.default.createFile(atPath: aim, contents: Data("precious".utf8))
    let link = folder.path + "/link.flt"
    for target in [aim, folder.path + "/not-there"] {
      symlink(target, link)
      for result in try Self.writers.map({ try write($0, link, folder) }) + [traceTo(link)] {
        #expect(result.status == 73)
        #expect(result.error == "faultline: cannot write \(link): it is a symbolic link, which is not followed\n")
        #expect(result.output == "", "the program was not run")
      }
      unlink(link)
    }
    #expect(try String(contentsOfFile: aim, encoding: .utf8) == "precious")
    #expect(folder.names == ["aim", "sleep.flt"])
  }

  /// Who may write to a folder might have put there what we would write into.
  @Test(.enabled(if: getuid() == 0, "only root can give a file away"))
  func whatOthersHavePutIntoASharedFolderIsLeftAlone() throws {
    let folder = try Folder(mode: Self.sticky)
    let file = folder.path + "/theirs"
    _ = FileManager.default.createFile(atPath: file, contents: Data("theirs".utf8))
    let fifo = folder.path + "/fifo"
    mkfifo(fifo, 0o666)
    let way = folder.path + "/way"
    symlink("/", way)
    for path in [file, fifo, way] { #expect(lchown(path, 65534, 65534) == 0) }
    let why = "it is another user's, in a folder that everybody may write to"
    for (path, why) in [
      (file, why), (fifo, why),
      (way + "\(folder.path)/x", "way is another user's symbolic link, in a folder that everybody may write to"),
    ] {
      for result in try Self.writers.map({ try write($0, path, folder) }) + [traceTo(path)] {
        #expect(result.status == 73)
        #expect(result.error == "faultline: cannot write \(path): \(why)\n")
      }
    }
    #expect(try String(contentsOfFile: file, encoding: .utf8) == "theirs")
    // A folder that only its owner writes to is his to arrange.
    chmod(folder.path, 0o755)
    #expect(try write(Self.writers[0], way + "\(folder.path)/x", folder).status == 0)
  }

  @Test func whatIsNoFileIsWrittenTo() throws {
    let folder = try Folder()
    for writer in Self.writers {
      let out = try write(writer, "/dev/stdout", folder)
      #expect(out.status == 0, "\(writer): \(out.error)")
      #expect(out.output.count > 100)
      #expect(try write(writer, "-", folder).output == out.output)
      #expect(try write(writer, "/dev/null", folder).status == 0)
      #expect(try write(writer, "/dev/full", folder).status == 73)
      #expect(
        try write(writer, "/dev/full", folder).error == "faultline: cannot write /dev/full: No space left on device\n")
    }
    #expect(mode("/dev/null") & S_IFMT == S_IFCHR)
    let fifo = folder.path + "/fifo"
    mkfifo(fifo, 0o600)
    let reader = try Live(["/bin/cat", fifo])
    #expect(try write(Self.writers[1], fifo, folder).status == 0)
    #expect(try reader.end().output.contains("sleep 0.01"))
  }

  @Test(arguments: ["/dev/null", "fifo", "/dev/fd/9"]) func aTraceGoesWhereItIsSent(_ name: String) throws {
    let folder = try Folder()
    let path = name.hasPrefix("/") ? name : "\(folder.path)/\(name)"
    let copy = folder.path + "/copy.flt"
    mkfifo(folder.path + "/fifo", 0o600)
    let reader = name == "fifo" ? try Live(["/bin/sh", "-c", "exec cat '\(path)' > '\(copy)'"]) : nil
    let victim = try Victim.named("founding_pipe.c").command()
    let result = try Command.run(
      ["/bin/sh", "-c", "exec \"$@\" 9> '\(copy)'", "sh", Command.faultline, "trace", "-o", path, "--"] + victim)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.error.contains("trace in \(path) ("))
    #expect(result.error.contains("foreign-wakeup-write"))
    #expect(result.error.contains("incomplete") == false)
    #expect(mode("/dev/null") & S_IFMT == S_IFCHR)
    if let reader { #expect(try reader.end().status == 0) }
    guard name != "/dev/null" else { return }
    let analysis = try Command.run([Command.faultline, "analyze", copy])
    #expect(analysis.status == 0)
    #expect(analysis.error == "", "it is whole")
    #expect(analysis.output.contains("foreign-wakeup-write"))
  }

  @Test(arguments: [["no-such-command-here"], ["/etc/passwd"]]) func whatCannotBeRunTakesNothingAway(
    _ command: [String]
  )
    throws
  {
    let folder = try Folder()
    let kept = folder.path + "/kept"
    #expect(try traceTo("/dev/null", command).status >= 126)
    #expect(mode("/dev/null") & S_IFMT == S_IFCHR)
    #expect(try traceTo(kept, command).status >= 126)
    #expect(folder.names == ["sleep.flt"])
  }

  @Test func whyLeavesNoFile() throws {
    let folder = try Folder()
    let program = try Live(["/bin/sleep", "60"])
    let result = try Command.run(
      [Command.faultline, "why", "--duration", "100ms", "\(program.pid)"], environment: ["TMPDIR": folder.path])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("clock_nanosleep"))
    #expect(folder.names == ["sleep.flt"])
  }

  /// Exports that fail leave what stood there before.
  @Test func aFileIsWholeOrNotThere() throws {
    let folder = try Folder()
    for writer in Self.writers {
      let path = folder.path + "/out"
      try Data("old".utf8).write(to: URL(filePath: path))
      let result = try Command.run(
        ["/bin/sh", "-c", "(ulimit -f 0; exec \"$@\") 2>&1 | cat", "sh", Command.faultline] + writer + [
          path, folder.trace,
        ])
      #expect(result.output == "faultline: cannot write \(path): File too large\n")
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
      #expect(folder.names == ["out", "sleep.flt"])
    }
  }

  @Test func aFolderThatCannotBeWrittenToIsSaid() throws {
    let folder = try Folder()
    for (path, why) in [
      (folder.path, "Is a directory"), ("/no/such/folder/x", "No such file or directory"),
      (folder.trace + "/x", "Not a directory"), (folder.path + "/", "Is a directory"),
      ("/proc/self/x", "No such file or directory"),
    ] {
      for result in try Self.writers.map({ try write($0, path, folder) }) + [traceTo(path)] {
        #expect(result.status == 73, "\(path)")
        #expect(result.error == "faultline: cannot write \(path): \(why)\n")
      }
    }
  }
}
