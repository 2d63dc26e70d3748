// Statuses that cannot be answered at once.

import Ptrace

/// A child that was heard of before its parent told of it: its first stop, its end, or both. The parent may have been killed
/// before it could tell.
final class Newborn {
  private var token: StoppedTracee?
  private(set) var ended: Int32?

  func park(_ new: consuming StoppedTracee) {
    if let old = token.take() { old.forget() }
    token = consume new
  }

  func end(_ raw: Int32) {
    if let old = token.take() { old.forget() }
    ended = raw
  }

  func take() -> StoppedTracee? { token.take() }

  func drop() { if let old = token.take() { old.forget() } }
}

/// Holds one status of a batch until it is answered. (Arrays refuse tokens that cannot be copied.)
final class StatusSlot {
  private var status: WaitStatus?

  func put(_ status: consuming WaitStatus) { self.status = consume status }

  func take() -> WaitStatus? { status.take() }

  func drop() {
    guard let status = status.take() else { return }
    if case .stopped(let token) = consume status { token.forget() }
  }
}
