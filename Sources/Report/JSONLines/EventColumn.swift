// The columns of JSON Lines: every key that a line can have, in the order in which it has them. docs/export.md says what each
// means, docs/faultline.events-1.schema.json of what type it is.

enum EventColumn: Int, CaseIterable {
  // Which event, of which trace.
  case trace, event, type, phase, started, t_ns, end_ns, inside_ns, repeats, cycle, span_ns
  // Who.
  case pid, tid, process, thread, command, execed
  // The call and what came of it.
  case syscall, result, errno
  // The descriptor that it is about, and a second one.
  case fd, kind, side, channel, open_file, creator_pid
  case other_fd, other_kind, other_side, other_channel, other_open_file, other_creator_pid
  // What else it asked for.
  case bytes, messages, payload, passed, timeout_ns, capacity, waits, path, argv, address, pointer, op, enabled, flags
  case value, events, data, inode, signal, code, signals, ignored
  // Other threads and processes.
  case target_pid, sender_pid, parent_pid, parent_tid, child_pid, child_tid, other_tid
  // What is no call.
  case status, running_ns, waiting_ns, name, detail
  // Where the thread stood.
  case stack, in_call, site, frames
  // Of the trace's own line.
  case schema, source, format_version, event_count, folded_calls, complete, began_after_start

  /// `,"name":` of each.
  static let keys = allCases.map { Array(",\"\($0)\":".utf8) }
}
