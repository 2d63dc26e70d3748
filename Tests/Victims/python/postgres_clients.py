#!/usr/bin/python3
# victim: a PostgreSQL server of its own; forked clients with a connection each, LISTEN and NOTIFY, and a fast shutdown
# clean: yes
# slow: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
# forbid: ghost-epoll-entry
# needs: postgresql, python3-psycopg2
#
# No bug: backends and helpers come by fork; each closes the postmaster's ends, makes its own self-pipe or signalfd and its
# own epoll instance. The pipe whose end says that the postmaster died is only held.
import multiprocessing
import os
import pwd
import select
import signal
import subprocess

from servers import Server, lacking, need, program, temporary_folder

try:
    import psycopg2
except ImportError:
    lacking("python3-psycopg2")
CLIENTS = 3


def connect():
    connection = psycopg2.connect(host=folder, dbname="postgres", user="victim")
    connection.autocommit = True
    return connection


def work(number):
    connection = connect()
    with connection.cursor() as cursor:
        for i in range(20):
            cursor.execute("INSERT INTO jobs VALUES (%s, %s)", (number, i))
        cursor.execute("NOTIFY jobs")
    connection.close()


signal.alarm(90)
initdb, postgres = program("initdb"), program("postgres")
owner = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}  # It refuses root.
environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
fork = multiprocessing.get_context("fork")
with temporary_folder(owner) as folder:
    data = os.path.join(folder, "data")
    subprocess.run([initdb, "-D", data, "-U", "victim", "-A", "trust", "--no-sync", "--no-instructions"], check=True,
                   cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, **user)
    with Server([postgres, "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c",
                 "max_connections=10", "-c", "shared_buffers=1MB"], cwd=folder, env=environment, **user) as server:
        server.wait_for("database system is ready to accept connections")
        listener = connect()
        with listener.cursor() as cursor:
            cursor.execute("CREATE TABLE jobs (client int, number int)")
            cursor.execute("LISTEN jobs")
        clients = [fork.Process(target=work, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        while len(listener.notifies) < CLIENTS:
            need(select.select([listener], [], [], 60)[0], "a notification")
            listener.poll()
        for client in clients:
            client.join()
            need(client.exitcode == 0, "a client")
        with listener.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM jobs")
            need(cursor.fetchone() == (CLIENTS * 20,), "all rows")
        listener.close()
        server.stop(signal.SIGINT)
