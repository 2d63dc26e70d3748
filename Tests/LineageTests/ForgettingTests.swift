// A World that does not keep the dead: what a tracer decides by must not grow with all that ever lived.

import Lineage
import Support
import Testing
import Trace

@Suite struct ForgettingTests {
  /// More than the time for which children of the dead are awaited.
  private static let long: Nanoseconds = 20_000_000_000

  /// After the script.
  private func world(_ script: Script) -> World {
    var world = World(keepsDead: false)
    for event in script.events { world.apply(event, arena: script.arena, tables: script.tables) }
    return world
  }

  private func end(_ thread: ThreadID, at time: Nanoseconds) -> Event {
    Event(thread: thread, entered: time, exited: time, body: .end(status: 0))
  }

  @Test func aProcessWithoutDescendantsIsForgottenLater() throws {
    var script = try Script()
    let first = try script.fork(script.root, pid: 101)
    let second = try script.fork(script.root, pid: 102)
    var world = world(script)
    let now = world.now
    world.apply(end(first, at: now), arena: script.arena, tables: script.tables)
    #expect(world.thread(first) != nil, "a child of its may still be heard of")
    #expect(world.takeForgotten().isEmpty)
    world.apply(end(second, at: now + Self.long), arena: script.arena, tables: script.tables)
    #expect(world.thread(first) == nil)
    #expect(world.thread(second) != nil)
    #expect(world.takeForgotten() == [first])
    #expect(!world.hasForgotten)
    #expect(world.processCount == 3)
  }

  @Test func ancestorsOfWhatLivesAreKept() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let parent = try script.fork(script.root, pid: 101)
    let child = try script.fork(parent, pid: 102)
    let other = try script.fork(script.root, pid: 103)
    let last = try script.fork(script.root, pid: 104)
    var world = world(script)
    let now = world.now
    let root = world.processID(of: script.root)!
    let middle = world.processID(of: parent)!
    let heir = world.processID(of: child)!
    world.apply(end(parent, at: now), arena: script.arena, tables: script.tables)
    world.apply(end(other, at: now + Self.long), arena: script.arena, tables: script.tables)
    #expect(world.process(middle) != nil)
    #expect(world.isHeir(heir) && world.descends(heir, from: root) && world.descends(heir, from: middle))
    let channel = world.file(world.descriptor(4, of: child).file)!.channel
    #expect(world.isForeign(channel, to: heir))
    // With the last descendant its line goes.
    world.apply(end(child, at: now + 2 * Self.long), arena: script.arena, tables: script.tables)
    world.apply(end(last, at: now + 4 * Self.long), arena: script.arena, tables: script.tables)
    #expect(world.process(middle) == nil && world.process(heir) == nil)
    #expect(Set(world.takeForgotten()) == [parent, child, other])
    #expect(world.process(root) != nil)
  }

  @Test func aChildThatIsHeardOfAfterItsParentsEndIsItsHeir() throws {
    var script = try Script()
    script.pipe(script.root, 3, 4)
    let parent = try script.fork(script.root, pid: 101)
    let before = script.events.count
    let child = try script.fork(parent, pid: 102)
    let birth = script.events[before...]
    var world = World(keepsDead: false)
    for event in script.events[..<before] { world.apply(event, arena: script.arena, tables: script.tables) }
    world.apply(end(parent, at: world.now), arena: script.arena, tables: script.tables)
    for event in birth {
      if case .start = event.body { world.apply(event, arena: script.arena, tables: script.tables) }
    }
    #expect(world.isHeir(try #require(world.processID(of: child))))
  }
}
