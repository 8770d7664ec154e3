"""A real redis-server of the tests' own, on a socket in a temporary folder."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis

from tests.waiting import PATIENCE
from tlfif.adapters.redis.store_address import StoreAddress

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(
    SERVER is None and not os.environ.get("CI"), reason="no redis-server or valkey-server here"
)
"""A skip at a desk without one; in CI it is there or its tests fail."""


class RedisProcess:
    """Started by :meth:`start`, again after :meth:`kill`, with what its append-only file holds."""

    def __init__(self, *options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))  # short: a socket's path has 107 letters at most
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._folder}/socket"
        self.address = StoreAddress(url=self.url)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert SERVER is not None, "redis-server is missing: install Debian's package redis-server"
        base = ("--port", "0", "--unixsocket", f"{self._folder}/socket", "--dir", str(self._folder), "--save", "")
        durable = ("--appendonly", "yes", "--appendfsync", "always")
        self._process = subprocess.Popen(
            [SERVER, *base, *durable, *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < deadline, "the redis-server does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power failure would, but for the operating system's own buffers."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def ask(self, *words: str) -> object:
        """The answer to one command."""
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*words)

    def close(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
