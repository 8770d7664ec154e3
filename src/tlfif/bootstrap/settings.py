"""Settings of the server process: read once, all faults reported together.

Nothing but this, ``aws_settings`` and ``kernel/data_folder.py`` reads the environment.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AnyHttpUrl, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from tlfif.adapters.redis.store_address import StoreAddress, check_store_url
from tlfif.bootstrap.setting_rules import absolute, all_positive, faults_of, known
from tlfif.bootstrap.variables import PREFIX, misspelt, settings_fault
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.access import check_host, check_origin
from tlfif.kernel.data_folder import DataFolder, default_data_folder, other_settings
from tlfif.machines.machine_types import check_instance_type
from tlfif.machines.policy import MachinePolicy
from tlfif.money.prices.prices import DEFAULT_INSTANCE_TYPE, DEFAULT_REGION, check_region


class Settings(BaseSettings):
    """Every setting, its unit and its range. Environment names begin with ``TLFIF_``; a policy's number is set as
    ``TLFIF_MACHINE__IDLE_TIMEOUT_SECONDS`` or ``TLFIF_JOB__LEASE_SECONDS``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore")

    data_folder_path: Annotated[str | None, Field(validation_alias="TLFIF_HOME")] = None
    """The data folder; default: the platform's data folder of this user."""
    port: Annotated[int | None, Field(ge=0, le=65535)] = None
    """Loopback port of the API; 0 takes a free one. Default: the data folder's own, which it remembers."""
    allow_hosts: tuple[Annotated[str, AfterValidator(known(check_host))], ...] = ()
    """Names beside loopback's that requests may be sent to, as a JSON list; ``tlfif serve --allow-host`` adds to
    them."""
    allow_origins: tuple[Annotated[str, AfterValidator(known(check_origin))], ...] = ()
    """Origins of web pages that may ask with a key, as a JSON list; ``tlfif serve --allow-origin`` adds to them."""
    hub_url: AnyHttpUrl = AnyHttpUrl("https://huggingface.co")
    """Where models are pulled from."""
    server_idle_exit_seconds: Annotated[float, Field(ge=1, le=86400, allow_inf_nan=False)] = 900.0
    """The background server ends after this long without a request, a job or a machine."""
    tick_seconds: Annotated[float, Field(ge=0.05, le=5, allow_inf_nan=False)] = 1.0
    """Router tick while there is a machine or a job; five times as long otherwise. The budget needs a tick at least
    every 5 s."""
    aws_region: Annotated[str, AfterValidator(known(check_region))] = DEFAULT_REGION
    """The region of the simulated AWS cost on this computer."""
    aws_instance_type: Annotated[str, AfterValidator(known(check_instance_type))] = DEFAULT_INSTANCE_TYPE
    """The instance type of the simulated AWS cost."""
    price_list_url: AnyHttpUrl = AnyHttpUrl("https://pricing.us-east-1.amazonaws.com")
    """Where AWS publishes its prices; read by ``tlfif cost prices --refresh`` only."""
    exchange_url: AnyHttpUrl = AnyHttpUrl("https://www.ecb.europa.eu")
    """Where the European Central Bank publishes its reference rates; read by the same command only."""
    model_names: dict[str, str] = {}
    """What other programs' names of models mean here, as JSON: ``{"gpt-4o-mini": "smollm2"}``; ``""`` is the default
    model. For programs whose own name cannot be changed."""
    store_url: Annotated[str, AfterValidator(known(check_store_url))] | None = None
    """The Redis or Valkey server that keeps jobs: ``redis://`` on this computer, ``rediss://`` (TLS), ``unix://``.
    Default: a file in the data folder. Machines, prices and costs stay in that file."""
    store_password_file: Annotated[str, AfterValidator(absolute)] | None = None
    """The file with that server's password, readable by its owner only."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    job: Annotated[JobPolicy, AfterValidator(all_positive)] = JobPolicy()
    machine: Annotated[MachinePolicy, AfterValidator(all_positive)] = MachinePolicy()

    @cached_property
    def data_folder(self) -> DataFolder:
        """The data folder."""
        return default_data_folder(self.data_folder_path)

    @cached_property
    def store(self) -> StoreAddress | None:
        """The server that keeps jobs; None for the file."""
        if self.store_url is None:
            return None
        file = self.store_password_file
        return StoreAddress(url=self.store_url, password_file=Path(file) if file else None)


def load_settings() -> Settings:
    """Settings from the environment. Raises InvalidInputError (code ``settings_invalid``) naming every fault, also each
    variable that looks like a setting and is none: what it was to limit would not be limited."""
    faults = misspelt(other_settings())
    try:
        settings = Settings()
    except ValidationError as error:
        raise settings_fault([*faults, *faults_of(error, PREFIX)]) from None
    except SettingsError:
        named = ", ".join(PREFIX + name for name in ("ALLOW_HOSTS", "ALLOW_ORIGINS", "JOB", "MACHINE", "MODEL_NAMES"))
        wholes = f"{named}: They are JSON where they are set; one number is {PREFIX}JOB__ITS_NAME."
        raise settings_fault([*faults, wholes]) from None
    if faults:
        raise settings_fault(faults)
    return settings
