// What a descriptor means at one moment, by the model's own numbers.

import Lineage
import Trace

/// A number of a call's, and the open file that it means.
struct NamedObject {
  var fd: Int64
  var kind: ObjectKind?
  /// Of a channel.
  var side: Side?
  var channel: UInt32 = 0
  var openFile: UInt32 = 0
  /// The thread that made the channel, or the open file where there is none.
  var creator = ThreadID.unknown
  /// The path, or the peer's address.
  var name = StringID.empty

  /// A number of which nothing is known.
  init(_ fd: some BinaryInteger) { self.fd = Int64(clamping: fd) }

  /// The number as the thread sees it now.
  init(_ fd: FD, _ world: World, _ thread: ThreadID) {
    self.init(fd, file: fd >= 0 ? world.descriptor(fd, of: thread).file : -1, world)
  }

  /// The open file in this slot of the model.
  init(_ fd: FD, file: Int32, _ world: World) {
    self.fd = Int64(fd)
    guard file >= 0 else { return }
    let place = Int(file)
    kind = world.files[place].kind
    openFile = world.files[place].serial
    creator = world.files[place].creator
    name = world.files[place].name
    let slot = Int(world.files[place].channel)
    guard slot >= 0 else { return }
    side = world.files[place].side
    channel = world.channels[slot].serial
    creator = world.channels[slot].creator
  }
}

/// The descriptors that a call is about.
struct NamedObjects {
  var first: NamedObject?
  var second: NamedObject?

  /// Those that the call was given, before it takes effect.
  static func given(_ operation: Operation, _ world: World, _ thread: ThreadID) -> NamedObjects {
    func named(_ fd: FD) -> NamedObject { NamedObject(fd, world, thread) }
    switch operation {
    case .transfer(let transfer): return NamedObjects(first: named(transfer.fd))
    case .wait(let wait): return wait.isEpoll ? NamedObjects(first: named(wait.epoll)) : NamedObjects()
    case .connect(let fd, _), .bind(let fd, _), .listen(let fd), .accept(let fd, _), .shutdown(let fd, _),
      .setCloseOnExec(let fd, _), .setNonblocking(let fd, _), .control(let fd, _), .lock(let fd, _), .close(let fd),
      .setTimer(let fd), .takeDescriptor(let fd, _, _):
      return NamedObjects(first: named(fd))
    case .duplicate(let from, let to, _): return NamedObjects(first: named(from), second: to >= 0 ? named(to) : nil)
    case .closeRange(let first, let last, _):
      return NamedObjects(first: NamedObject(first), second: NamedObject(last))
    case .epollControl(let epoll, _, let fd, _, _), .move(let epoll, let fd, _, _):
      return NamedObjects(first: named(epoll), second: named(fd))
    default: return NamedObjects()
    }
  }

  /// Adds those that the call made, once it took effect.
  mutating func addMade(_ operation: Operation, _ result: CallResult, _ world: World, _ thread: ThreadID) {
    func made() -> NamedObject { NamedObject(FD(truncatingIfNeeded: result.rawValue), world, thread) }
    guard result.succeeded else { return }
    switch operation {
    case .pipe(let one, let other, _, _), .socketPair(let one, let other, _, _):
      first = NamedObject(one, world, thread)
      second = NamedObject(other, world, thread)
    case .create, .socket: first = made()
    case .open(_, _, let kind, _):
      first = made()
      if first?.kind == nil { first?.kind = kind }
    case .accept, .duplicate, .takeDescriptor: second = made()
    default: break
    }
  }
}
