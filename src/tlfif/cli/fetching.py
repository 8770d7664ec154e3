"""Fetch a model with progress on the terminal, and choose the model that answers."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from tlfif.cli.output.console import Console
from tlfif.cli.output.machine_report import fallback_note
from tlfif.client.errors import ApiError, NotPossibleError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.wire.models import ModelView
from tlfif.wording.figures import seconds, size

PLAIN_LINE_SECONDS = 5.0
"""Without a terminal, a line of progress is written this often."""
RATE_SECONDS = 10.0
BAR_CELLS = 20


@dataclass(slots=True)
class Transfer:
    """Progress of one file. The rate is that of the last ten seconds, so that a pause shows."""

    total: int | None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, received: int, now: float) -> None:
        """``received`` bytes in all at the monotonic time ``now``."""
        self._seen.append((now, received))
        while len(self._seen) > 2 and self._seen[1][0] <= now - RATE_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Bytes a second; 0 before it is known."""
        if len(self._seen) < 2:
            return 0.0
        (began, had), (now, has) = self._seen[0], self._seen[-1]
        return (has - had) / (now - began) if now > began else 0.0

    def line(self, *, bar: bool) -> str:
        """Bytes, rate and time left; with a bar for a terminal."""
        received = self._seen[-1][1] if self._seen else 0
        text = size(received)
        if self.total:
            share = min(1.0, received / self.total)
            text = f"{share:4.0%}  {text} of {size(self.total)}"
            if bar:
                full = int(share * BAR_CELLS)
                text = f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {text}"
        if self.rate > 0:
            text += f"  {size(int(self.rate))}/s"
            if self.total and received < self.total:
                left = max(1, round((self.total - received) / self.rate))
                text += f"  {left} s left" if left < 60 else f"  {seconds(left)} left"
        return text


async def fetch_model(
    client: TlfifClient,
    name: str,
    console: Console,
    *,
    force: bool = False,
    automatic: bool = False,
    hint: str = "",
    monotonic: Callable[[], float] = time.monotonic,
) -> ModelView:
    """Fetch a model and show the progress. ``hint`` is added to the first line;
    ``automatic``: nobody named this model.

    Raises ApiError, among them NotPossibleError ``hub_unreachable``, and ``pull_failed`` if it broke off.
    """
    transfer: Transfer | None = None
    shown_at = monotonic()
    async with aclosing(client.pull(name, force=force, automatic=automatic)) as progress:
        async for model in progress:
            if model["state"] != "pulling":
                break
            if transfer is None:
                transfer = Transfer(model["size_bytes"])
                console.note(_begin_text(model) + hint)
            now = monotonic()
            transfer.update(model["received_bytes"], now)
            if console.is_interactive:
                console.status(transfer.line(bar=True))
            elif now - shown_at >= PLAIN_LINE_SECONDS:
                shown_at = now
                console.note(f"  {transfer.line(bar=False)}")
    console.status("")
    if model["state"] != "ready":
        raise NotPossibleError(
            f"Downloading {model['title']} broke off. {model['problem']} "
            f"What has arrived is kept. To continue: ./tlfif model pull {model['name']}".replace("  ", " "),
            code="model_corrupt" if model["state"] == "corrupt" else "pull_failed",
        )
    if transfer is not None:
        console.note(f"{model['title']} is here and its checksum is correct.")
    return model


def _begin_text(model: ModelView) -> str:
    whole = f", {size(model['size_bytes'])}" if model["size_bytes"] else ""
    kept = f" ({size(model['received_bytes'])} are here already)" if model["received_bytes"] else ""
    return f"Downloading {model['title']} from {model['source']}{whole}, once{kept}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model that will answer. ``note``: why it is not the expected one."""

    model: str
    note: str = ""


async def choose_model(client: TlfifClient, wanted: str | None, console: Console) -> Choice:
    """The model asked for, else the default, else the fallback that needs no hub; fetched where it is missing.

    Raises ApiError: a model that was named is never replaced by another one.
    """
    if wanted is not None and ":" in wanted:
        return Choice(model=wanted)
    listed = await client.all_models()
    models = listed["models"]
    if wanted is not None and all(m["name"] != wanted for m in models):
        # A personal model answers with its base's file; what is in neither list the server refuses.
        found = next((p for p in listed.get("personal", []) if p["name"] == wanted), None)
        base = next((m for m in models if found is not None and m["name"] == found["base"]), None)
        if base is not None and base["state"] in {"absent", "pulling"}:
            await fetch_model(client, base["name"], console)
        return Choice(model=wanted)
    default, fallback = models[0], models[-1]
    chosen = next((m for m in models if m["name"] == wanted), default)
    if chosen["state"] in {"absent", "pulling"} and (wanted is not None or chosen is fallback):
        await fetch_model(client, chosen["name"], console)
    if chosen["state"] == "ready" or wanted is not None or chosen is fallback:
        return Choice(model=chosen["name"])
    code, cause = "model_corrupt", ""
    if chosen["state"] != "corrupt":
        hint = f" To ask the small model meanwhile: Ctrl-C, then --model {fallback['name']}"
        try:
            await fetch_model(client, chosen["name"], console, automatic=True, hint=hint)
            return Choice(model=chosen["name"])
        except ApiError as error:
            if error.status != 409 and not isinstance(error, NotPossibleError):
                raise
            code, cause = error.code, str(error.details.get("why") or "")
    if fallback["state"] in {"absent", "pulling"}:
        await fetch_model(client, fallback["name"], console)
    return Choice(model=fallback["name"], note=fallback_note(chosen, fallback, code=code, cause=cause))
