"""The worker on an EC2 instance, started by ``images/systemd/tlfif-worker.service``. When it ends, for whatever
reason, the unit switches the machine off. Status: 0 as it should, 1 broken, 2 it could not begin."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from tlfif.adapters.aws.machines.ec2_user_data import PATH, MachineFile
from tlfif.kernel.errors import TlfifError
from tlfif.worker.run_instance import InstancePlaces, run_instance

log = logging.getLogger(__name__)


def _live(machine_file: Path, places: InstancePlaces) -> int:
    try:
        file = MachineFile.parse(machine_file.read_text(encoding="utf-8"))
        living = run_instance(file, places)
        try:
            import uvloop
        except ImportError:
            life = asyncio.run(living)
        else:
            life = uvloop.run(living)
    except (TlfifError, OSError, UnicodeError) as error:
        log.error("instance: cannot begin: %s", error.message if isinstance(error, TlfifError) else error)
        return 2
    log.info("instance: ended: %s", life.reason)
    return 1 if life.broken else 0


def main() -> int:
    """Read the machine file and live."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--machine-file", type=Path, default=Path(PATH))
    parser.add_argument("--engine-key-file", type=Path, default=Path("/run/tlfif/engine.env"))
    parser.add_argument("--runtime-dir", type=Path, default=Path("/run/tlfif-worker"))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")  # the journal has the time
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # the engine's health is looked at every two seconds
    return _live(args.machine_file, InstancePlaces(engine_key_file=args.engine_key_file, runtime_dir=args.runtime_dir))


if __name__ == "__main__":
    sys.exit(main())
