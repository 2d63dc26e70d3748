// What a rule keeps of single processes' doings with single channels: in an array by the channel's slot, so that the many
// events that concern none of them cost no hashing. A channel that goes gives up its accounts.

import Lineage
import Trace

struct ChannelAccounts<Account: Sendable>: Sendable {
  struct Entry: Sendable {
    var process: ProcessID
    var account: Account
  }

  private var ofSlot: [[Entry]] = []

  /// The place of a process's account among those of the channel.
  @inline(__always)
  private func place(_ slot: Int32, _ process: ProcessID) -> Int? {
    guard slot >= 0, Int(slot) < ofSlot.count, !ofSlot[Int(slot)].isEmpty else { return nil }
    for place in ofSlot[Int(slot)].indices where ofSlot[Int(slot)][place].process == process { return place }
    return nil
  }

  func has(_ slot: Int32, _ process: ProcessID) -> Bool { place(slot, process) != nil }

  /// Whether any process has an account with the channel.
  func has(_ slot: Int32) -> Bool { slot >= 0 && Int(slot) < ofSlot.count && !ofSlot[Int(slot)].isEmpty }

  func has(_ slot: Int32, where matches: (Account) -> Bool) -> Bool {
    has(slot) && ofSlot[Int(slot)].contains { matches($0.account) }
  }

  mutating func open(_ slot: Int32, _ process: ProcessID, _ account: Account) {
    while ofSlot.count <= Int(slot) { ofSlot.append([]) }
    ofSlot[Int(slot)].append(Entry(process: process, account: account))
  }

  /// Changes the account, if there is one.
  mutating func change(_ slot: Int32, _ process: ProcessID, _ body: (inout Account) -> Void) {
    guard let place = place(slot, process) else { return }
    body(&ofSlot[Int(slot)][place].account)
  }

  /// Changes all accounts of the channel.
  mutating func changeAll(_ slot: Int32, _ body: (inout Account) -> Void) {
    guard has(slot) else { return }
    for place in ofSlot[Int(slot)].indices { body(&ofSlot[Int(slot)][place].account) }
  }

  /// Gives up all accounts of the channel.
  mutating func close(_ slot: Int32) -> [Entry] {
    guard has(slot) else { return [] }
    defer { ofSlot[Int(slot)] = [] }
    return ofSlot[Int(slot)]
  }
}
