"""The images' function as Lambda calls it: told everything by its environment, with the home's own stores."""

import io
import zipfile
from collections.abc import Iterator

import pytest

from tests.aws.emulator import ACCESS_KEY, REGION, Emulator
from tests.aws.home import made_places
from tlfif.control.scheduled_images import MARGIN_SECONDS
from tlfif.entrypoints.lambdas import images, router
from tlfif.images.watch_repository import PATHS

pytest.importorskip("tlfif.bootstrap.aws_images")
COMMIT = "ab" * 20


class Context:
    """Time for one tick."""

    def get_remaining_time_in_millis(self) -> int:
        return int(MARGIN_SECONDS * 1000)


@pytest.fixture
def home(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A home that the functions of this process belong to."""
    name = emulator.unique("home")
    told = {f"TLFIF_AWS_{key}": str(value) for key, value in made_places(emulator, name).items()}
    keys = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": ACCESS_KEY}
    own = {"HOME_NAME": name, "ENDPOINT_URL": emulator.endpoint, "IMAGES_FUNCTION": f"{name}-images"}
    for key, value in {**told, **keys, **{f"TLFIF_AWS_{key}": value for key, value in own.items()}}.items():
        monkeypatch.setenv(key, value)
    for made in (images._function, router._router):
        made.cache_clear()
    yield told["TLFIF_AWS_BUCKET"]
    for made in (images._function, router._router):
        made.cache_clear()


def test_an_order_is_taken_begun_refused_for_its_files_and_shown(emulator: Emulator, home: str) -> None:
    def called(**event: object) -> dict[str, object]:
        return images.handler(dict(event), Context())

    assert called(action="show", version="v1")["outcome"] == "bad"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr(f"{PATHS[0]}nothing", "")
    emulator.s3.put_object(Bucket=home, Key=f"releases/sources/{COMMIT}.zip", Body=packed.getvalue())
    order = {"action": "build", "commit": COMMIT, "repository": "owner/name"}
    assert called(**order) == {"version": "v1", "outcome": "going_on", "said": "v1 waits for its turn."}
    assert called(action="rebuild") == {"versions": []}
    for _ in range(3):
        called()
    shown = called(action="show", version="v1")
    assert shown["outcome"] == "bad"
    assert str(shown["said"]).startswith("[image_source_invalid]")


@pytest.mark.usefixtures("home")
def test_the_router_of_the_same_home_looks_after_images() -> None:
    assert router.handler({"action": "tick"}, Context()) == {"pace": "rest"}
    assert router._router().wake_images is not None
