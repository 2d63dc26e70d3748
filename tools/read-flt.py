#!/usr/bin/env python3
"""Prints a faultline trace as JSON, one object per event: a reference reader, written from docs/trace-format.md.

    tools/read-flt.py TRACE.flt

Numbers of texts and threads are resolved. Bytes of a text that are no UTF-8 become \\udc80 to \\udcff; payloads are
hexadecimal. What is wrong with the file goes to standard error. Status: 0; 1 for a trace that is damaged (printed up to
there); 65 for what is no trace, or of a later version; 66 for a file that cannot be read.
"""

import json
import os
import signal
import struct
import sys
import zlib

VERSION = 6
FILE_HEADER = struct.Struct("<8sIIQI36x")
CHUNK_HEADER = struct.Struct("<4sIIIIIQQQ")
TRAILER = struct.Struct("<Q8s")
NO_THREAD = 0xFFFFFFFF
NO_MODULE = 0xFFFFFFFF
PENDING = -(1 << 63)
TICK = 100  # the unit of version 3's times, in ns

CHOICES = {
    "kind": "file pipe fifo eventfd socketpair socket epoll signalfd timerfd inotify pidfd memfd tty directory device "
            "other unknown".split(),
    "spot": "io_uring untraced other_abi ptrace own_filter unprivileged memory slow python unwinder log".split(),
    "action": "default ignore handler".split(),
    "scope": "all wakeups light".split(),
}
PHASES = {3: "whole", 4: "begin", 5: "end", 25: "end"}
FOLDED, SAME_THREAD, KNOWN_BODY = 0x20, 0x40, 0x80

# By kind, and by tag: a name, then NAME:ENCODING in the order of the file. Encodings are Body's methods, or CHOICES.
BODIES = dict(enumerate("""
    start parent:thread flags:uint64;   end status:int;   signal number:int code:int sender:int
    handler_left signal:int;   usage running:uint64 waiting:uint64
    existing fd:int kind:kind link:string inode:uint64 flags:uint same_as:int
    blind_spot spot:spot detail:string;   name name:string
    existing fd:int kind:kind link:string inode:uint64 flags:uint same_as:int same_in:thread waiting:uint64
    existing_thread parent:thread files:thread execed:bool path:string arguments:texts;   missing fd:int
    interest epoll:int fd:int events:uint data:uint64;   handlers caught:uint64 ignored:uint64
    outsider pid:int name:string fd:int kind:kind inode:uint64 flags:uint;   running module:string offset:uint64
    locked_by tid:int;   scope scope:scope;   armed families:byte first:int last:int;   counter name:string value:uint64
""".replace(";", "\n").strip().splitlines(), start=6))
# What version 6 has behind the fields of these.
ADDED = {14: " traits:byte", 18: " installer:thread"}
BODIES[30] = "stack stack:stack of_call:bool"
BODIES[31] = "given_name whose:byte name:string"
THREAD = "thread tid:int generation:uint process:uint pid:int"
OPERATIONS = """
    plain;   pipe read:int write:int flags:uint inode:uint64;   create kind:kind flags:uint value:uint64 fd:int
    socketpair first:int second:int domain:int type:int;   socket domain:int type:int
    connect fd:int address:string;   bind fd:int address:string;   listen fd:int
    accept fd:int flags:uint;   shutdown fd:int how:int;   duplicate from:int to:int cloexec:bool
    set_cloexec fd:int on:bool;   set_nonblocking fd:int on:bool;   control fd:int command:uint
    lock fd:int operation:int;   close fd:int;   close_range first:uint last:uint flags:uint
    open path:string flags:uint kind:kind inode:uint64
    epoll_control epoll:int op:int fd:int events:uint data:uint64;   wait wait:wait;   transfer transfer:transfer
    move from:int to:int requested:uint64 consumes:bool;   set_timer fd:int
    take_descriptor pidfd:int remote:int owner:thread;   spawn flags:uint64 child:thread;   unshare flags:uint64
    exec path:string caller:thread arguments:texts;   exit status:int group:bool;   send_signal target:int signal:int
    signal_action signal:int action:action handler:uint64 flags:uint64;   signal_return;   sleep ns:uint64
    wait_child pid:int;   ring entries:uint;   futex address:uint64 operation:uint value:uint
""".replace(";", "\n").strip().splitlines()


class Damage(Exception):
    """The file's bytes contradict the format."""


class NoTrace(Exception):
    """The file is no trace, or of a version that this reader does not know."""


class Body:
    """A chunk's body. Each method reads one thing of the format and moves on; none reads beyond the end."""

    def __init__(self, data, time, version, texts, threads, parts):
        self.data, self.at, self.known_texts, self.known_threads = data, 0, texts, threads
        self.parts = parts
        self.unit, self.version = TICK if version >= 3 else 1, version
        self.time = time // self.unit
        # What records of this chunk can refer to: the text and the thread before, calls' bodies, threads' last begins.
        self.last_text, self.last_thread, self.bodies, self.begun = b"", None, [], {}

    def byte(self):
        if self.at >= len(self.data):
            raise Damage("a record runs past its chunk")
        self.at += 1
        return self.data[self.at - 1]

    def uint64(self):
        value = 0
        for shift in range(0, 70, 7):
            part = self.byte()
            value |= (part & 0x7F) << shift
            if part < 0x80:
                return self.within(value, 0, 1 << 64)
        raise Damage("a number is longer than ten bytes")

    def int64(self):
        raw = self.uint64()
        return -((raw + 1) >> 1) if raw & 1 else raw >> 1

    def within(self, value, low, high):
        if not low <= value < high:
            raise Damage(f"the number {value} is out of range")
        return value

    def uint(self):
        return self.within(self.uint64(), 0, 1 << 32)

    def int(self):
        return self.within(self.int64(), -(1 << 31), 1 << 31)

    def bool(self):
        return self.byte() != 0

    def count(self, least=1):
        """A number of elements, of `least` bytes or more each."""
        return self.within(self.uint64(), 0, (len(self.data) - self.at) // least + 1)

    def bytes(self):
        count = self.count()
        self.at += count
        return self.data[self.at - count:self.at]

    def raw_text(self):
        """A text, told by what it has in common with the one before."""
        shared = self.within(self.uint64(), 0, len(self.last_text) + 1) if self.version >= 3 else 0
        self.last_text = self.last_text[:shared] + self.bytes()
        return self.last_text

    def text(self, number):
        return self.known_texts[number] if 0 <= number < len(self.known_texts) else ""

    def string(self):
        return self.text(self.uint())

    def texts(self):
        return [self.text(self.int()) for _ in range(self.count())]

    def thread(self):
        number = self.uint()
        return None if number == NO_THREAD else number

    def stack(self):
        number = self.uint()
        return self.parts.stacks[number] if number < len(self.parts.stacks) else None

    def define_part(self, kind):
        """A module, frame, stack or a frame's names: numbers come one after the other."""
        number, parts = self.uint(), self.parts
        known = {26: parts.modules, 27: parts.frames, 28: parts.stacks}.get(kind)
        if known is not None and number != len(known):
            raise Damage(f"a part of a stack has the number {number}")
        if kind == 26:
            known.append({"path": self.string(), "build_id": self.bytes().hex(), "digest": self.uint64()})
        elif kind == 27 and self.within(self.byte(), 0, 2) == 0:
            module, address = self.uint(), self.uint64()
            known.append({"module": None if module == NO_MODULE else parts.modules[self.within(module, 0, len(parts.modules))],
                          "address": address})
        elif kind == 27:
            known.append({"function": self.string(), "file": self.string(), "line": self.int()})
        elif kind == 28:
            cut, frames = self.bool(), parts.frames
            native = [frames[self.within(self.uint(), 0, len(frames))] for _ in range(self.count())]
            interrupted, python = [self.uint() for _ in range(self.count())], []
            for _ in range(self.count()):
                bits = self.uint64()
                python.append({**frames[self.within(bits >> 1, 0, len(frames))], "entry": bits & 1 == 1})
            known.append({"native": native, "interrupted": interrupted, "python": python, "cut": cut})
        else:
            names = [{"function": self.string(), "file": self.string(), "line": self.int()} for _ in range(self.count(3))]
            if number < len(parts.frames):
                parts.frames[number]["names"] = names

    def wait(self):
        epoll, timeout, entries = self.int(), self.int64(), []
        capacity = self.uint() if epoll >= 0 else 0
        for _ in range(self.count(4 if epoll >= 0 else 3)):
            entry = {"fd": self.int(), "asked": self.uint(), "returned": self.uint()}
            entries.append({**entry, "data": self.uint64()} if epoll >= 0 else entry)
        return {"epoll": epoll, "timeout": timeout, "capacity": capacity, "entries": entries}

    def transfer(self):
        fd, bits = self.int(), self.byte()
        result = {"fd": fd, "direction": "output" if bits & 1 else "input", "positioned": bits & 2 != 0,
                  "requested": self.uint64(), "flags": self.uint(), "messages": self.uint()}
        if bits & 1:
            result["payload"] = self.bytes().hex()
        if bits & 4:
            result["passed"] = [self.int() for _ in range(self.count())]
        return result

    def fields(self, line):
        """What a line of BODIES or OPERATIONS describes."""
        result = {}
        for field in line.split()[1:]:
            name, encoding = field.split(":")
            if encoding in CHOICES:
                value = CHOICES[encoding][self.within(self.byte(), 0, len(CHOICES[encoding]))]
            else:
                value = getattr(self, encoding)()
            result |= value if isinstance(value, dict) else {name: value}
        return result

    def call(self):
        """What a call asked for."""
        syscall, line = self.uint(), OPERATIONS[self.within(self.byte(), 0, len(OPERATIONS))]
        return {"syscall": syscall, "operation": line.split()[0], "fields": self.fields(line)}

    def event(self, tag):
        """The rest of an event's record, whose first byte was `tag`; None for a call that its run has not come to."""
        kind, new = tag & 0x1F, self.version >= 3
        if not (new and tag & SAME_THREAD):
            self.last_thread = self.thread()
        number = self.last_thread
        time = self.within(self.time + self.int64(), 0, 1 << 64)
        entered = time
        if kind in (3, 5):
            entered = self.within(time - self.uint64(), 0, 1 << 64)
        elif kind == 25:
            if number not in self.begun:
                raise Damage("a call ended that had not begun")
            entered = self.within(self.begun[number], 0, time + 1)
        known = number is not None and number < len(self.known_threads) and self.known_threads[number]
        event = {"thread": number, **(known or {}), "entered": entered * self.unit, "exited": time * self.unit,
                 "repeats": 1}
        if tag & FOLDED and not new:
            event["repeats"] = max(1, self.uint())
        if kind in PHASES and not (kind == 25 and not new):
            event |= {"event": "call", "phase": PHASES[kind]}
            if not new:
                event |= {"syscall": self.uint(), "result": PENDING if kind == 4 else self.int64()}
                line = OPERATIONS[self.within(self.byte(), 0, len(OPERATIONS))]
                event |= {"operation": line.split()[0], "fields": self.fields(line)}
            else:
                if tag & KNOWN_BODY:
                    event |= self.bodies[self.within(self.uint64(), 0, len(self.bodies))]
                else:
                    self.bodies.append(self.call())
                    event |= self.bodies[-1]
                event["result"] = PENDING if kind == 4 else self.int64()
                if kind == 4:
                    self.begun[number] = time
                if tag & FOLDED:
                    event["cycle"], event["repeats"] = self.uint64(), self.uint()
                    event["span"], event["inside"] = self.uint64() * TICK, self.uint64() * TICK
                    event["exited"] += event["span"]
                    return event if event["repeats"] else None
            event["result"] = None if event["result"] == PENDING else event["result"]
        elif kind in BODIES:
            line = BODIES[kind] + (ADDED.get(kind, "") if self.version >= 6 else "")
            event |= {"event": line.split()[0], "fields": self.fields(line)}
        else:
            raise Damage(f"a record of the unknown kind {kind}")
        self.time = time
        return event

    def define(self, table, number, value, empty):
        self.within(number, 0, len(table) + 65537)  # numbers are dense; a gap must not fill memory
        table.extend([empty] * (number + 1 - len(table)))
        table[number] = value


class Parts:
    """What stacks are made of, by their numbers."""

    def __init__(self):
        self.modules, self.frames, self.stacks = [], [], []


class Reader:
    def __init__(self, file):
        self.file, self.texts, self.threads, self.parts = file, [""], [], Parts()
        size = os.fstat(file.fileno()).st_size
        head = file.read(FILE_HEADER.size)
        if len(head) < FILE_HEADER.size or not head.startswith(b"\x89FLT\r\n\x1a\n"):
            raise NoTrace("not a faultline trace")
        _, self.version, _, self.started, self.flags = FILE_HEADER.unpack(head)
        if not 1 <= self.version <= VERSION:
            raise NoTrace(f"format version {self.version}; this reader knows up to {VERSION}")
        file.seek(max(0, size - TRAILER.size))
        index, magic = TRAILER.unpack(file.read(TRAILER.size))
        self.complete = magic == b"\x89FLTEND\n" and FILE_HEADER.size <= index < size
        self.end = index if self.complete else size

    def events(self):
        """Every event of the file; raises Damage where it ends badly."""
        offset, sealed = FILE_HEADER.size, True
        while sealed and offset + CHUNK_HEADER.size <= self.end:
            self.file.seek(offset)
            magic, flags, length, crc, _, _, time, _, sequence = CHUNK_HEADER.unpack(self.file.read(CHUNK_HEADER.size))
            if magic != b"FCHK" and not self.complete:
                return
            if magic != b"FCHK" or length > 65536:
                raise Damage(f"no chunk at byte {offset}")
            data = self.file.read(length)
            sealed = flags & 1 == 1
            if sealed and (len(data) < length or zlib.crc32(data) != crc):
                raise Damage(f"the chunk at byte {offset} is cut off, or its checksum does not match")
            body = Body(data, time, self.version, self.texts, self.threads, self.parts)
            while body.at < len(data):
                tag = body.byte()
                if tag & 0x1F == 1:
                    body.define(self.texts, body.uint(), body.raw_text().decode("utf-8", "surrogateescape"), "")
                elif tag & 0x1F == 2:
                    body.define(self.threads, body.uint(), body.fields(THREAD), None)
                elif self.version >= 4 and 26 <= tag & 0x1F <= 29:
                    body.define_part(tag & 0x1F)
                else:
                    event = body.event(tag)
                    if event:
                        yield {"sequence": sequence, **event}
                    sequence += 1
            if len(data) < length:
                raise Damage(f"the chunk at byte {offset} is cut off")
            offset += CHUNK_HEADER.size + (length + 7) // 8 * 8


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__.strip())
    path = arguments[0]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with open(path, "rb") as file:
            reader = Reader(file)
            for event in reader.events():
                print(json.dumps(event))
            if not reader.complete:
                print(f"warning: {path} is incomplete: its writer did not finish it", file=sys.stderr)
    except Damage as damage:
        print(f"warning: {path} is damaged: {damage}", file=sys.stderr)
        return 1
    except (NoTrace, OSError) as problem:
        print(f"{path}: {getattr(problem, 'strerror', problem)}", file=sys.stderr)
        return 65 if isinstance(problem, NoTrace) else 66
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
