"""Who may use the API of this computer: keys, hosts and origins in the data folder's file, and what the gate makes of
them."""

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlfif.api.gate import Gate, is_for_programs
from tlfif.api.loopback import own_hosts
from tlfif.api.signed_in_gate import caller_of
from tlfif.kernel.access import (
    CLOSED,
    MOST_KEYS,
    Access,
    AccessWatch,
    allowing,
    change_access,
    key_text,
    load_access,
    shown_again,
    with_key,
    without_key,
)
from tlfif.kernel.data_folder import DataFolder
from tlfif.kernel.errors import InvalidInputError, NotFoundError

TOKEN = "t" * 43
HOST = b"127.0.0.1:17650"
PAGE = b"http://localhost:3000"
CHAT = "/v1/chat/completions"


@pytest.fixture
def home(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "home")


def add(home: DataFolder, name: str) -> str:
    """A new key's text."""
    access = change_access(home, lambda before: with_key(before, name, token=TOKEN, now=1.0))
    key = access.key(name)
    assert key is not None
    text = shown_again(key, token=TOKEN)
    assert text is not None
    return text


class Door:
    """A gate over that folder, and what came of one request."""

    def __init__(self, home: DataFolder) -> None:
        self.sent: list[dict[str, Any]] = []
        self.scope: dict[str, Any] = {}
        self.app: Callable[..., Any] = self.answer
        self.gate = Gate(
            lambda *call: self.app(*call),
            token=TOKEN,
            hosts=own_hosts(17650),
            on_request=lambda: None,
            most_requests=9,
            access=AccessWatch(home).now,
        )

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def __call__(self, path: str = CHAT, *, method: str = "POST", host: bytes = HOST, **headers: Any) -> int:
        self.sent, self.scope = [], {}
        pairs = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", host), *pairs]}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"{}"}

        async def send(message: Any) -> None:
            self.sent.append(message)

        await self.gate(scope, receive, send)
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def code(self) -> str:
        return str(json.loads(self.sent[-1]["body"])["code"])

    @property
    def user(self) -> tuple[str, bool]:
        caller = caller_of(type("Asked", (), {"scope": self.scope})())
        return caller.user, caller.is_owner


def bearer(key: str) -> bytes:
    return f"Bearer {key}".encode()


@pytest.mark.requirement("2.2.6")
async def test_a_key_may_ask_and_read_its_own_answers_and_nothing_else(home: DataFolder) -> None:
    key, door = add(home, "editor"), Door(home)
    assert await door(authorization=bearer(key)) == 200
    user, is_owner = door.user
    assert user.startswith("key:editor:")
    assert not is_owner
    assert await door("/v1/machine/stop", authorization=bearer(key)) == 403
    assert door.code == "key_not_enough"
    assert await door("/v1/machine/stop", authorization=bearer(TOKEN)) == 200
    assert door.user == ("", True)


@pytest.mark.parametrize("given", ["x-api-key", "path", "both"])
async def test_a_key_comes_as_anthropics_and_ollamas_clients_send_it(home: DataFolder, given: str) -> None:
    key, door = add(home, "editor"), Door(home)
    if given == "path":
        assert await door(f"/key/{key}/api/chat") == 200
        assert (door.scope["path"], door.scope["raw_path"]) == ("/api/chat", b"/api/chat")
    elif given == "both":
        assert await door("/v1/messages", authorization=b"Bearer none", x_api_key=key.encode()) == 200
    else:
        assert await door("/v1/messages", x_api_key=key.encode()) == 200
    assert door.user[0].startswith("key:editor:")


@pytest.mark.requirement("2.2.6")
async def test_a_revoked_key_stops_at_once_also_in_the_middle_of_an_answer(home: DataFolder) -> None:
    key, other, door = add(home, "editor"), add(home, "other"), Door(home)
    left: list[str] = []

    async def words(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"One", "more_body": True})
        change_access(home, lambda access: without_key(access, "editor"))
        try:
            await send({"type": "http.response.body", "body": b" two", "more_body": True})
        except OSError:  # as for a reader who hung up
            left.append("hung up")
            raise

    door.app = words
    assert await door(authorization=bearer(key)) == 200
    assert (len(door.sent), left) == (2, ["hung up"])
    door.app = door.answer
    assert await door(authorization=bearer(key)) == 401
    assert door.code == "token_wrong"
    assert await door(authorization=bearer(other)) == 200


@pytest.mark.parametrize("given", ["", "Bearer sk-tlfif-", "Bearer sk-tlfif-" + "x" * 43, "Basic eA=="])
async def test_a_wrong_key_gets_nothing(home: DataFolder, given: str) -> None:
    add(home, "editor")
    door = Door(home)
    assert await door(authorization=given.encode()) == 401
    assert await door("/key//api/chat") == 401
    assert await door("/key/none/api/chat") == 401
    assert await door("/key/none") == 401


@pytest.mark.requirement("2.2.6")
def test_what_a_key_is_enough_for() -> None:
    enough = {
        "GET": "/v1/models /v1/models/ /v1/models/a/b /v1/responses/x /v1/responses/x/input_items "
        "/v1/jobs /v1/jobs/x /v1/jobs/x/events /api/tags "
        "/",
        "POST": f"{CHAT} {CHAT}/ /chat/completions /v1/completions /v1/embeddings /v1/responses /v1/messages "
        "/v1/responses/x/cancel /v1/jobs/x/cancel /v1/messages/count_tokens /api/chat /api/generate /api/show",
        "DELETE": "/v1/responses/x",
    }
    for method, paths in enough.items():
        for path in paths.split():
            assert is_for_programs(method, path), (method, path)
    for method, path in [
        ("POST", "/v1/infer"),
        ("GET", "/v1/machine"),
        ("GET", "/v1/cost"),
        ("GET", "/v1/server"),
        ("GET", "/metrics"),
        ("POST", "/v1/server/stop"),
        ("PUT", "/v1/budget"),
        ("POST", "/v1/models/tinyllama/pull"),
        ("DELETE", "/v1/jobs"),
        ("DELETE", "/v1/jobs/x"),
        ("DELETE", "/api/delete"),
        ("DELETE", "/v1/models/x"),
        ("POST", "/v1/models/tinyllama/pull/"),
        ("POST", "/v1/jobs/x"),
        ("POST", "/"),
        ("GET", "/v1/openapi.json"),
        ("OPTIONS", CHAT),
    ]:
        assert not is_for_programs(method, path), (method, path)


async def test_a_host_that_was_allowed_is_right_and_no_other(home: DataFolder) -> None:
    change_access(home, lambda access: allowing(access, hosts=["Host.Docker.internal", "box:8080"], origins=[]))
    door = Door(home)
    for host, status in [
        (b"host.docker.internal:17650", 200),
        (b"host.docker.internal", 200),
        (b"HOST.docker.internal:1", 200),
        (b"box:8080", 200),
        (b"box:1", 421),
        (b"box", 421),
        (b"evil.host.docker.internal", 421),
        (b"host.docker.internal.evil:17650", 421),
        (b"evil.example", 421),
        (b"\xff", 421),
    ]:
        assert await door(host=host, authorization=bearer(TOKEN)) == status, host


async def test_a_page_that_was_allowed_asks_first_and_may_then_use_what_programs_may(home: DataFolder) -> None:
    key = add(home, "page")
    change_access(home, lambda access: allowing(access, hosts=[], origins=["http://localhost:3000/"]))
    door = Door(home)
    wish = {"access_control_request_method": b"POST", "access_control_request_headers": b"authorization,x-stainless-os"}
    assert await door(method="OPTIONS", origin=PAGE, **wish) == 204
    assert door.headers[b"access-control-allow-origin"] == PAGE
    assert door.headers[b"access-control-allow-methods"] == b"GET, POST"
    assert door.headers[b"access-control-allow-headers"] == b"authorization,x-stainless-os"
    assert door.headers[b"vary"] == b"Origin"
    assert b"access-control-allow-credentials" not in door.headers
    assert await door("/v1/machine/stop", method="OPTIONS", origin=PAGE, **wish) == 204
    assert b"access-control-allow-methods" not in door.headers

    assert await door(origin=PAGE, authorization=bearer(key)) == 200
    assert door.headers[b"access-control-allow-origin"] == PAGE
    assert await door(origin=PAGE) == 401
    assert door.headers[b"access-control-allow-origin"] == PAGE, "the page can read why"
    for token in (key, TOKEN):
        assert await door("/v1/machine/stop", origin=PAGE, authorization=bearer(token)) == 403
        assert door.code == "key_not_enough"


@pytest.mark.parametrize("origin", [b"http://localhost:3001", b"https://localhost:3000", b"null", b"", b"file://"])
async def test_any_other_page_gets_nothing(home: DataFolder, origin: bytes) -> None:
    change_access(home, lambda access: allowing(access, hosts=[], origins=["http://localhost:3000", "app://*"]))
    door = Door(home)
    for method in ("POST", "OPTIONS"):
        more = {"access_control_request_method": b"POST"} if method == "OPTIONS" else {}
        assert await door(method=method, origin=origin, authorization=bearer(TOKEN), **more) == 403
        assert door.code == "origin_not_allowed"
        assert not [name for name in door.headers if name.startswith(b"access-control")]


async def test_desktop_programs_with_a_changing_host_are_allowed_by_scheme(home: DataFolder) -> None:
    change_access(home, lambda access: allowing(access, hosts=[], origins=["vscode-webview://*"]))
    assert await Door(home)(origin=b"vscode-webview://1a2b3c", authorization=bearer(TOKEN)) == 200


async def test_the_settings_allow_beside_the_file(home: DataFolder) -> None:
    change_access(home, lambda access: allowing(access, hosts=["box"], origins=[]))
    watch = AccessWatch(home, hosts=("lan",), origins=("app://x",))
    assert (watch.now().hosts, watch.now().origins) == (("box", "lan"), ("app://x",))
    assert AccessWatch(DataFolder(home.root / "none"), hosts=("lan",)).now().hosts == ("lan",)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        (CHAT, lambda body: body["error"]["code"] == "invalid_api_key"),
        ("/v1/messages", lambda body: (body["type"], body["error"]["type"]) == ("error", "authentication_error")),
        ("/api/chat", lambda body: "key is missing" in body["error"]),
        ("/key/none/api/chat", lambda body: "key is missing" in body["error"]),
        ("/v1/machine", lambda body: body["code"] == "token_wrong"),
    ],
)
async def test_a_refusal_has_the_shape_that_the_programs_clients_read(
    home: DataFolder, path: str, shape: Callable[[Any], bool]
) -> None:
    door = Door(home)
    assert await door(path) == 401
    assert shape(json.loads(door.sent[-1]["body"])), door.sent[-1]


async def test_a_long_answer_keeps_the_server_awake_and_looking_at_the_server_does_not(home: DataFolder) -> None:
    door = Door(home)
    seen: list[bool] = []

    async def looks(scope: Any, receive: Any, send: Any) -> None:
        seen.append(door.gate.answering)
        await door.answer(scope, receive, send)

    door.app = looks
    for path in (CHAT, "/v1/server"):
        await door(path, authorization=bearer(TOKEN))
    assert (seen, door.gate.answering) == ([True, False], False)


@pytest.mark.parametrize(
    "origin", ["*", "null", "http://*", "https://*", "localhost:3000", "http://a/b", "file://*", ""]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(InvalidInputError, match="An origin is"):
        allowing(CLOSED, hosts=[], origins=[origin])


@pytest.mark.parametrize("host", ["*", "http://a", "a/b", "a b", "", "*.a", "a:b", "x" * 70])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidInputError, match="A host is"):
        allowing(CLOSED, hosts=[host], origins=[])


def test_a_key_is_kept_as_its_hash_alone_and_shown_again_to_the_owner_only(home: DataFolder) -> None:
    text = add(home, "editor")
    kept = home.access.read_text()
    assert text not in kept
    assert text.removeprefix("sk-tlfif-") not in kept
    if os.name == "posix":
        assert stat.S_IMODE(home.access.stat().st_mode) == 0o600
    key = load_access(home).key("editor")
    assert key is not None
    assert shown_again(key, token="another") is None
    assert key_text(TOKEN, "editor", key.salt) == text


def test_a_key_that_is_made_again_is_another_one_with_other_jobs(home: DataFolder) -> None:
    first = add(home, "editor")
    before = load_access(home).key("editor")
    change_access(home, lambda access: without_key(access, "editor"))
    assert add(home, "editor") != first
    after = load_access(home).key("editor")
    assert before is not None
    assert after is not None
    assert before.owner != after.owner


def test_names_of_keys(home: DataFolder) -> None:
    add(home, "editor")
    with pytest.raises(InvalidInputError) as error:
        add(home, "editor")
    assert error.value.code == "key_exists"
    with pytest.raises(NotFoundError, match="There are: editor"):
        change_access(home, lambda access: without_key(access, "other"))
    for name in ("", "a b", "-x", "ä", "x" * 41, "a/b", "key:1"):
        with pytest.raises(InvalidInputError) as error:
            add(home, name)
        assert error.value.code == "key_name_invalid"
    keys = tuple(replace(load_access(home).keys[0], name=f"k{number}") for number in range(MOST_KEYS))
    with pytest.raises(InvalidInputError) as error:
        with_key(Access(keys=keys), "more", token=TOKEN, now=1.0)
    assert error.value.code == "keys_too_many"


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"keys": 1}', '{"port": 0, "keep": 1, "hosts": [], "origins": [], "keys": []}']
)
async def test_a_damaged_file_lets_nobody_in_but_the_owner(home: DataFolder, content: str) -> None:
    key, door = add(home, "editor"), Door(home)
    home.access.write_text(content)
    with pytest.raises(InvalidInputError) as error:
        load_access(home)
    assert error.value.code == "access_damaged"
    assert await door(authorization=bearer(key)) == 401
    assert await door(authorization=bearer(TOKEN)) == 200


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_file_that_others_may_change_counts_as_damaged(home: DataFolder) -> None:
    add(home, "editor")
    home.access.chmod(0o622)
    with pytest.raises(InvalidInputError):
        load_access(home)
