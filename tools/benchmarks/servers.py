"""Servers, measured by the requests that they answer: started, loaded for a time, ended by SIGTERM."""

import os
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from typing import Callable

from .runner import Program, run
from .workloads import PROGRAMS, PYTHON, is_there


class ServerTrouble(Exception):
    """A server that did not come up or did not answer, in words."""


@dataclass(frozen=True)
class Server:
    """A server and the load that it gets. In its command {port} and {folder} are filled in; its number is in `pid`."""
    name: str
    what: str
    command: tuple
    protocol: str
    clients: int
    needs: tuple = ()
    prepare: Callable | None = None
    kind: str = "rate"
    is_told: bool = False

    def missing(self):
        return next((need for need in self.needs if not (is_there(need) or which(need))), None)


@dataclass(frozen=True)
class Load:
    """What bounds a load: whichever comes first."""
    requests: int
    milliseconds: int


WARM_UP = Load(200, 2_000)


def which(name):
    """Debian keeps servers where an ordinary user's PATH does not look."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")


def configure_nginx(folder, port):
    os.mkdir(os.path.join(folder, "www"))
    with open(os.path.join(folder, "www", "index.html"), "w") as file:
        file.write("x" * 1024)
    # Root's workers would become another user, who may not read here.
    user = "user root root;" if os.geteuid() == 0 else ""
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in places)
    with open(os.path.join(folder, "nginx.conf"), "w") as file:
        file.write(f"""{user} daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;
            events {{ worker_connections 256; }}
            http {{ access_log {folder}/access.log; {temporary} keepalive_requests 1000000000;
                    server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}""")


SERVERS = (
    Server("http", "Python's ThreadingHTTPServer, a connection and so a thread a request",
           (PYTHON, os.path.join(PROGRAMS, "http_server.py"), "{port}", "pid"), "http-close", 4, needs=(PYTHON,)),
    Server("redis", "redis-server, SET and GET of 64 bytes by 8 clients",
           ("redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", "{folder}", "--pidfile", "{folder}/pid", "--daemonize", "no"), "redis", 8,
           needs=("redis-server",)),
    Server("nginx", "nginx, one worker, a page of 1 kB to 8 clients that stay connected",
           ("nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr"), "http", 8, needs=("nginx",),
           prepare=configure_nginx),
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(server, port):
    """Waits until the server takes connections, or has ended, or its time is over."""
    while True:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.has_ended(0.002):
            raise ServerTrouble(f"it ended before it took connections {server.words().strip()[-120:]}")
        if time.monotonic() >= server.latest:
            raise ServerTrouble("it took no connection in time")


def send(generator, server, port, load, folder, deadline):
    """Puts a load on the server; how many requests were answered, and in how many seconds."""
    inner = os.path.join(folder, "load")
    os.makedirs(inner, exist_ok=True)
    answers = os.path.join(inner, "answers")
    command = [generator, port, server.protocol, server.clients, load.requests, load.milliseconds]
    result = run([str(word) for word in command], inner, deadline, stdout=answers)
    if result.failure:
        raise ServerTrouble(f"load: {result.failure}")
    with open(answers) as file:
        requests, nanoseconds = map(int, file.read().split())
    return requests, nanoseconds / 1e9


def serve(server, variant, folder, trace, generator, load, deadline):
    """One run of a server: how it went, how many requests were answered in all, and how many a second."""
    port = free_port()
    if server.prepare:
        server.prepare(folder, port)
    command = [word.format(port=port, folder=folder) for word in server.command]
    command[0] = which(command[0]) or command[0]
    with Program(variant.command(command, trace), folder, deadline, stdout=os.path.join(folder, "output")) as program:
        wait_for_port(program, port)
        first, _ = send(generator, server, port, WARM_UP, folder, deadline)
        requests, seconds = send(generator, server, port, load, folder, deadline)
        program.look()
        stop(program, os.path.join(folder, "pid"))
        return program.wait(), first + requests, requests / seconds


def stop(program, path):
    """SIGTERM to the server itself: the tracer ends when it has."""
    with open(path) as file:
        pid = int(file.read())
    # A stale file must not end anybody else's process: ours has the session that we made.
    if os.getsid(pid) != program.process.pid:
        raise ServerTrouble(f"{path} names process {pid}, which is not the server's")
    os.kill(pid, signal.SIGTERM)
