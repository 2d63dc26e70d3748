"""Says at each pipe where it stands, as CPython itself knows: by faulthandler, on the line of the call."""
import faulthandler
import os
import sys
import threading

out = sys.stdout


def leaf(what):
    out.write(f"== {what}\n")
    out.flush()
    faulthandler.dump_traceback(out, all_threads=False); os.pipe()


class Nested:
    def method(self, depth):
        if depth:
            return self.method(depth - 1)
        leaf("method")

    @property
    def attribute(self):
        leaf("property")

    def __lt__(self, other):
        leaf("comparison called from C")
        return True


def generator():
    yield 1
    leaf("generator")
    yield 2


async def coroutine(depth):
    if depth:
        await coroutine(depth - 1)
    else:
        leaf("coroutine")


def long_function(x):
    # Line numbers that take more than a byte, and lines that go back.
    total = (1 +
             2)
    for i in range(300):
        total += [
            i
            for i in range(3)
        ][0]















































































































































    leaf(
        "long function"
    )
    return total


exec(compile("\n" * 300 + "def far():\n    leaf('far')\n", "made-up.py", "exec"))


def main():
    leaf("plain")
    Nested().method(5)
    Nested().attribute
    sorted([Nested(), Nested()])
    list(generator())
    try:
        coroutine(3).send(None)
    except StopIteration:
        pass
    long_function(1)
    far()
    (lambda: leaf("lambda"))()
    list(map(lambda k: leaf("map"), [1]))
    thread = threading.Thread(target=leaf, args=("thread",))
    thread.start()
    thread.join()
    pid = os.fork()
    if pid == 0:
        leaf("forked child")
        os._exit(0)
    os.waitpid(pid, 0)
    exec("leaf('exec')")
    try:
        raise ValueError
    except ValueError:
        leaf("except")
    finally:
        leaf("finally")
    with open("/dev/null") as file:
        leaf("with")

    try:
        import _interpreters
        _interpreters.exec(_interpreters.create(), "pass")
    except ImportError:
        import _xxsubinterpreters
        _xxsubinterpreters.run_string(_xxsubinterpreters.create(), "pass")
    # The thread has a state in the other interpreter by now, too.
    leaf("after another interpreter")


main()
