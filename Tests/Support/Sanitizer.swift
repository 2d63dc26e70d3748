// What a build under a sanitizer cannot do (tools/test --sanitize).

import Foundation
import Testing

public enum Sanitizer {
  public static let isUsed = ProcessInfo.processInfo.environment["FAULTLINE_SANITIZED"] != nil
}

extension Trait where Self == ConditionTrait {
  /// A stack takes a sanitized tracer a second: after the first few there is no more time for any that was granted.
  public static var needsManyStacks: Self {
    .disabled(if: Sanitizer.isUsed, "under a sanitizer stacks outrun what they may cost")
  }
}
