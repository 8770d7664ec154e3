"""Another program that keeps this computer busy."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

COMPUTE = """
import os, sys, threading
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
def watch():
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
print(flush=True)
while True:
    sum(range(10**6))
"""
"""Each process computes until the input ends, as it does when whoever started them is gone, however that ended."""


@contextmanager
def computing(count: int) -> Iterator[None]:
    """That many processes compute flat out, together in a session of their own, as a program in another window does."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", COMPUTE, str(count)], stdin=pipe, stdout=pipe, start_new_session=True
    ) as program:
        assert program.stdout is not None
        for _ in range(count):
            program.stdout.readline()
        yield
