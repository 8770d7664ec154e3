"""A home on the emulated AWS that lives by itself: its router's minute goes on, its machines run a real worker with a
real model, and somebody's computer is signed in to it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from tests.aws.emulator import REGION, Emulator
from tests.aws.home import CLIENT_ID, SCOPE, AwsHome, a_home
from tests.aws.hypervisor import a_hypervisor
from tests.aws.rights import MACHINE, a_door
from tlfif.client.profile import AWS, Profile, save_aws_profile, use
from tlfif.client.sign_in.token_store import Tokens, TokenStore
from tlfif.kernel.data_folder import DataFolder

MINUTE_SECONDS = 1.0
"""The router's minute, made short."""
QUICK = {
    "MACHINE__HEARTBEAT_SECONDS": "0.3",
    "MACHINE__STOP_PATIENCE_SECONDS": "3",
    "MACHINE__ENGINE_SLOTS": "1",
    "JOB__LEASE_SECONDS": "3",
    "JOB__HEARTBEAT_SECONDS": "0.5",
}
LONGEST_SECONDS = 60.0
"""Until such a home has begun or ended."""


@asynccontextmanager
async def a_living_home(
    emulator: Emulator, folder: Path, places: Mapping[str, str] | None = None
) -> AsyncIterator[AwsHome]:
    """For the length of the block; at ``places`` that exist already, or at new ones. Fails where its router or the
    hypervisor did, or where a machine's worker asked for more than its role may do."""

    def tell(content: dict[str, Any]) -> None:
        content["settings"]["endpoint_url"] = url  # on a real machine there is only one AWS

    with a_home(emulator, folder, places, **QUICK) as home, a_door(emulator, MACHINE) as (url, door):
        machines = a_hypervisor(emulator, home=home.name, folder=folder / "instances", change=tell)
        async with machines as hypervisor:
            minutes = asyncio.create_task(_minutes(home))
            try:
                yield home
                assert not minutes.done(), (minutes, hypervisor.logs())
                assert door.used
                assert not door.refused
            finally:
                minutes.cancel()
                await asyncio.gather(minutes, return_exceptions=True)


@contextmanager
def a_home_beside(emulator: Emulator, folder: Path, places: Mapping[str, str] | None = None) -> Iterator[AwsHome]:
    """The same in a thread of its own, for who has no event loop."""
    begun, over = threading.Event(), threading.Event()
    made: list[AwsHome] = []
    faults: list[BaseException] = []

    async def live() -> None:
        async with a_living_home(emulator, folder, places) as home:
            made.append(home)
            begun.set()
            await asyncio.to_thread(over.wait)

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # told to the test, whose thread is another
            faults.append(error)
        finally:
            begun.set()

    thread = threading.Thread(target=run, name="a home on AWS")
    thread.start()
    try:
        assert begun.wait(LONGEST_SECONDS)
        if not faults:
            yield made[0]
    finally:
        over.set()
        thread.join(LONGEST_SECONDS)
    if faults:
        raise faults[0]


def sign_in(folder: Path, home: AwsHome) -> DataFolder:
    """The files of a computer that is signed in there, as ``login`` leaves them."""
    here = DataFolder(folder)
    here.create()
    url = home.front.url
    profile = Profile(api_url=url, issuer=url, client_id=CLIENT_ID, scope=f"openid {SCOPE}", region=REGION)
    save_aws_profile(here, profile)
    use(here, AWS)
    store = TokenStore(here, profile, find_vault=lambda: None)
    tokens = Tokens(access_token=home.token("anna"), refresh_token=None, renew_at=time.time() + 3000, who="Anna")
    store.save(tokens)
    return here


async def _minutes(home: AwsHome) -> None:
    while True:
        await asyncio.to_thread(home.tick)
        await asyncio.sleep(MINUTE_SECONDS)
