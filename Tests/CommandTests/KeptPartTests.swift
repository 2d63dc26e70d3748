// --keep newest: of a trace that outgrows its limit the newest part stays, and is one that can be judged.

import Foundation
import Support
import Testing

@Suite(.serialized) struct KeptPartTests {
  private static let limit = 102_400

  /// A folder of its own, so that it shows what else is left there.
  private final class Folder {
    let path = Command.temporary("-kept")
    var trace: String { path + "/x.flt" }
    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

    init() throws {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func command(_ trace: String, _ program: [String]) -> [String] {
    [Command.faultline, "trace", "-o", trace, "--max-size", "100K", "--keep", "newest", "--"] + program
  }

  /// The channel and the child are older than what is kept: that they were there is told at its beginning.
  @Test(arguments: ["pipe", "pair", "eventfd"])
  func whatCameBeforeIsKnownByWhatStood(_ kind: String) throws {
    let folder = try Folder()
    let traced = try Command.run(
      command(
        folder.trace,
        ["/usr/bin/python3", Victim.repository.appending(path: "Tests/Programs/late_wakeup.py").path, kind]))
    #expect(traced.status == 0)
    #expect(traced.output == "as it should be\n")
    #expect(traced.error.contains("faultline: warning: --max-size is reached; the trace begins "))
    #expect(folder.names == ["x.flt"])
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.trace)
    let size = try #require(attributes[.size] as? Int)
    #expect(size <= Self.limit && size > Self.limit * 2 / 5, "\(size)")
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let analysis = try Command.run([Command.faultline, "analyze", "--format", "json", folder.trace])
    #expect(analysis.error == "", "it is a whole file")
    let document = try FindingsDocument(json: analysis.output)
    #expect(document.trace.began_after_start)
    #expect(document.trace.complete)
    #expect(
      document.trace.blind_spots.contains {
        $0.hasSuffix("it had reached its limit in size, and keeps its newest part")
      })
    #expect(document.findings.map(\.rule).sorted() == ["busy-poll", "foreign-wakeup-write"])
    for finding in document.findings {
      #expect(finding.severity == "error")
      #expect(finding.message.contains("never exec'd"), "whose child it is, is known: \(finding.message)")
    }
    let lineage = try Command.run([Command.faultline, "lineage", folder.trace])
    #expect(lineage.status == 0)
  }

  @Test func oneThatStaysSmallIsAsAlways() throws {
    let folder = try Folder()
    let traced = try Command.run(command(folder.trace, ["/bin/true"]))
    #expect(traced.status == 0)
    #expect(!traced.error.contains("warning"))
    #expect(folder.names == ["x.flt"])
    let document = try FindingsDocument(
      json: Command.run([Command.faultline, "analyze", "--format", "json", folder.trace]).output)
    #expect(!document.trace.began_after_start && document.trace.blind_spots.isEmpty && document.trace.complete)
  }

  /// However it ends: the file with the name is whole up to then, and the other is gone with its last descriptor.
  @Test func aTracerThatIsKilled() throws {
    let folder = try Folder()
    let program = "i=0; while :; do i=$((i+1)); echo $i | read x; done"
    let live = try Live(command(folder.trace, ["/bin/sh", "-c", program]))
    try until("it has begun anew", deadline: 100) {
      let read = try Command.run([Command.faultline, "analyze", "--format", "json", folder.trace])
      return (try? FindingsDocument(json: read.output))?.trace.began_after_start == true
    }
    kill(live.pid, SIGKILL)
    _ = try live.end()
    #expect(folder.names == ["x.flt"])
    let read = try Command.run([Command.faultline, "analyze", "--format", "json", folder.trace])
    #expect(read.status == 0)
    let document = try FindingsDocument(json: read.output)
    #expect(document.trace.began_after_start && !document.trace.complete)
    #expect(document.trace.events > 100)
  }

  @Test func whatCannotBe() throws {
    let folder = try Folder()
    let alone = try Command.run([Command.faultline, "trace", "-o", folder.trace, "--keep", "newest", "--", "/bin/true"])
    #expect(alone.status == 64)
    let stream = try Command.run(command("/dev/stdout", ["/bin/true"]))
    #expect(stream.status == 73)
    #expect(stream.error == "faultline: cannot write /dev/stdout: what was passed on cannot be let go\n")
    #expect(folder.names.isEmpty)
  }
}
