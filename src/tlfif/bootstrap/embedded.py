"""The container of the embedded home: everything on this computer."""

from tlfif import __version__
from tlfif.adapters.local.file_model_store import FileModelStore
from tlfif.adapters.local.gguf_tokenizer import GgufTokenizer
from tlfif.adapters.local.process_machine_host import ProcessMachineHost
from tlfif.adapters.local.system_clock import SystemClock, SystemIds
from tlfif.adapters.sqlite.stores import open_sqlite_stores
from tlfif.application.reconcile import Reconciler
from tlfif.bootstrap.container import Container
from tlfif.bootstrap.settings import Settings

IMAGE = f"embedded-{__version__}"


async def embedded_container(settings: Settings) -> Container:
    """Open the stores and put the adapters together. Raises StorageError."""
    clock, ids = SystemClock(), SystemIds()
    home = settings.home
    jobs, machines = await open_sqlite_stores(
        home.database, ids, default_idle_timeout=settings.machine.idle_timeout_seconds
    )
    models = FileModelStore(models_dir=home.models, hub_url=str(settings.hub_url).rstrip("/"), clock=clock)
    host = ProcessMachineHost(home.root, job_policy=settings.job, machine_policy=settings.machine)
    reconciler = Reconciler(
        jobs=jobs,
        machines=machines,
        models=models,
        host=host,
        clock=clock,
        ids=ids,
        job_policy=settings.job,
        machine_policy=settings.machine,
        image=IMAGE,
    )

    async def close() -> None:
        await models.close()
        await jobs.close()
        await machines.close()

    return Container(
        jobs=jobs,
        machines=machines,
        models=models,
        tokenizer=GgufTokenizer(models),
        host=host,
        clock=clock,
        ids=ids,
        job_policy=settings.job,
        machine_policy=settings.machine,
        image=IMAGE,
        place="this computer",
        reconciler=reconciler,
        close=close,
    )
