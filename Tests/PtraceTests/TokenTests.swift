// A stopped tracee that is forgotten would stand still for ever: its token says so by ending the tracer.

import Testing

@testable import Ptrace

@Suite struct TokenTests {
  @Test func aDroppedTokenEndsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      let token = StoppedTracee(tid: 1, reason: .syscall)
      #expect(token.tid == 1)
    }
  }

  @Test func aForgottenTokenDoesNot() async {
    await #expect(processExitsWith: .success) {
      let token = StoppedTracee(tid: 1, reason: .syscall)
      token.forget()
    }
  }
}
