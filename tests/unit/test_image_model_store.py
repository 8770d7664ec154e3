"""The models of a machine image."""

import pytest

from tlfif.adapters.aws.machines.image_model_store import ImageModelStore
from tlfif.kernel.errors import ConflictError, InvalidInputError
from tlfif.models.catalogue import ON_AWS, SMOLLM2, TINYLLAMA_FP16
from tlfif.models.model_store import ModelState


async def test_the_images_model_is_the_default_and_ready() -> None:
    store = ImageModelStore()
    (info,) = await store.list_models()
    assert (info.name, info.state, info.is_default) == ("tinyllama", ModelState.READY, True)
    assert (
        info
        == await store.resolve(None)
        == await store.resolve("TinyLlama-1.1B-Chat")
        == await store.verify("tinyllama")
    )
    assert info == await store.start_pull("tinyllama")


async def test_the_file_is_a_folder_on_the_machine_with_the_pinned_hash() -> None:
    file = await ImageModelStore().checked_file("tinyllama")
    assert (file.path, file.sha256) == ("/opt/tlfif/models/tinyllama", TINYLLAMA_FP16.sha256)


@pytest.mark.parametrize("name", ["smollm2", "gpt", "", "file:/home/x.gguf", "FILE:x.gguf"])
async def test_what_the_image_does_not_have_is_named(name: str) -> None:
    with pytest.raises(InvalidInputError, match="tinyllama") as error:
        await ImageModelStore().resolve(name)
    assert error.value.code == "unknown_model"


async def test_another_catalogue_has_its_own_default() -> None:
    store = ImageModelStore((SMOLLM2, *ON_AWS))
    assert (await store.resolve(None)).name == "smollm2"
    assert [info.is_default for info in await store.list_models()] == [True, False]


async def test_an_image_is_not_fetched() -> None:
    with pytest.raises(ConflictError) as error:
        await ImageModelStore().start_pull("tinyllama", force=True)
    assert error.value.code == "model_in_image"
