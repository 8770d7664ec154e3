"""Images of the embedded home: bundles, and how machines are launched from them."""

from functools import lru_cache, partial
from pathlib import Path

from tlfif.adapters.local.bundle import Bundle
from tlfif.adapters.local.images.build_steps import BuildSteps, free_bytes
from tlfif.adapters.local.images.bundle_builder import BundleBuilder
from tlfif.adapters.local.images.folder_registry import FolderRegistry
from tlfif.adapters.local.images.git_repository import GitRepository
from tlfif.adapters.local.images.parts_list import installed_otherwise
from tlfif.adapters.local.machines.process_machine_host import ProcessMachineHost
from tlfif.adapters.sqlite.schema import MIGRATIONS
from tlfif.adapters.sqlite.stores import SqliteStores
from tlfif.bootstrap.settings import Settings
from tlfif.control.container import Images
from tlfif.control.launched_image import LaunchedImage
from tlfif.images.image import Profile
from tlfif.kernel.clock import Clock
from tlfif.models.model_store import ModelStore

SCHEMA = len(MIGRATIONS)
"""The version of the job file that this program works with; a machine must know the same."""
KNOWS_SERVERS = "tlfif/adapters/redis/store_address.py"
"""A bundle's program without it knows only the file."""


def embedded_images(
    settings: Settings, *, stores: SqliteStores, models: ModelStore, clock: Clock, installed: str
) -> tuple[Images, LaunchedImage]:
    """What makes images here, and what resolves the promoted one. ``installed``: the name of this program itself."""
    folder = settings.data_folder.images

    async def launched() -> str | None:
        machine = await stores.machines.active()
        return machine.image if machine is not None else None

    def candidate_host(home: Path) -> ProcessMachineHost:
        return ProcessMachineHost(
            home, job_policy=settings.job, machine_policy=settings.machine, clock_offset=lambda: 0.0, bundles=folder
        )

    registry = FolderRegistry(folder, launched=launched)
    repository = GitRepository(folder / "repositories")
    builder = BundleBuilder(
        folder,
        repository=repository,
        models=models,
        steps=BuildSteps(free=free_bytes, schema=SCHEMA),
        host=candidate_host,
    )
    images = Images(
        store=stores.images, registry=registry, builder=builder, repository=repository, profiles=(Profile.BUNDLE,)
    )
    return images, LaunchedImage(
        store=stores.images,
        registry=registry,
        profile=Profile.BUNDLE,
        installed=installed,
        clock=clock,
        unusable=partial(_unusable, folder, in_server=settings.store is not None),
    )


@lru_cache(maxsize=8)
def _unusable(folder: Path, ref: str, *, in_server: bool = False) -> str:
    """Why this program cannot work with machines of the bundle: it was brought up to date since. A bundle never
    changes, and nor do the packages of a program that runs. ``in_server``: jobs are in a Redis server."""
    bundle = Bundle(folder / ref)
    try:
        schema = bundle.manifest().get("store_schema")
        differ = [] if bundle.own_environment.is_dir() else installed_otherwise(bundle.lock_text())
    except (OSError, ValueError) as error:
        return f"its files cannot be read ({type(error).__name__})"
    if schema != SCHEMA:
        return f"it keeps jobs in version {schema} of the job file, and this program in {SCHEMA}"
    if in_server and not (bundle.code / KNOWS_SERVERS).is_file():
        return "it was made before jobs could be kept in a Redis server (TLFIF_STORE_URL)"
    return f"it was tested with other packages than are installed now ({', '.join(differ[:3])})" if differ else ""
