#!/usr/bin/python3
# victim: redis-server saves in forked children while clients block, publish and pipeline; forked clients connect anew
# clean: yes
# forbid: foreign-wakeup-write
# forbid: foreign-read
# forbid: shared-epoll
# forbid: ghost-epoll-entry
# needs: redis-server, python3-redis
#
# No bug: the saving child tells the server of its progress through a pipe that only it writes; it closes the rest. The
# client library forgets its pool of connections in a forked child.
import multiprocessing
import signal
import sys
import threading

from servers import Server, lacking, need, program, temporary_folder

try:
    import redis
except ImportError:
    lacking("python3-redis")


def work(client, number):
    for i in range(20):
        client.lpush("jobs", f"{number} {i}")
    sys.exit(0 if client.get("ready") == b"yes" else 1)


signal.alarm(60)
server_program = program("redis-server")
fork = multiprocessing.get_context("fork")
with temporary_folder() as folder:
    with Server([server_program, "--port", "0", "--unixsocket", f"{folder}/socket", "--dir", folder, "--save", "",
                 "--appendonly", "yes"]) as server:
        server.wait_for("eady to accept connections")
        client = redis.Redis(unix_socket_path=f"{folder}/socket")
        with client.pipeline() as pipeline:
            for i in range(500):
                pipeline.set(f"key {i}", "x" * 100)
            pipeline.execute()
        client.set("ready", "yes")
        need(client.bgsave(), "a background save")
        server.wait_for("Background saving terminated with success")
        need(client.bgrewriteaof(), "a background rewrite")
        server.wait_for("Background AOF rewrite finished successfully")
        subscription = client.pubsub()
        subscription.subscribe("news")
        need(subscription.get_message(timeout=30)["type"] == "subscribe", "a subscription")
        workers = [fork.Process(target=work, args=(client, number)) for number in range(2)]
        for worker in workers:
            worker.start()
        publisher = threading.Thread(target=client.publish, args=("news", "all"))
        publisher.start()
        for _ in range(40):
            need(client.brpop("jobs", timeout=30), "a job")
        need(subscription.get_message(timeout=30)["data"] == b"all", "a message")
        publisher.join()
        for worker in workers:
            worker.join()
            need(worker.exitcode == 0, "a worker")
        server.stop(signal.SIGTERM)
