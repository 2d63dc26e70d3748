"""A multiprocessing Pool's map: task queues are pipes with locks, fed and drained by threads. usage: pool_map.py TASKS"""
import multiprocessing
import sys


def square(number):
    return number * number


if __name__ == "__main__":
    count = int(sys.argv[1])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(square, range(count), chunksize=1) == [number * number for number in range(count)]
