// The model's descriptor tables against the kernel's, under random operations of many threads (Tests/LineageFuzzer).

import Foundation
import Support
import Testing

@Suite(.serialized) struct LineageFuzzTests {
  /// The fuzzer is built beside faultline. Nobody but its owner may get at a build below a home directory, so an ordinary
  /// user runs copies.
  private static func programs() throws -> (folder: URL, fuzzer: String, stress: String) {
    let folder = FileManager.default.temporaryDirectory.appending(path: "faultline-fuzz-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let fuzzer = folder.appending(path: "fuzz-lineage").path
    let built = URL(filePath: Command.faultline).deletingLastPathComponent().appending(path: "fuzz-lineage").path
    try FileManager.default.copyItem(atPath: built, toPath: fuzzer)
    let stress = folder.appending(path: "lineage_stress").path
    let source = Victim.repository.appending(path: "Tests/Programs/lineage_stress.c").path
    let compiled = try Command.run(
      ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", stress, source])
    #expect(compiled.status == 0, "\(compiled.error)")
    // The fuzzer writes its trace elsewhere; here others only read.
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    return (folder, fuzzer, stress)
  }

  private static let ordinary = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
  private static let users: [[String]] = geteuid() == 0 ? [[], ordinary] : [[]]

  @Test(arguments: users) func modelAgreesWithTheKernel(as user: [String]) throws {
    let (folder, fuzzer, stress) = try Self.programs()
    defer { try? FileManager.default.removeItem(at: folder) }
    for _ in 0..<2 {
      let seed = Int.random(in: 1...999_999)
      print("fuzz-lineage --seed \(seed)")
      let run = try Command.run(
        user + [fuzzer, stress, "--ops", "4000", "--seed", "\(seed)", "--every", "500"], deadline: 90)
      // It ran to its end, and compared.
      #expect(run.output.contains("done 4000 operations"), "seed \(seed):\n\(run.output)\(run.error)")
      #expect(run.output.contains(" comparisons of "), "seed \(seed):\n\(run.output)\(run.error)")
      #expect(run.status == 0, "seed \(seed):\n\(run.output)\(run.error)")
    }
  }
}
