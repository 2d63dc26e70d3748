// What is loaded at each start, a short trace's among them.

import Support
import Testing

@Suite struct LinkingTests {
  private static let hasReadelf = (try? Command.run(["readelf", "--version"], deadline: 30))?.status == 0

  /// Sources/CLinux/linking.c says why it would be.
  @Test(.enabled(if: hasReadelf, "needs readelf (binutils)")) func foundationIsNotLoaded() throws {
    let needed = try Command.run(["readelf", "--dynamic", "--wide", Command.faultline], deadline: 60).output
      .split(separator: "\n").filter { $0.contains("(NEEDED)") }
    #expect(needed.contains { $0.contains("[libc.so.6]") })
    for library in ["libFoundation.so", "libFoundationInternationalization.so", "libdispatch.so"] {
      #expect(!needed.contains { $0.contains("[\(library)]") })
    }
  }
}
