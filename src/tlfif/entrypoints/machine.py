"""An embedded machine: worker and engine. Started by ``adapters.local.process_machine_host``, never by hand."""

import argparse
import asyncio
import json
import logging
from pathlib import Path

from tlfif.adapters.engines.llama_engine_process import EngineSpec, LlamaEngineProcess
from tlfif.machines.policy import JobPolicy, MachinePolicy


async def _live(home: Path, machine_id: str, spec: dict[str, object]) -> None:
    policies: dict[str, dict[str, float]] = spec["policies"]  # type: ignore[assignment]  # written by the host
    machine_policy = MachinePolicy(**policies["machine"])  # type: ignore[arg-type]  # from asdict of the same class
    context_tokens = int(str(spec["context_tokens"]))
    process = LlamaEngineProcess(
        EngineSpec(
            model_name=str(spec["model"]),
            model_path=str(spec["model_path"]),
            context_tokens=context_tokens,
            slots=machine_policy.engine_slots,
            threads=machine_policy.engine_threads,
            log_path=home / "logs" / "engine.log",
            mark=("--home", str(home), "--machine-id", machine_id),
        )
    )
    await process.spawn()
    # The rest is imported while the engine loads: this is on the path of every cold start.
    from tlfif.worker.run_machine import MachineOrder, run_machine

    order = MachineOrder(
        machine_id=machine_id,
        home=home,
        model=str(spec["model"]),
        context_tokens=context_tokens,
        model_sha256=str(spec["model_sha256"]) if spec["model_sha256"] else None,
        image=str(spec["image"]),
        idle_timeout_seconds=float(str(spec["idle_timeout_seconds"])),
        job_policy=JobPolicy(**policies["job"]),  # type: ignore[arg-type]  # from asdict of the same class
        machine_policy=machine_policy,
    )
    await run_machine(order, process)


def main() -> None:
    """Read the order and live."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--machine-id", required=True)
    parser.add_argument("--spec", type=json.loads, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    living = _live(args.home, args.machine_id, args.spec)
    try:
        import uvloop
    except ImportError:  # Windows
        asyncio.run(living)
    else:
        uvloop.run(living)


if __name__ == "__main__":
    main()
