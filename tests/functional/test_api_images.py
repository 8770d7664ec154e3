"""Images as a program sees and steers them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.fakes.images import FakeRepository
from tests.functional.api_server import ApiServer, assert_problem
from tlfif.control.container import Images
from tlfif.images.image import Failure, Image, Profile, Source, Stage
from tlfif.images.run_pipeline import Pipeline
from tlfif.money.spend.tariff import Tariff

Start = Callable[..., ApiServer]
COMMIT = "c" * 40


def images_of(api: ApiServer) -> Images:
    images = api.container.images
    assert images is not None
    return images


def tick(api: ApiServer, times: int = 12) -> None:
    """The pipeline goes on, until nothing is under way or ``times`` ticks are done."""
    images = images_of(api)
    pipeline = Pipeline(store=images.store, registry=images.registry, builder=images.builder, clock=api.container.clock)
    for _ in range(times):
        if not api.run(pipeline.tick()):
            return


def build(api: ApiServer, **body: Any) -> str:
    with api.client() as http:
        answer = http.post("/v1/images/build", json={"repository": "/src", **body})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["version"])


def test_an_image_is_asked_for_seen_approved_promoted_and_rolled_back(start_api: Start) -> None:
    api = start_api()
    assert [build(api), build(api)] == ["v1", "v1"], "the same commit is built once"
    tick(api)
    with api.client() as http:
        (image,) = http.get("/v1/images").json()["images"]
        assert (image["state"], image["stage"], image["commit"], image["subject"]) == (
            "offered", "approval", "a" * 40, "A change"
        )  # fmt: skip
        assert set(image["stage_seconds"]) == {"source", "build", "boot", "smoke_test"}
        assert (image["figures"]["passed"], image["figures"]["prompts"], image["cost_usd"]) == (10, 10, 0.00001)
        assert http.post("/v1/images/v1/approve").json()["decided_by"] == "the owner"
        assert http.post("/v1/images/v1/promote").json()["version"] == "v1"
        build(api, commit=COMMIT)
        tick(api)
        http.post("/v1/images/v2/approve")
        http.post("/v1/images/v2/promote")
        found = http.get("/v1/images").json()
        assert [(one["version"], one["in_use"]) for one in found["images"]] == [("v2", True), ("v1", False)]
        assert (found["pointers"][0]["note"], found["pointers"][0]["before"]) == ("promoted by the owner", ["v1"])
        took = max(sum(one["stage_seconds"].values()) for one in found["images"])
        assert found["builds"][0] == {"profile": "bundle", "seconds": took, "cost_usd": 0.0, "kept_usd_per_hour": 0.0}
        assert (found["kept_bytes"], found["kept_usd_per_month"]) == (2000, 0.0)
        assert_problem(http.post("/v1/images/v2/retire"), 409, "image_in_use")
        back = http.post("/v1/images/rollback", json={"profile": "bundle"}).json()
        assert (back["version"], back["note"], back["before"]) == ("v1", "rolled back by the owner", [])
        assert_problem(http.post("/v1/images/rollback"), 409, "rollback_impossible")
        assert http.post("/v1/images/v2/retire").json()["state"] == "retired"
        assert_problem(http.post("/v1/images/v2/promote"), 409, "image_not_approved")
        assert_problem(http.post("/v1/images/v2/approve"), 409, "image_not_offered")


def test_an_image_shows_its_inputs_its_answers_and_what_is_in_it(start_api: Start) -> None:
    api = start_api()
    version = build(api)
    tick(api)
    store = images_of(api).store
    image = api.run(store.get(version))
    manifest = {"sbom": {"components": [{"name": "llama.cpp", "version": "b1"}, {"name": "libgomp1"}]}, "model": "x"}
    api.run(store.replace(replace(image, manifest=manifest)))
    with api.client() as http:
        found = http.get(f"/v1/images/{version}").json()
        assert found["software"] == ["libgomp1", "llama.cpp b1"]
        assert (found["digest"], found["manifest"]["model"], len(found["prompts"])) == ("d" * 64, "x", 10)
        log = http.get(f"/v1/images/{version}/log").json()
        assert ([line["text"] for line in log["lines"][:2]], log["ended"], log["last"]) == (
            ["takes about 60 s", "begins: source"],
            True,
            len(log["lines"]),
        )
        rest = http.get(f"/v1/images/{version}/log", params={"after": 3, "wait": 20}).json()["lines"]
        assert [line["number"] for line in rest] == list(range(4, log["last"] + 1))
        assert http.get(f"/v1/images/{version}/log", params={"after": log["last"], "wait": 30}).json()["lines"] == []


def test_the_log_of_a_build_is_waited_for(start_api: Start) -> None:
    api = start_api()
    version = build(api)
    with api.client() as http:
        empty = http.get(f"/v1/images/{version}/log", params={"wait": 0.01}).json()
        assert (empty["lines"], empty["ended"], empty["state"]) == ([], False, "waiting")


def test_a_failure_is_named_with_its_stage_and_code(start_api: Start) -> None:
    api = start_api()
    failure = Failure(stage=Stage.BOOT, code="image_boot_failed", message="The unit is broken.")
    cast(Any, images_of(api).builder).failures = {Stage.BOOT: failure}
    build(api)
    tick(api)
    with api.client() as http:
        image = http.get("/v1/images").json()["images"][0]
    assert image["failure"] == {"stage": "boot", "code": "image_boot_failed", "message": "The unit is broken."}
    assert (image["state"], image["size_bytes"]) == ("failed", None)


def test_a_repository_is_followed_and_left(start_api: Start) -> None:
    api = start_api()
    git = cast(FakeRepository, images_of(api).repository)
    body = {"repository": "https://example.org/a/b", "branch": "main", "promotes": True}
    with api.client() as http:
        assert_problem(http.post("/v1/images/build"), 422, "repository_needed")
        assert_problem(http.post("/v1/images/build", json={"keep_minutes": 5}), 409, "keep_not_here")
        watch = http.put("/v1/images/watch", json=body).json()
        assert (watch["branch"], watch["profile"], watch["promotes"], watch["seen"]) == ("main", "bundle", True, None)
        assert git.asked == [("https://example.org/a/b", "main")], "a wrong address is refused at once"
        seen = api.run(images_of(api).store.watch())
        assert seen is not None
        api.run(images_of(api).store.set_watch(replace(seen, seen=COMMIT)))
        again = http.put("/v1/images/watch", json={**body, "promotes": False}).json()
        assert (again["seen"], again["promotes"]) == (COMMIT, False), "what was built is not built again"
        assert http.post("/v1/images/build").json()["repository"] == "https://example.org/a/b"
        http.post("/v1/images/build", json={"branch": "other"})
        assert [branch for _, branch in git.asked[-2:]] == ["main", "other"]
        git.problem = "There is no such repository."
        assert_problem(http.put("/v1/images/watch", json={"repository": "/nowhere"}), 503, "repository_unreachable")
        assert http.get("/v1/images").json()["watch"]["repository"] == "https://example.org/a/b"
        assert http.delete("/v1/images/watch").json() == {"repository": "https://example.org/a/b"}
        assert http.delete("/v1/images/watch").json() == {"repository": None}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        *(({"repository": text}, "repository_invalid") for text in (
            "", " ", "relative/folder", "--upload-pack=x", "ext::sh -c x", "http://example.org/a", "x" * 501,
            "https://me:secret@example.org/a/b", "https://token@example.org/a", "/a\nb", "git@-oProxyCommand=x:y",
        )),
        *(({"repository": "/src", "keep_minutes": n}, "keep_minutes_out_of_range") for n in (0, -1, 121, 10**30)),
        *(({"repository": "/src", "commit": text}, "commit_invalid") for text in ("abc", "A" * 40, "main", "")),
        ({"repository": "/src", "profile": "gpu-vllm"}, "image_profile_unknown"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused_and_nothing_is_stored(api: ApiServer, body: dict[str, Any], code: str) -> None:
    with api.client() as http:
        assert_problem(http.post("/v1/images/build", json=body), 422, code)
        if not body.keys() & {"commit", "keep_minutes"}:
            assert_problem(http.put("/v1/images/watch", json=body), 422, code)
        assert http.get("/v1/images").json()["images"] == []


@pytest.mark.parametrize("branch", ["-b", "a..b", "a b", "x/", "a.lock", "é"])
def test_a_branch_that_git_would_not_have_is_refused(api: ApiServer, branch: str) -> None:
    with api.client() as http:
        assert_problem(http.put("/v1/images/watch", json={"repository": "/s", "branch": branch}), 422, "branch_invalid")


@pytest.mark.parametrize("version", ["v0", "1", "vx", "v1234567890", "v99"])
def test_an_unknown_version_is_said(api: ApiServer, version: str) -> None:
    with api.client() as http:
        assert_problem(http.get(f"/v1/images/{version}"), 404, "image_not_found")
        for act in ("approve", "reject", "promote", "retire"):
            assert_problem(http.post(f"/v1/images/{version}/{act}"), 404, "image_not_found")


def test_a_home_without_images_says_so(start_api: Start) -> None:
    api = start_api(images=None)
    with api.client() as http:
        for method, path in (
            ("GET", ""),
            ("POST", "/build"),
            ("GET", "/v1"),
            ("POST", "/v1/approve"),
            ("DELETE", "/watch"),
        ):
            assert_problem(http.request(method, f"/v1/images{path}"), 409, "images_not_here")


def test_a_home_that_cannot_follow_needs_the_commit(start_api: Start) -> None:
    api = start_api()
    api.container = replace(api.container, images=replace(images_of(api), repository=None))
    other = start_api(images=api.container.images)
    with other.client() as http:
        assert http.get("/v1/images").json()["follows"] is False
        body = {"repository": "https://example.org/a/b"}
        assert_problem(http.post("/v1/images/build", json=body), 422, "commit_needed")
        assert http.post("/v1/images/build", json={**body, "commit": COMMIT}).status_code == 202
        assert_problem(http.post("/v1/images/build", json={"repository": "/src"}), 422, "repository_invalid")
        assert_problem(http.put("/v1/images/watch", json=body), 409, "watch_not_here")


def test_only_an_owner_steers(start_api: Start) -> None:
    api = start_api()
    api.user_header, api.owners = "x-user", frozenset({"anna"})
    build_body = {"repository": "/src"}
    with api.client(headers={"X-User": "ben"}) as ben, api.client(headers={"X-User": "anna"}) as anna:
        assert ben.get("/v1/images").status_code == 200
        for method, path, body in (
            ("POST", "build", build_body), ("PUT", "watch", build_body), ("DELETE", "watch", None),
            ("POST", "rollback", None), ("POST", "v1/approve", None), ("POST", "v1/reject", None),
            ("POST", "v1/promote", None), ("POST", "v1/retire", None),
        ):  # fmt: skip
            options = {} if body is None else {"json": body}
            assert_problem(ben.request(method, f"/v1/images/{path}", **options), 403, "owner_only")
        assert anna.post("/v1/images/build", json=build_body).json()["asked_by"] == "anna"


async def test_keeping_an_image_on_aws_costs_what_its_snapshots_do(start_api: Start) -> None:
    api = start_api()
    other = start_api(money=replace(api.container.money, tariff=Tariff()), images=api.container.images)
    build(other)
    tick(other)
    store = images_of(other).store
    image: Image = other.run(store.get("v1"))
    assert image.artifact is not None
    other.run(store.replace(replace(image, artifact=replace(image.artifact, size_bytes=10 * 10**9))))
    with other.client() as http:
        found = http.get("/v1/images").json()
    assert found["kept_usd_per_month"] == found["images"][0]["usd_per_month"] == pytest.approx(0.54, abs=0.1)


def test_what_is_in_use_is_listed_however_old_it_is(start_api: Start) -> None:
    api = start_api()
    build(api)
    tick(api)
    with api.client() as http:
        http.post("/v1/images/v1/approve")
        http.post("/v1/images/v1/promote")
        store = images_of(api).store
        for number in range(70):
            source = Source(repository="/src", commit=f"{number:040d}", subject="", asked_by="a push")
            api.run(store.create(profile=Profile.BUNDLE, source=source, now=1.0))
        found = http.get("/v1/images", params={"limit": 2}).json()
    assert [one["version"] for one in found["images"]] == ["v71", "v70", "v1"]
    assert found["kept_bytes"] == 1000


def test_a_pointer_that_was_altered_is_said_beside_the_others(start_api: Start) -> None:
    api = start_api()
    build(api)
    tick(api)
    with api.client() as http:
        http.post("/v1/images/v1/approve")
        http.post("/v1/images/v1/promote")
        cast(Any, images_of(api).registry).artifacts.clear()
        pointers = http.get("/v1/images").json()["pointers"]
    assert [(one["profile"], one["problem"]) for one in pointers] == [
        (Profile.BUNDLE, "The pointer names no image."), (Profile.CPU_LLAMA, ""),
    ]  # fmt: skip
