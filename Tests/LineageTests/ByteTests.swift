// The account of bytes: whose are unread, who took whose, eventfd counters, reads that return before their write does.

import Lineage
import Support
import Testing
import Trace

@Suite struct ByteTests {
  private func channel(_ world: World, _ thread: ThreadID, _ fd: FD) throws -> Channel {
    try #require(world.channel(world.file(world.descriptor(fd, of: thread).file)!.channel))
  }

  @Test func bytesComeOutInTheOrderInWhichTheyWentIn() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let child = try script.fork(script.root, pid: 101)
    script.write(script.root, 4, [1, 2])
    script.write(child, 4, [3])
    script.read(script.root, 3, 1, 1)
    let world = script.world()
    #expect(world.taken.map(\.writer) == [script.root])
    let channel = try channel(world, script.root, 3)
    #expect(channel.queue.waiting.map(\.count) == [1, 1])
    #expect(channel.queue.waiting.map(\.writer) == [script.root, child])
    #expect(channel.use(by: ProcessID(0))?.partialReads == 1)
  }

  @Test func aSurplusIsChargedToWhoeverBroughtIt() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let child = try script.fork(script.root, pid: 101)
    script.write(child, 4, [65])
    script.write(script.root, 4, [65])
    script.read(script.root, 3, 1, 1)
    // The child's byte was read, the root's own is left: but without the child's there would be none.
    let channel = try channel(script.world(), script.root, 3)
    #expect(channel.queue.unread == 1)
    #expect(channel.queue.sinceEmpty.map(\.writer) == [child, script.root])
  }

  @Test func anEventfdCounts() throws {
    var script = try Script()
    script.call(script.root, .eventfd2, 3, .create(.eventfd, flags: 0, value: 2, fd: -1))
    script.write(script.root, 3, [5, 0, 0, 0, 0, 0, 0, 0])
    var world = script.world()
    #expect(try channel(world, script.root, 3).queue.unread == 7)
    script.read(script.root, 3, 8, 8)
    world = script.world()
    #expect(try channel(world, script.root, 3).queue.unread == 0)
  }

  @Test func aSemaphoreGivesOneAtATime() throws {
    var script = try Script()
    script.call(script.root, .eventfd2, 3, .create(.eventfd, flags: 1, value: 3, fd: -1))
    script.read(script.root, 3, 8, 8)
    #expect(try channel(script.world(), script.root, 3).queue.unread == 2)
  }

  @Test func aReadMayReturnBeforeTheWriteThatFedIt() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let child = try script.fork(script.root, pid: 101)
    script.write(child, 4, [1, 2, 3], phase: .begin)
    script.read(script.root, 3, 16, 3)
    var world = script.world()
    #expect(world.taken.map(\.writer) == [child])
    script.write(child, 4, [1, 2, 3], phase: .end)
    world = script.world()
    #expect(try channel(world, script.root, 3).queue.unread == 0)
  }

  @Test func aSocketpairHasTwoDirections() throws {
    var script = try Script()
    script.call(script.root, .socketpair, 0, .socketPair(first: 3, second: 4, domain: 1, type: 1))
    script.write(script.root, 3, [1, 2])
    script.write(script.root, 4, [3])
    let channel = try channel(script.world(), script.root, 3)
    #expect(channel.incoming(at: .second).unread == 2)
    #expect(channel.incoming(at: .first).unread == 1)
  }

  @Test func handlersHaveFramesAndInheritors() throws {
    var script = try Script()
    let action = SignalDisposition(action: .handler, handler: 0x1000, flags: 0)
    script.call(script.root, .rtSigaction, 0, .signalAction(signal: 15, action))
    let child = try script.fork(script.root, pid: 101)
    script.emit(child, .signal(SignalDelivery(number: 15, code: 0, sender: 100)))
    var world = script.world()
    #expect(world.frames(of: child).first?.inherited == true)
    script.call(child, .rtSigreturn, 0, .signalReturn)
    script.call(child, .rtSigaction, 0, .signalAction(signal: 15, action))
    script.emit(child, .signal(SignalDelivery(number: 15, code: 0, sender: 100)))
    world = script.world()
    #expect(world.frames(of: child).map(\.inherited) == [false])
  }

  @Test func oneReadMayDrainSeveralWritesThatHaveBegun() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let first = try script.thread(script.root, tid: 102)
    let second = try script.thread(script.root, tid: 103)
    script.write(first, 4, [1], phase: .begin)
    script.write(second, 4, [2], phase: .begin)
    script.read(script.root, 3, 64, 2)
    #expect(script.world().taken.map(\.writer) == [first, second])
    script.write(first, 4, [1], phase: .end)
    script.write(second, 4, [2], phase: .end)
    #expect(try channel(script.world(), script.root, 3).queue.unread == 0)
  }

  @Test func aSpliceFeedsItsTargetWhileItRuns() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    script.pipe(script.root, 5, 6)
    let thread = try script.thread(script.root, tid: 102)
    script.write(script.root, 4, [1, 2])
    script.call(thread, .splice, 0, .move(from: 3, to: 6, requested: 64, consumes: true), phase: .begin)
    script.read(script.root, 5, 64, 2)
    script.call(thread, .splice, 2, .move(from: 3, to: 6, requested: 64, consumes: true), phase: .end)
    let world = script.world()
    #expect(try channel(world, script.root, 3).queue.unread == 0)
    #expect(try channel(world, script.root, 5).queue.unread == 0)
  }

  @Test func aWriterThatDiesInItsWriteLeavesNothingBegun() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let child = try script.fork(script.root, pid: 101)
    script.write(child, 4, [1, 2, 3], phase: .begin)
    script.emit(child, .end(status: 9))
    script.read(script.root, 3, 64, 3)
    #expect(script.world().taken.isEmpty)
  }

  @Test func shutdownEndsADirectionThoughAllDescriptorsStayOpen() throws {
    var script = try Script()
    script.call(script.root, .socketpair, 0, .socketPair(first: 3, second: 4, domain: 1, type: 1))
    let child = try script.fork(script.root, pid: 101)
    script.call(child, .shutdown, 0, .shutdown(4, how: 1))
    let closer = try #require(try channel(script.world(), script.root, 3).hungUp)
    #expect(closer.thread == child)
    #expect(closer.byShutdown)
  }
}
