"""Personal models through the API: registered, listed, asked by name; and each refusal has its code and stores
nothing."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.memory_personal_model_store import MemoryPersonalModelStore
from tests.functional.api_server import READY_MODEL, ApiServer, assert_problem, small_catalogue
from tests.functional.gguf_writer import LORA, Gguf, Tensor, Value, llama_header
from tests.functional.test_api_answers import check, client_of
from tlfif.adapters.local.models.adapter_folder import AdapterFolder, adapter_path
from tlfif.adapters.local.models.file_model_store import FileModelStore
from tlfif.models.personal_models import PersonalModels
from tlfif.wire.models import PersonalModelView

WEIGHT = "blk.0.attn_q.weight"


def an_adapter(
    *, rank: int = 2, weight: str = WEIGHT, up_rank: int | None = None, outputs: int = 4, **said: Value
) -> Gguf:
    """One for :data:`WEIGHT`, of 8 by 4, whatever else it says of itself."""
    up = Tensor(name=f"{weight}.lora_b", shape=(up_rank or rank, outputs), offset=2048)
    tensors = (Tensor(name=f"{weight}.lora_a", shape=(8, rank)), up)
    named = {name.replace("_", "."): value for name, value in said.items()}
    return Gguf(values=LORA | named, tensors=tensors, data=bytes(8192))


@dataclass
class Place:
    """A server with a registry, and a folder for files that people bring."""

    api: ApiServer
    folder: Path

    def file(self, adapter: Gguf | None = None, name: str = "adapter.gguf") -> str:
        return str((adapter or an_adapter()).write(self.folder / name))

    def add(self, name: str = "anna-poems", *, user: str = "anna", **body: Any) -> httpx2.Response:
        asked = {"adapter": body.pop("adapter", None) or self.file(), "base": READY_MODEL} | body
        return self.post(f"/v1/models/{name}/add", user=user, json=asked)

    def ask(self, model: str, *, user: str = "anna", **more: Any) -> httpx2.Response:
        return self.post("/v1/infer", user=user, json={"prompt": "Hello", "model": model} | more)

    def post(self, path: str, *, user: str, json: dict[str, Any] | None = None) -> httpx2.Response:
        with self.api.client(headers={"X-User": user}) as http:
            return http.post(path, json=json)

    def listed(self, user: str) -> list[tuple[str, str]]:
        with self.api.client(headers={"X-User": user}) as http:
            return [(one["name"], one["state"]) for one in http.get("/v1/models").json()["personal"]]


@pytest.fixture
def place(start_api: Callable[..., ApiServer], tmp_path: Path) -> Place:
    models_dir = tmp_path / "models"
    models_dir.mkdir()
    weights = Gguf(values=llama_header(), tensors=(Tensor(name=WEIGHT, shape=(8, 4)),)).write(models_dir / "small.gguf")
    absent, ready = small_catalogue()
    content = weights.read_bytes()
    ready = replace(ready, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    clock = FakeClock()
    models = FileModelStore(models_dir=models_dir, clock=clock, catalogue=(absent, ready), hub_url="http://127.0.0.1:9")
    personal = PersonalModels(
        store=MemoryPersonalModelStore(), files=AdapterFolder(tmp_path / "kept", clock), models=models, clock=clock
    )
    api = start_api(models=models, personal=personal)
    api.user_header, api.owners = "x-user", frozenset({"kadir"})
    return Place(api, tmp_path)


@pytest.mark.requirement("11.2.2")
@pytest.mark.requirement("11.2.1")
def test_a_job_names_a_registered_adapter_and_is_for_the_machine_of_its_base(place: Place) -> None:
    added = place.add()
    assert added.status_code == 201, added.text
    digest = hashlib.sha256(Path(place.file()).read_bytes()).hexdigest()
    assert (added.json()["rank"], added.json()["sha256"], added.json()["state"]) == (2, digest, "registered")
    assert place.add().json() == added.json(), "the same again changes nothing"
    accepted = place.ask("Anna-Poems")
    assert (accepted.status_code, accepted.json()["model"]) == (202, "anna-poems")
    claimed = place.api.claim().job
    assert (claimed.request.model, claimed.request.adapter) == ("anna-poems", digest)


async def test_what_the_client_gets_of_personal_models_is_what_it_says(place: Place) -> None:
    place.api.owners = frozenset({""})
    async with client_of(place.api) as client:
        added = await client.add_model("anna-poems", adapter=place.file(), base=READY_MODEL)
        moved = [await client.move_model("anna-poems", action) for action in ("approve", "retire")]
        for one in (added, *moved):
            check(PersonalModelView, one)
        assert [one["state"] for one in (added, *moved)] == ["registered", "approved", "retired"]
        assert (await client.all_models())["personal"] == [moved[-1]]


@pytest.mark.requirement("11.2.2")
def test_a_person_sees_and_asks_his_own_and_those_that_are_approved(place: Place) -> None:
    place.add()
    assert place.listed("anna") == [("anna-poems", "registered")]
    assert place.listed("ben") == []
    assert_problem(place.ask("anna-poems", user="ben"), 403, "personal_model_not_shared")
    approve, retire = "/v1/models/anna-poems/approve", "/v1/models/anna-poems/retire"
    assert_problem(place.post(approve, user="anna"), 403, "owner_only")
    assert_problem(place.post(retire, user="ben"), 404, "personal_model_not_found")
    assert place.post(approve, user="kadir").json()["approved_by"] == "kadir"
    assert place.listed("ben") == [("anna-poems", "approved")]
    assert place.ask("anna-poems", user="ben").status_code == 202
    assert_problem(place.post(retire, user="ben"), 403, "owner_only")
    assert place.post(retire, user="anna").json()["state"] == "retired"
    before = place.api.newest_job()
    assert_problem(place.ask("anna-poems"), 409, "personal_model_retired")
    assert_problem(place.post(approve, user="kadir"), 409, "personal_model_retired")
    assert_problem(place.ask("ben-poems"), 422, "unknown_model")
    assert place.api.newest_job() == before


UNFIT: dict[str, tuple[Gguf | None, str]] = {
    "not one": (Gguf(values=llama_header()), "adapter_file_invalid"),
    "half a pair": (Gguf(values=LORA, tensors=(Tensor(name=f"{WEIGHT}.lora_a"),)), "adapter_file_invalid"),
    "cut off": (replace(an_adapter(), data=b""), "adapter_file_invalid"),
    "too high": (an_adapter(rank=65), "adapter_rank_wrong"),
    "two ranks": (an_adapter(up_rank=3), "adapter_rank_wrong"),
    "another architecture": (an_adapter(general_architecture="qwen2"), "adapter_base_wrong"),
    "another weight": (an_adapter(weight="blk.7.attn_q.weight"), "adapter_base_wrong"),
    "another shape": (an_adapter(outputs=5), "adapter_base_wrong"),
}


@pytest.mark.requirement("11.2.2")
@pytest.mark.parametrize("what", UNFIT)
def test_what_does_not_fit_is_not_kept(place: Place, what: str) -> None:
    adapter, code = UNFIT[what]
    assert_problem(place.add(adapter=place.file(adapter)), 422, code)
    assert place.listed("anna") == []
    assert not list(place.folder.glob("kept/*.gguf"))


@pytest.mark.requirement("11.2.2")
def test_each_other_refusal_has_its_code(place: Place) -> None:
    assert_problem(place.add(sha256="0" * 64), 422, "adapter_hash_wrong")
    assert_problem(place.add(sha256="x"), 422, "adapter_hash_wrong")
    assert_problem(place.add(adapter=str(place.folder / "nothing.gguf")), 422, "adapter_file_invalid")
    assert_problem(place.add(adapter="adapter.gguf"), 422, "adapter_file_invalid")
    assert_problem(place.add("Anna's"), 422, "personal_model_name_invalid")
    assert_problem(place.add(READY_MODEL), 409, "personal_model_exists")
    assert_problem(place.add(base="nothing"), 422, "unknown_model")
    assert_problem(place.add(base="tinyllama"), 409, "model_absent")
    digest = place.add().json()["sha256"]
    assert_problem(place.add(user="ben"), 409, "personal_model_exists")
    assert_problem(place.ask("anna-poems", task="embedding"), 422, "fields_conflict")
    kept = adapter_path(place.folder / "kept", digest)
    before = place.api.newest_job()
    kept.write_bytes(kept.read_bytes() + b"more")
    assert_problem(place.ask("anna-poems"), 409, "adapter_corrupt")
    kept.unlink()
    assert_problem(place.ask("anna-poems"), 409, "adapter_absent")
    assert place.api.newest_job() == before


def test_a_home_without_a_registry_says_so(start_api: Callable[..., ApiServer]) -> None:
    with start_api().client() as http:
        assert_problem(
            http.post("/v1/models/anna-poems/add", json={"adapter": "/a.gguf"}), 409, "personal_models_not_here"
        )
        assert http.get("/v1/models").json()["personal"] == []
