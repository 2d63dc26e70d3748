// What the descriptors of calls mean, beside their numbers, as strace -yy tells it: `3<pipe #5>`.

import Analysis
import Lineage
import Trace

/// Follows a trace, to know what each number means when a call is made with it.
public struct DescriptorNames {
  private var world = World()
  /// What a call was given, while it is open: it may give the number away.
  private var given: [ThreadID: [FD: String]] = [:]

  public init() {}

  /// Every event of the trace, in its order. Returns how the event's call writes its descriptors.
  public mutating func apply(_ event: Event, arena: Arena, tables: TraceTables) -> (FD) -> String {
    guard case .call(_, let result, let operation) = event.body else {
      world.apply(event, arena: arena, tables: tables)
      return { "\($0)" }
    }
    var known = event.phase == .end ? given.removeValue(forKey: event.thread) ?? [:] : [:]
    if event.phase != .end {
      let objects = NamedObjects.given(operation, world, event.thread)
      for object in [objects.first, objects.second] { add(object, to: &known, tables) }
    }
    world.apply(event, arena: arena, tables: tables)
    if event.phase == .begin {
      given[event.thread] = known
    } else {
      var objects = NamedObjects()
      objects.addMade(operation, result, world, event.thread)
      for object in [objects.first, objects.second] { add(object, to: &known, tables) }
      if case .wait(let wait) = operation {
        for entry in arena.waits(wait.entries) where entry.fd >= 0 && known[entry.fd] == nil {
          add(NamedObject(entry.fd, world, event.thread), to: &known, tables)
        }
      }
      if case .transfer(let transfer) = operation {
        for fd in arena.numbers(transfer.passed) where fd >= 0 && known[fd] == nil {
          add(NamedObject(fd, world, event.thread), to: &known, tables)
        }
      }
    }
    return { [known] fd in known[fd] ?? "\(fd)" }
  }

  private func add(_ object: NamedObject?, to known: inout [FD: String], _ tables: TraceTables) {
    guard let object, object.fd >= 0, let kind = object.kind, let fd = FD(exactly: object.fd) else { return }
    let name = EventText.harmless(tables.text(object.name))
    let what = object.channel > 0 ? "\(kind) #\(object.channel)" : name.isEmpty ? "\(kind)" : ""
    let isSocket = kind == .socket && !name.isEmpty
    known[fd] = "\(fd)<\(what.isEmpty ? name : isSocket ? "\(what) \(name)" : what)>"
  }
}
