"""The worker on an EC2 instance, started by ``images/systemd/tlfif-worker.service``. When it ends, for any reason, the
unit switches the machine off. Exit status: 0 ended in order, 1 broken, 2 could not start."""

import argparse
import logging
import sys
from pathlib import Path

from tlfif.adapters.aws.machines.ec2_user_data import PATH, MachineFile
from tlfif.bootstrap.aws_worker import InstancePaths, run_aws_worker
from tlfif.entrypoints.event_loop import run_event_loop
from tlfif.kernel.errors import TlfifError
from tlfif.kernel.log_lines import begin_log

log = logging.getLogger(__name__)


def _run(machine_file: Path, paths: InstancePaths) -> int:
    try:
        file = MachineFile.parse(machine_file.read_text(encoding="utf-8"))
        life = run_event_loop(run_aws_worker(file, paths))
    except (TlfifError, OSError, UnicodeError) as error:
        log.error("instance: cannot start: %s", error.message if isinstance(error, TlfifError) else error)
        return 2
    log.info("instance: ended: %s", life.reason)
    return 1 if life.broken else 0


def main() -> int:
    """Read the machine file and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--machine-file", type=Path, default=Path(PATH))
    parser.add_argument("--image-file", type=Path)
    parser.add_argument("--engine-key-file", type=Path, default=Path("/run/tlfif/engine.env"))
    parser.add_argument("--runtime-dir", type=Path, default=Path("/run/tlfif-worker"))
    args = parser.parse_args()
    begin_log("%(levelname)s %(message)s")  # the journal has the time
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # the engine's health is checked every two seconds
    paths = InstancePaths(
        engine_key_file=args.engine_key_file, runtime_dir=args.runtime_dir, image_file=args.image_file
    )
    return _run(args.machine_file, paths)


if __name__ == "__main__":
    sys.exit(main())
