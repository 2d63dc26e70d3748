// fuzz-lineage: runs a program that does random descriptor operations under trace, and at random moments, while everything
// stands still, compares the model's descriptor tables with the kernel's: /proc/PID/fd, fdinfo and kcmp(2).
//
//   fuzz-lineage PROGRAM [--ops N] [--seed N] [--every EVENTS] [--trace FILE]

import CLinux
import Glibc
import Lineage
import Recorder
import Trace

/// What is compared, and what was found different.
struct Comparison {
  private(set) var comparisons = 0
  private(set) var descriptors = 0
  private(set) var mismatches: [String] = []
  private var time: Nanoseconds = 0

  private struct Entry {
    var tid: Int32
    var fd: FD
    /// The open file's serial number in the model.
    var serial: UInt32
    var descriptor: Descriptor

    /// `fd 3 of 4711 (pipe:[42], file 7, inherited at 1500 µs)`
    var text: String {
      "fd \(fd) of \(tid) (\(Kernel.link(fd, of: tid)), file \(serial), \(descriptor.how) at \(descriptor.since / 1000) µs)"
    }
  }

  mutating func compare(_ world: World, _ alive: [(id: ThreadID, tid: Int32)]) {
    comparisons += 1
    time = world.now
    var tables: [Int: (id: ThreadID, tid: Int32)] = [:]
    // A thread on its way out has no table, and the kernel calls two of them the same.
    for thread in alive.sorted(by: { $0.tid < $1.tid }) where !Kernel.descriptors(of: thread.tid).isEmpty {
      guard let table = world.thread(thread.id)?.table else { continue }
      guard let first = tables[table] else {
        for (other, known) in tables where clinux_same_table(known.tid, thread.tid) == 1 {
          report("threads \(known.tid) and \(thread.tid) share a table, and the model has \(other) and \(table)")
        }
        tables[table] = thread
        continue
      }
      if clinux_same_table(first.tid, thread.tid) == 0 {
        report("threads \(first.tid) and \(thread.tid) have tables of their own, and the model has one")
      }
    }
    var entries: [Entry] = []
    for (_, thread) in tables.sorted(by: { $0.key < $1.key }) { entries += numbers(thread, world) }
    descriptors += entries.count
    identities(&entries)
  }

  /// Which numbers are open, and which of them close on exec.
  private mutating func numbers(_ thread: (id: ThreadID, tid: Int32), _ world: World) -> [Entry] {
    let real = Kernel.descriptors(of: thread.tid)
    let model = world.openNumbers(of: thread.id)
    // A thread that is on its way out has no descriptors any more.
    if real.isEmpty { return [] }
    for fd in Set(real).subtracting(model).sorted() {
      report("thread \(thread.tid): fd \(fd) is open (\(Kernel.link(fd, of: thread.tid))), not in the model")
    }
    for fd in Set(model).subtracting(real).sorted() {
      report("thread \(thread.tid): fd \(fd) is closed, not in the model")
    }
    return Set(model).intersection(real).sorted().map { fd in
      let descriptor = world.descriptor(fd, of: thread.id)
      if let flags = Kernel.flags(fd, of: thread.tid), (flags & 0o2000000 != 0) != descriptor.closeOnExec {
        report("thread \(thread.tid): fd \(fd) \(descriptor.closeOnExec ? "has no" : "has") FD_CLOEXEC")
      }
      return Entry(tid: thread.tid, fd: fd, serial: world.file(descriptor.file)?.serial ?? 0, descriptor: descriptor)
    }
  }

  /// Which numbers, in all tables, are the same open file. The kernel's order of open files is a total one.
  private mutating func identities(_ entries: inout [Entry]) {
    entries.sort { clinux_compare_files($0.tid, $0.fd, $1.tid, $1.fd) == -1 }
    var seen: [UInt32: Entry] = [:]
    var start = 0
    while start < entries.count {
      var end = start + 1
      while end < entries.count,
        clinux_compare_files(entries[start].tid, entries[start].fd, entries[end].tid, entries[end].fd) == 0
      {
        end += 1
      }
      let group = entries[start..<end]
      let first = group[start]
      for entry in group.dropFirst() where entry.serial != first.serial {
        report("\(first.text) and \(entry.text) are one open file, and two in the model")
      }
      for serial in Set(group.map(\.serial)) {
        if let other = seen[serial] {
          report("\(first.text) and \(other.text) are two open files, and one in the model")
        }
        seen[serial] = group.first { $0.serial == serial }
      }
      start = end
    }
  }

  private mutating func report(_ what: String) {
    mismatches.append(what)
    if mismatches.count <= 20 { print("mismatch at \(time / 1000) µs: \(what)") }
  }
}

/// The kernel's word, by system calls alone.
enum Kernel {
  static func descriptors(of tid: Int32) -> [FD] {
    guard let directory = opendir("/proc/\(tid)/fd") else { return [] }
    defer { closedir(directory) }
    var found: [FD] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if let fd = FD(name) { found.append(fd) }
    }
    return found
  }

  static func link(_ fd: FD, of tid: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let length = buffer.withUnsafeMutableBytes {
      readlink("/proc/\(tid)/fd/\(fd)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return String(decoding: buffer.prefix(max(0, length)), as: UTF8.self)
  }

  /// The `flags:` line of fdinfo, octal.
  static func flags(_ fd: FD, of tid: Int32) -> UInt32? {
    guard let file = fopen("/proc/\(tid)/fdinfo/\(fd)", "re") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("flags:") { return UInt32(text.dropFirst(6).filter(\.isNumber), radix: 8) }
    }
    return nil
  }
}

var program: String?
var operations = 20_000
var seed = UInt64.random(in: 1...999_999)
var every: UInt64 = 500
var path: String?
var words = CommandLine.arguments.dropFirst()
while let word = words.popFirst() {
  switch word {
  case "--ops": operations = words.popFirst().flatMap { Int($0) } ?? operations
  case "--seed": seed = words.popFirst().flatMap { UInt64($0) } ?? seed
  case "--every": every = words.popFirst().flatMap { UInt64($0) } ?? every
  case "--trace": path = words.popFirst()
  default: program = word
  }
}
guard let program else {
  print("usage: fuzz-lineage PROGRAM [--ops N] [--seed N] [--every EVENTS] [--trace FILE]")
  exit(64)
}

print("seed \(seed), \(operations) operations, compared every \(every) events")
var comparison = Comparison()
let trace = path ?? "/tmp/fuzz-lineage-\(getpid()).flt"
do {
  let outcome = try Recorder.record(
    command: [program, "\(seed)", "\(operations)"].map { Array($0.utf8) }, path: trace,
    settings: Recorder.Settings(payloadLimit: 0, scope: .all),
    checkpoint: Checkpoint(interval: every) { comparison.compare($0, $1) })
  if path == nil { unlink(trace) }
  print(
    "\(outcome.events) events, \(comparison.comparisons) comparisons of \(comparison.descriptors) descriptors, "
      + "\(comparison.mismatches.count) mismatches")
  guard outcome.rootStatus == 0 else {
    print("the program ended with wait status \(outcome.rootStatus)")
    exit(1)
  }
  exit(comparison.mismatches.isEmpty && comparison.comparisons > 0 ? 0 : 1)
} catch {
  print("\(error)")
  exit(125)
}
