# What hostile_loop.c is, for names of Python's: of functions, files, threads and processes.
import multiprocessing
import os
import select
import threading

EVIL = "\x1b[31m\x9b31m\r\n\u202e\u2066</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
SOURCE = """
def wake():
    os.write(write_end, b"A")
"""

read_end, write_end = os.pipe()
scope = {"os": os, "write_end": write_end}
exec(compile(SOURCE, f"/nowhere/{EVIL}.py", "exec"), scope)
names = {"co_name": EVIL}
if hasattr(scope["wake"].__code__, "co_qualname"):
    names["co_qualname"] = EVIL
scope["wake"].__code__ = scope["wake"].__code__.replace(**names)
asleep = threading.Event()


def start_child():
    asleep.wait()
    process = multiprocessing.get_context("fork").Process(target=scope["wake"], name=EVIL)
    process.start()
    process.join()


thread = threading.Thread(target=start_child, name=EVIL)
thread.start()
poll = select.poll()
poll.register(read_end, select.POLLIN)
for polls in range(3000):
    asleep.set()
    poll.poll()
thread.join()
print("done")
