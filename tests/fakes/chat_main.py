"""``tlfif chat`` with a client that answers at once, for tests in a terminal of their own.

The prompt "wait" is answered when the file that the first argument names is there, "stay" is not even cancelled before.
Every prompt that arrives is written into the second file, one JSON text a line.
"""

import asyncio
import json
import sys
from argparse import ArgumentParser
from collections.abc import AsyncGenerator
from pathlib import Path

from tests.fakes.desk import FakeClient, a_model, events
from tlfif.cli import chat
from tlfif.cli.output.console import real_console
from tlfif.jobs.events import EventKind
from tlfif.wire.jobs import Accepted, Asking, FollowUpdate, JobView


class Echo(FakeClient):
    """Answers each prompt with the number of its letters."""

    async def infer(self, asking: Asking, *, key: str | None = None) -> Accepted:
        """Writes the prompt down."""
        self.prompt = str(asking["messages"][-1]["content"])
        with asked.open("a") as file:
            file.write(json.dumps(self.prompt) + "\n")
        return await super().infer(asking, key=key)

    async def follow(self, job_id: str, *, after: int = 0) -> AsyncGenerator[FollowUpdate, None]:
        """The answer in two parts; between those to "wait" is the wait."""
        first, *rest = events("The first half ", f"and the second of {len(self.prompt)}.", EventKind.SUCCEEDED)
        yield first
        while self.prompt in {"wait", "stay"} and not go.exists():  # noqa: ASYNC110 - another process makes the file
            await asyncio.sleep(0.01)
        for update in rest:
            yield update

    async def cancel(self, job_id: str) -> JobView:
        """As slow as the answer."""
        with asked.open("a") as file:
            file.write('"cancelled"\n')
        while self.prompt == "stay" and not go.exists():  # noqa: ASYNC110 - another process makes the file
            await asyncio.sleep(0.01)
        return await super().cancel(job_id)


go, asked = map(Path, sys.argv[1:])
chat.open_client = lambda: Echo(models=[a_model("tinyllama")])
parser = ArgumentParser()
chat.configure(parser)
sys.exit(chat.run(parser.parse_args([]), real_console()))
