// Who could make a descriptor ready: the holders of the other end, traced or not, in words.

import Lineage
import Trace

extension World {
  /// Who can put something into what `side` of the channel reads: `python3 (pid 7, fd 4)`, at most `limit` of them. Empty where
  /// that cannot be known (a socket's peer) or nobody is left.
  func writers(of slot: Int32, to side: Side, tables: TraceTables, limit: Int = 6) -> [String] {
    guard let channel = channel(slot) else { return [] }
    var names: [String] = []
    for holder in holders(of: slot) where channel.canWrite(holder.side, to: side) {
      let pid = process(holder.process)?.pid ?? 0
      names.append("\(command(holder.process, tables)) (pid \(pid), fd \(holder.fd))")
    }
    for outsider in outsiders(of: slot) {
      // O_RDONLY ends read; sockets and eventfds are open for both.
      let reads = outsider.flags & 3 == 0 && [.pipe, .fifo].contains(outsider.kind)
      if reads || channel.kind == .socket { continue }
      names.append(
        "\(EventText.harmless(tables.text(outsider.name))) (pid \(outsider.pid), fd \(outsider.fd), not traced)")
    }
    if names.count > limit { names = Array(names.prefix(limit)) + ["\(names.count - limit) more"] }
    return names
  }
}

extension Channel {
  /// Whether what goes in at `writer` comes out at `reader`.
  func canWrite(_ writer: Side, to reader: Side) -> Bool {
    switch kind {
    case .socketpair: writer != reader
    case .socket: false
    default: writer != .read
    }
  }
}
