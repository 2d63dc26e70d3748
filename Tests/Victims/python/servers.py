# What victims with real servers share: a temporary folder, a free port, and a server whose log says when it is ready.
import contextlib
import ctypes
import glob
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

LACKS_NEEDS = 77
PRCTL, PR_SET_PDEATHSIG = ctypes.CDLL(None).prctl, 1


def need(holds, what):
    if not holds:
        sys.exit(f"not as labelled: {what}")


def lacking(what):
    """Something that the victim needs is not installed."""
    print(f"skipped: {what} is not installed", file=sys.stderr)
    sys.exit(LACKS_NEEDS)


def program(name):
    """The path of an installed program; servers lie beside PATH."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"))]
    return shutil.which(name, path=os.pathsep.join(folders)) or lacking(name)


@contextlib.contextmanager
def temporary_folder(owner=None):
    """A folder for sockets, short enough for sun_path, that is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="victim-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        if owner:
            shutil.chown(folder, owner)
        yield folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(port, page, times):
    """Gets /page by connections of their own, and looks at it."""
    for _ in range(times):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/page")
        response = connection.getresponse()
        need(response.status == 200 and response.read() == page, "the page")
        connection.close()


class Server:
    """A server in the foreground, whose log (standard output and error) is a pipe that this process reads."""

    def __init__(self, command, **options):
        # Should SIGALRM end the victim, the server goes with it.
        self.process = subprocess.Popen(command, preexec_fn=lambda: PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, **options)

    def __enter__(self):
        return self

    def wait_for(self, words, times=1):
        """Reads the log until a line has these words; the line."""
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            times -= words in line
            if times == 0:
                return line
        sys.exit(f"not as labelled: the server did not say {words!r}, but: {''.join(lines)}")

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, status=0):
        """Ends the server by this signal, and reads its log to the end."""
        if self.process.poll() is None:
            self.send(number)
        log = self.process.stdout.read()
        need(self.process.wait() == status, f"the server ended with {self.process.returncode}: {log}")

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


BUS_POLICY = "<allow user='*'/><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>"


@contextlib.contextmanager
def private_bus():
    """The address of a dbus-daemon of its own."""
    daemon = program("dbus-daemon")
    with temporary_folder() as folder:
        with open(f"{folder}/conf", "w", encoding="utf-8") as file:
            file.write(f"<busconfig><type>session</type><listen>unix:path={folder}/bus</listen>"
                       f"<auth>EXTERNAL</auth><policy context='default'>{BUS_POLICY}</policy></busconfig>")
        with Server([daemon, "--nofork", "--print-address", f"--config-file={folder}/conf"]) as server:
            yield server.wait_for("unix:").strip()
            server.stop()


@contextlib.contextmanager
def display():
    """The name of a display of an Xvfb of its own."""
    xvfb = program("Xvfb")
    read_end, write_end = os.pipe()
    command = [xvfb, "-displayfd", str(write_end), "-screen", "0", "320x240x24", "-nolisten", "tcp"]
    with Server(command, pass_fds=[write_end]) as server:
        os.close(write_end)
        with os.fdopen(read_end) as answer:
            number = answer.readline().strip()
        need(number, "Xvfb's display")
        yield f":{number}"
        server.stop()
