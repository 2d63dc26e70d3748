# victim: slow children, idle workers and a queue's consumer wait for what will come
# clean: yes
# forbid: eof-never-comes
#
import multiprocessing
import subprocess
import time


def produce(queue, seconds):
    time.sleep(seconds)
    queue.put(seconds)


if __name__ == "__main__":
    subprocess.run(["sleep", "2"], stdout=subprocess.PIPE)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=produce, args=(queue, seconds)) for seconds in (0, 2)]
    for worker in workers:
        worker.start()
    got = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    assert got == [0, 2]
    with context.Pool(2) as pool:
        pool.map(abs, [1, 2])
        time.sleep(2)
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=time.sleep, args=(2,))
    child.start()
    child.join(5)
