// Scope light: what a forked child does with the channels that it inherited.
//
// Most children exec soon, or close what they do not need: what was armed for them at their birth would stay with these numbers for
// ever, whatever took them later (in a server's worker: its connections). So a child's first calls stop all, and only what it has
// after them is armed.

import Lineage
import Ptrace
import Trace

extension Recorder {
  /// How many calls of a newborn stop. Workers of servers have closed what they do not need after some forty (nginx 1.22,
  /// ngx_worker_process_init; PostgreSQL 15, ClosePostmasterPorts).
  private static let settlingCalls = 64

  /// Before a fork in a process whose closes and copies are not seen: the model learns what is there, for the child to inherit.
  func synchronize(_ parent: Tracee) {
    guard scope == .light, isArmable(parent), !armsChannels(parent) else { return }
    let there = ProcFS.channels(of: parent.process.pid, most: Self.mostInherited)
    let known = world.openNumbers(of: parent.id)
    // With very many nothing is told of the child.
    guard known.count <= Self.mostInherited else { return }
    verify(Set(there).union(known).sorted(), of: parent)
  }

  /// A forked child, before its first call: whatever it does with a channel that it inherited is a foreign use.
  func beginSettling(_ child: Tracee) {
    guard scope == .light, isArmable(child), !armsChannels(child) else { return }
    let known = world.openNumbers(of: child.id)
    guard known.count <= Self.mostInherited, known.contains(where: { !familiesOfInherited($0, child).isEmpty }) else {
      return
    }
    child.process.isSettling = true
    child.process.settlingCalls = Self.settlingCalls
    emit(child, .scope(.all))
  }

  private func familiesOfInherited(_ fd: FD, _ child: Tracee) -> CallFamilies {
    guard fd > Self.standardNumbers.upperBound, case .inherited = world.descriptor(fd, of: child.id).how else {
      return []
    }
    return families(of: fd, child, isWaitedFor: false)
  }

  /// A call begins. Filters are added before the last one, or before one after which they could not be.
  func noteSettling(_ tracee: Tracee, _ syscall: Syscall, _ shape: CallShape, _ arguments: Arguments) {
    let process = tracee.process
    guard process.settlingCalls > 0 else {
      // Another thread adds the filters, or was killed while it did.
      if !wantsArming(tracee), process.space.injecting == nil { endSettling(tracee) }
      return
    }
    process.settlingCalls -= 1
    switch shape {
    case .exec: return
    case .privilege: if mayLosePrivilege(syscall, arguments, tracee) { process.settlingCalls = 0 }
    case .seccomp, .unshare: process.settlingCalls = 0
    // PR_SET_SECCOMP
    case .prctl where arguments.0 == 22: process.settlingCalls = 0
    default: break
    }
    guard process.settlingCalls == 0 else { return }
    emit(tracee, .scope(scope))
    for fd in world.openNumbers(of: tracee.id) {
      let families = familiesOfInherited(fd, tracee)
      want(families, on: fd, tracee)
      // Its close will not be seen.
      if families.isEmpty, !makesStop(fd, tracee) { emit(tracee, .missing(fd)) }
    }
    if !wantsArming(tracee) { endSettling(tracee) }
  }

  /// Whether what is there is made by a call that stops in scope light.
  private func makesStop(_ fd: FD, _ tracee: Tracee) -> Bool {
    switch world.file(world.descriptor(fd, of: tracee.id).file)?.kind {
    case .pipe, .eventfd, .socketpair: true
    default: false
    }
  }

  /// Its filters are there, or it has executed a program, of which nothing is told.
  func endSettling(_ tracee: Tracee) {
    let process = tracee.process
    if process.settlingCalls > 0 { emit(tracee, .scope(scope)) }
    process.settlingCalls = 0
    process.isSettling = false
    guard process.isToBeWatched else { return }
    process.isToBeWatched = false
    watch(process)
  }
}
