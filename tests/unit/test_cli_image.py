"""``tlfif image``: what it asks the server for, what it says before and after, how it ends."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.desk import FakeClient, FakeDesk
from tests.fakes.image_views import failed, image_list, image_view, log_lines, pointer_view, watch_view
from tlfif.cli import following_images, image
from tlfif.cli.arguments import Parser
from tlfif.cli.exit_codes import exit_code_of
from tlfif.cli.output.image_report import image_text, list_text, progress_lines
from tlfif.client.errors import NotPossibleError
from tlfif.kernel.errors import ImageError, InvalidInputError, TlfifError
from tlfif.wire.images import ImageList

COSTLY = [{"profile": "bundle", "seconds": 600.0, "cost_usd": 0.0312, "kept_usd_per_hour": 0.6}]
Run = Callable[..., tuple[int, FakeDesk]]


class Client(FakeClient):
    """Shows one list a look; the last one again and again."""

    def __init__(self, *lists: ImageList) -> None:
        super().__init__()
        self.lists = list(lists)
        self.calls: list[Any] = []
        self.logs: list[Any] = [log_lines()]
        self.on_look: Callable[[], None] = lambda: None
        self.refusal: Exception | None = None

    async def images(self, *, limit: int = 20) -> ImageList:
        self.on_look()
        return self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]

    async def image(self, version: str) -> Any:
        found = next(one for one in self.lists[0]["images"] if one["version"] == version)
        return {
            "image": found, "digest": "d" * 64, "manifest": {"model": {"name": "smollm2"}, "parts": ["x"]},
            "software": ["llama.cpp b1"], "prompts": [{"name": "sum", "passed": False, "answer": "five\nor six"}],
            "phase_seconds": {}, "versions": {"engine": "0.3"},
        }  # fmt: skip

    async def image_log(self, version: str, *, after: int = 0, wait: float = 0.0) -> Any:
        self.calls.append(("log", version, after))
        log = self.logs.pop(0) if len(self.logs) > 1 else self.logs[0]
        return {**log, "lines": [line for line in log["lines"] if line["number"] > after]}

    async def build_image(self, **asked: Any) -> Any:
        self.calls.append(("build", *asked.values()))
        return image_view(1, "waiting")

    async def decide_on_image(self, version: str, act: str) -> Any:
        self.calls.append((act, version))
        return image_view(1, "approved")

    async def promote_image(self, version: str) -> Any:
        self.calls.append(("promote", version))
        return pointer_view()

    async def roll_back_image(self, *, profile: str | None = None) -> Any:
        self.calls.append(("rollback", profile))
        return pointer_view()

    async def follow_repository(self, repository: str, **more: Any) -> Any:
        if self.refusal is not None:
            raise self.refusal
        self.calls.append(("follow", repository, *more.values()))
        return watch_view(repository=repository)

    async def leave_repository(self) -> Any:
        self.calls.append("leave")
        return {"repository": "/src/tl-fif"}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs the command on a fake client, as ``main`` would."""
    monkeypatch.setenv("TLFIF_HOME", str(tmp_path))
    monkeypatch.setattr(image, "POLL_SECONDS", 0.0)

    def run(client: FakeClient, *argv: str) -> tuple[int, FakeDesk]:
        monkeypatch.setattr(image, "open_client", lambda: client)
        desk, parser = FakeDesk(), Parser(prog="tlfif image")
        image.configure(parser)
        return image.run(parser.parse_args(argv), desk.console), desk

    return run


def building(stage: str, **done: float) -> Any:
    return image_view(1, "under_way", stage=stage, stage_seconds=done, in_stage_seconds=2.0)


def test_a_build_names_its_price_first_then_each_stage_and_how_to_go_on(command: Run, tmp_path: Path) -> None:
    client = Client(
        image_list(), image_list(building("source")), image_list(building("boot", source=0.4, build=8.1)),
        image_list(image_view(1)),
    )  # fmt: skip
    code, desk = command(client, "build", str(tmp_path), "--commit", "A" * 40)
    assert (code, client.calls) == (0, [("build", str(tmp_path), None, "a" * 40, None, None)])
    said = desk.said.splitlines()
    assert said[0] == "A build takes about 45 s and costs nothing."
    assert said[1] == f"v1  {'1' * 7} Change 1: asked for by a push"
    assert [line.split()[1] for line in said[2:6]] == ["Source", "Build", "Boot", "Smoke"]
    assert "10 of 10 prompts, 71 tokens a second" in desk.out.getvalue()
    assert "./tlfif image approve v1" in desk.out.getvalue()


def test_what_an_image_waits_for_is_said_once_in_full(command: Run, tmp_path: Path) -> None:
    waits = {**building("boot", source=0.4), "waits_for": "the machine answers, and the quota is for one."}
    client = Client(image_list(), image_list(waits), image_list(waits), image_list(image_view(1)))
    _, desk = command(client, "build", str(tmp_path))
    assert desk.said.count("v1  waits to go on: the machine answers, and the quota is for one\n") == 1
    _, desk = command(Client(image_list(waits)), "show", "v1")
    assert "waits     the machine answers, and the quota is for one." in desk.out.getvalue()


@pytest.mark.requirement("6.6.1")
def test_a_build_that_costs_money_asks_and_begins_nothing_unasked(command: Run) -> None:
    client = Client(image_list(builds=COSTLY))
    with pytest.raises(InvalidInputError, match="nobody to ask") as caught:
        command(client, "build", "https://example.org/a/b")
    assert (caught.value.code, client.calls) == ("not_confirmed", [])
    client = Client(image_list(builds=COSTLY), image_list(image_view(1)))
    assert command(client, "build", "https://example.org/a/b", "--yes")[0] == 0
    assert client.calls == [("build", "https://example.org/a/b", None, None, None, None)]


@pytest.mark.requirement("7.1.5")
def test_what_is_to_be_kept_where_it_fails_has_its_price_first_and_its_end(command: Run) -> None:
    client = Client(image_list(builds=COSTLY), image_list(image_view(1)))
    code, desk = command(client, "build", "https://example.org/a/b", "--yes", "--keep-broken", "30")
    assert (code, client.calls[0][-1]) == (0, 30)
    assert "its machine is kept 30 min at $0.60 an hour at most: about $0.33 in all" in desk.said
    client = Client(image_list(failed(1, kept_until=4000.0, kept_usd_per_hour=0.6)))
    shown = " ".join(command(client, "show", "v1")[1].out.getvalue().split())
    assert "at $0.60 an hour at most. To end it at once: ./tlfif image reject v1" in shown
    assert "is being ended" in command(client, "reject", "v1")[1].out.getvalue()
    client = Client(image_list())
    with pytest.raises(TlfifError, match="on this computer") as caught:
        command(client, "build", "https://example.org/a/b", "--keep-broken", "30")
    assert (caught.value.code, client.calls) == ("keep_not_here", [])


def test_a_build_that_fails_ends_with_its_reason_and_its_code(command: Run, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"tlfif-worker is broken.*image logs v1") as caught:
        command(Client(image_list(), image_list(failed())), "build", str(tmp_path))
    assert (caught.value.code, exit_code_of(caught.value)) == ("image_boot_failed", 4)


def test_a_foreign_programs_last_words_are_one_harmless_sentence(command: Run, tmp_path: Path) -> None:
    failure = {"stage": "build", "code": "image_build_failed", "message": "It ended with:\n\x1b[2Jno [x] such file"}
    with pytest.raises(ImageError, match=r"^v1 failed: It ended with: \[2Jno \[x\] such file\. Its log: ") as caught:
        command(Client(image_list(), image_list({**failed(), "failure": failure})), "build", str(tmp_path))
    assert caught.value.code == "image_build_failed"


def test_lines_of_the_log_come_where_they_are_wanted(command: Run, tmp_path: Path) -> None:
    client = Client(image_list(), image_list(building("build", source=0.4)), image_list(image_view(1)))
    client.logs = [log_lines("fetching wheels", ended=False), log_lines("done", after=1)]
    _, desk = command(client, "build", str(tmp_path), "-v")
    assert "v1  build       fetching wheels\n" in desk.said
    assert desk.said.index("fetching wheels") < desk.said.index("v1  build       done")
    assert ("log", "v1", 1) in client.calls


def test_ctrl_c_leaves_the_build_going(command: Run, tmp_path: Path) -> None:
    client = Client(image_list(), image_list(building("build")))
    looks = iter(range(99))
    client.on_look = lambda: os.kill(os.getpid(), signal.SIGINT) if next(looks) == 2 else None
    code, desk = command(client, "build", str(tmp_path))
    assert code == 130
    assert "built on without you" in desk.said


def test_a_watch_names_price_and_time_before_it_is_set_and_stays_on_after_ctrl_c(command: Run, tmp_path: Path) -> None:
    watched = {"watch": watch_view(repository=str(tmp_path))}
    client = Client(image_list(), image_list(building("build"), **watched), image_list(failed(), **watched))
    looks = iter(range(99))
    client.on_look = lambda: os.kill(os.getpid(), signal.SIGINT) if next(looks) == 4 else None
    code, desk = command(client, "watch", str(tmp_path), "--branch", "main", "--yes-promote")
    assert (code, client.calls) == (130, [("follow", str(tmp_path), "main", None, True)])
    assert desk.said.index("costs nothing") < desk.said.index("Ctrl-C ends only this view")
    assert "v1  failed: The unit tlfif-worker is broken. [image_boot_failed]" in desk.said
    assert desk.said.endswith("still followed. To end that: ./tlfif image watch --off\n")


def test_a_watch_that_cannot_read_says_so_once_and_ends_with_the_watch(command: Run, tmp_path: Path) -> None:
    broken = image_list(watch=watch_view(problem="No such folder."))
    client = Client(image_list(), broken, broken, image_list(watch=watch_view()), image_list())
    code, desk = command(client, "watch", str(tmp_path))
    assert code == 0
    assert desk.said.count("The repository cannot be read: No such folder.") == 1
    assert "can be read again" in desk.said


def test_a_home_that_follows_nothing_refuses_before_it_asks_about_money(command: Run) -> None:
    client = Client(image_list(builds=COSTLY, follows=False))
    client.refusal = NotPossibleError("This home follows no repository.", code="watch_not_here")
    with pytest.raises(NotPossibleError):
        command(client, "watch", "https://example.org/a/b")


def test_a_watch_is_switched_off(command: Run) -> None:
    client = Client(image_list())
    code, desk = command(client, "watch", "--off")
    assert (code, client.calls) == (0, ["leave"])
    assert "/src/tl-fif is followed no more. Its images stay." in desk.out.getvalue()


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("watch",), "repository_needed"),
        (("watch", "--branch", "main"), "usage"),
        (("watch", "--off", "/x"), "usage"),
        (("watch", "/x", "--branch", "a..b"), "branch_invalid"),
        (("watch", "http://example.org/a"), "repository_invalid"),
        (("build", "https://me:pw@example.org/a"), "repository_invalid"),
        (("build", "--commit", "abc"), "commit_invalid"),
        *(
            (("build", f"--keep-broken={text}"), "keep_minutes_out_of_range")
            for text in ("0", "", " ", "-5", "121", "9" * 5000, "1.5", "many", "٣")
        ),
        (("build", ""), "repository_invalid"),
        (("build", "--branch", "a b"), "branch_invalid"),
        (("show", "3"), "image_not_found"),
        (("promote", "v0"), "image_not_found"),
        (("list", "--limit", "0"), "limit_out_of_range"),
        (("logs",), "image_not_found"),
        ((), "usage"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_asked_for(command: Run, argv: tuple[str, ...], code: str) -> None:
    client = Client(image_list())
    with pytest.raises(TlfifError) as caught:
        command(client, *argv)
    assert (caught.value.code, exit_code_of(caught.value), client.calls) == (code, 2, [])


@pytest.mark.parametrize(
    ("argv", "call", "says"),
    [
        (("approve", "v1"), ("approve", "v1"), "Nothing starts from it until it is promoted: ./tlfif image promote v1"),
        (("reject", "v1"), ("reject", "v1"), "v1 is deleted (120 MB at no cost)."),
        (("promote", "v1"), ("promote", "v1"), "Machines start from v1 from now on. A machine that runs goes on as it"),
        (("rollback", "--profile", "bundle"), ("rollback", "bundle"), "Machines start from v1 again."),
    ],
)
def test_a_decision_says_what_follows(command: Run, argv: tuple[str, ...], call: object, says: str) -> None:
    client = Client(image_list(image_view(1)))
    code, desk = command(client, *argv)
    assert (code, client.calls) == (0, [call])
    assert says in desk.out.getvalue()
    assert isinstance(json.loads(command(client, *argv, "--json")[1].out.getvalue()), dict)


def kept_on_aws() -> ImageList:
    images = [
        image_view(3, "approved", in_use=True, size_bytes=8_000_000_000, usd_per_month=0.43),
        image_view(2, "approved", size_bytes=8_000_000_000, usd_per_month=0.43),
        failed(1),
    ]
    return image_list(*images, pointers=[pointer_view(version="v3", before=["v2"])])


def test_retiring_shows_first_what_goes_and_what_the_kept_ones_cost(command: Run) -> None:
    client = Client(kept_on_aws())
    code, desk = command(client, "retire", "v2", "--dry-run")
    assert (code, client.calls) == (0, [])
    text = desk.out.getvalue()
    assert "is deleted for good: 8.0 GB at $0.43 a month." in " ".join(text.split())
    assert "  v3     in use    8.0 GB at $0.43 a month" in text
    assert text.endswith("1 image is kept: 8.0 GB at $0.43 a month.\n")
    kept = json.loads(command(client, "retire", "v2", "--dry-run", "--json")[1].out.getvalue())["kept"]
    assert [one["version"] for one in kept] == ["v3"]
    with pytest.raises(TlfifError, match="nobody to ask"):
        command(client, "retire", "v2")
    assert command(client, "retire", "v2", "--yes")[0] == 0
    assert client.calls == [("retire", "v2")]
    with pytest.raises(TlfifError, match="machines start from it") as caught:
        command(client, "retire", "v3", "--yes")
    assert caught.value.code == "image_in_use"


def test_the_list_says_what_is_in_use_what_waits_and_what_it_costs() -> None:
    found = kept_on_aws()
    found["images"].insert(0, image_view(4, subject="A very long subject " * 5, cost_usd=0.03))
    found["watch"] = watch_view(problem="No route to host.")
    text = list_text(found, now=1000.0, here=False)
    flat = " ".join(text.split())
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "v3 00:16:43 in use 71 8.0 GB" in flat or "in use" in flat.split("v3", 1)[1][:40]
    for part in (
        "Machines start from v3 (3333333 Change 3), promoted by the owner.", "cannot be read now: No route to host.",
        "3 images are kept: 16.1 GB at $0.86 a month.", "v4 waits for you: ./tlfif image approve v4",
        "A build takes about 45 s and costs nothing.",
    ):  # fmt: skip
        assert part in flat
    empty = list_text(image_list(), now=1000.0, here=True)
    assert "There is no image yet." in empty
    assert "machines start from the TL-FIF that is installed here" in empty


def test_one_image_is_shown_with_its_inputs_and_its_tests(command: Run) -> None:
    _, desk = command(Client(image_list(image_view(1))), "show", "v1")
    text = desk.out.getvalue()
    for part in ("FAILED  sum: five or six", "sha256 " + "d" * 64, "model name: smollm2", "llama.cpp b1", "engine 0.3",
                 "Smoke test  6.0 s", "commit    " + "1" * 40):  # fmt: skip
        assert part in text
    assert "parts" not in text, "what is nested is left to --json"


def test_a_failed_image_shows_why() -> None:
    details: Any = {"image": failed(), "digest": None, "manifest": {}, "software": [], "prompts": [], "versions": {},
                    "phase_seconds": {}}  # fmt: skip
    assert "failed    The unit tlfif-worker is broken. [image_boot_failed]" in image_text(details, now=1.0)


def test_the_log_is_printed_whole_and_followed_to_its_end(command: Run) -> None:
    client = Client(image_list(image_view(1)))
    client.logs = [log_lines("one", ended=False), log_lines("two", after=1, ended=False), log_lines(after=2)]
    code, desk = command(client, "logs", "--follow")
    assert (code, desk.out.getvalue()) == (0, "build       one\nbuild       two\n")
    assert client.calls == [("log", "v1", 0), ("log", "v1", 1), ("log", "v1", 2)]
    client.logs = [log_lines("one", "two", ended=False), log_lines(after=2, ended=False)]
    found = json.loads(command(client, "logs", "v1", "--json")[1].out.getvalue())
    assert [line["text"] for line in found["lines"]] == ["one", "two"]


def test_what_became_of_an_image_is_said_once() -> None:
    offered = image_view(1)
    assert progress_lines(offered, offered) == []
    promoted = image_view(1, "approved", in_use=True)
    assert progress_lines(offered, promoted) == ["v1  is in use: the next machine starts from it."]
    approved = image_view(1, "approved")
    assert progress_lines(offered, approved)[0].endswith("until it is promoted: ./tlfif image promote v1")
    assert progress_lines(promoted, approved) == ["v1  is kept; no machine starts from it any more."]
    assert following_images.LOOKED_AT >= 5
