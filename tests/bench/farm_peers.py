"""One run of mpi4py.futures for farm_peers.sh: empty tasks, or tasks that fork a process and wait
for it. Prints tasks per second as JSON.

usage: mpirun -n RANKS python3 -m mpi4py.futures farm_peers.py TASKS [--executors]"""
import json
import os
import sys
import time

from mpi4py.futures import MPIPoolExecutor


def nothing(_):
    return None


def fork(_):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


if __name__ == "__main__":
    count = int(sys.argv[1])
    task = fork if "--executors" in sys.argv else nothing
    with MPIPoolExecutor() as pool:
        pool.bootup(wait=True)
        list(pool.map(task, range(64)))  # imports are over, everybody has worked
        begin = time.perf_counter()
        for _ in pool.map(task, range(count), unordered=True):
            pass
        seconds = time.perf_counter() - begin
    print(json.dumps({"tasks": count, "seconds": seconds, "tasks_per_second": count / seconds}))
