// Descriptor tables against what the manual pages say of dup2(2), fork(2), execve(2), close_range(2), unshare(2).

import Lineage
import Support
import Testing
import Trace

extension Script {
  /// The world after all events.
  func world(keepsHistory: Bool = false) -> World {
    var world = World(keepsHistory: keepsHistory)
    for event in events { world.apply(event, arena: arena, tables: tables) }
    return world
  }
}

@Suite struct DescriptorTests {
  @Test func forkCopiesTheTableAndSharesOpenFiles() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let child = try script.fork(script.root, pid: 101)
    script.call(child, .close, 0, .close(3))
    let world = script.world()
    #expect(!world.descriptor(3, of: child).isOpen)
    #expect(world.descriptor(3, of: script.root).isOpen)
    #expect(world.descriptor(4, of: child).file == world.descriptor(4, of: script.root).file)
    #expect(world.descriptor(4, of: child).how == .inherited)
  }

  @Test func threadsShareTheTable() throws {
    var script = try Script()
    let thread = try script.thread(script.root, tid: 102)
    script.pipe(thread, 3, 4)
    script.call(script.root, .close, 0, .close(3))
    let world = script.world()
    #expect(!world.descriptor(3, of: thread).isOpen)
    #expect(world.descriptor(4, of: script.root).isOpen)
  }

  @Test func execDropsCloseOnExecAndUnsharesTheTable() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4, flags: 0o2000000)
    script.pipe(script.root, 5, 6)
    let child = try script.fork(script.root, pid: 101, flags: 0x400)
    script.call(child, .execve, 0, .exec(Exec(path: .empty, arguments: .empty, caller: .unknown)))
    let world = script.world()
    #expect(!world.descriptor(3, of: child).isOpen)
    #expect(world.descriptor(5, of: child).isOpen)
    #expect(world.descriptor(3, of: script.root).isOpen)
    #expect(world.process(of: child)?.hasExeced == true)
  }

  @Test func execFromAnotherThreadKeepsItsTableUnderTheLeadersNumber() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let thread = try script.thread(script.root, tid: 102)
    script.call(
      script.root, .execve, 0, .exec(Exec(path: .empty, arguments: .empty, caller: thread)))
    let world = script.world()
    #expect(world.descriptor(3, of: script.root).isOpen)
    #expect(world.thread(thread)?.isAlive == false)
    #expect(world.thread(script.root)?.isAlive == true)
  }

  @Test func dup2ClosesItsTargetFirst() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    script.pipe(script.root, 5, 6)
    script.call(script.root, .dup2, 5, .duplicate(from: 3, to: 5, closeOnExec: false))
    let world = script.world()
    #expect(world.descriptor(5, of: script.root).file == world.descriptor(3, of: script.root).file)
    let second = try #require(world.channel(world.file(world.descriptor(6, of: script.root).file)!.channel))
    #expect(second.readers == 0)
  }

  @Test func dup2OnToItselfChangesNothing() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    script.call(script.root, .dup2, 3, .duplicate(from: 3, to: 3, closeOnExec: false))
    let world = script.world()
    #expect(world.descriptor(3, of: script.root).how == .created)
  }

  @Test func closeRangeUnsharesClosesOrMarks() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let thread = try script.thread(script.root, tid: 102)
    script.call(thread, .closeRange, 0, .closeRange(first: 3, last: UInt32.max, flags: 2))
    script.call(script.root, .closeRange, 0, .closeRange(first: 4, last: 4, flags: 4))
    let world = script.world()
    #expect(!world.descriptor(3, of: thread).isOpen)
    #expect(world.descriptor(3, of: script.root).isOpen)
    #expect(world.descriptor(4, of: script.root).closeOnExec)
  }

  @Test func aNumberCanBeReusedBeforeItsCloseHasReturned() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let thread = try script.thread(script.root, tid: 102)
    script.call(thread, .close, 0, .close(3), phase: .begin)
    script.pipe(script.root, 3, 5)
    script.call(thread, .close, 0, .close(3), phase: .end)
    #expect(script.world().descriptor(3, of: script.root).isOpen)
  }

  @Test func passedDescriptorsAreTheSameOpenFile() throws {
    var script = try Script()
    script.call(script.root, .socketpair, 0, .socketPair(first: 3, second: 4, domain: 1, type: 1))
    script.pipe(script.root, 5, 6)
    let child = try script.fork(script.root, pid: 101)
    script.call(child, .close, 0, .close(6))
    var sent = Transfer(fd: 3, direction: .output, requested: 1)
    sent.passed = script.arena.add(numbers: [6])
    script.call(script.root, .sendmsg, 1, .transfer(sent))
    script.call(script.root, .close, 0, .close(6))
    var received = Transfer(fd: 4, direction: .input, requested: 1)
    received.passed = script.arena.add(numbers: [9])
    script.call(child, .recvmsg, 1, .transfer(received))
    let world = script.world(keepsHistory: true)
    let descriptor = world.descriptor(9, of: child)
    #expect(descriptor.how == .received)
    #expect(world.file(descriptor.file)?.side == .write)
    #expect(world.channel(world.file(descriptor.file)!.channel)?.writers == 1)
  }

  @Test func theLastCloserHangsUp() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let child = try script.fork(script.root, pid: 101)
    script.call(script.root, .close, 0, .close(4))
    script.emit(child, .end(status: 0))
    let world = script.world()
    let channel = try #require(world.channel(world.file(world.descriptor(3, of: script.root).file)!.channel))
    #expect(channel.writers == 0)
    #expect(channel.hungUp?.thread == child)
  }
}
