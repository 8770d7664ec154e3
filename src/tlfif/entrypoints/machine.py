"""A machine on this computer: worker and engine. Started by ``adapters.local.machines.process_machine_host``."""

import argparse
import json
import secrets
from pathlib import Path

from tlfif.adapters.engines.llama_engine_process import EngineSpec, LlamaEngineProcess
from tlfif.entrypoints.event_loop import run_event_loop
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.log_lines import begin_log
from tlfif.machines.machine_types import EngineKind
from tlfif.machines.policy import MachinePolicy

LOAD_SHARE = 0.8
"""Of the launch limit, for loading the model: so it is known that it was the model that was not done."""


async def _run(data_folder: Path, machine_id: str, spec: dict[str, object], store: dict[str, str] | None) -> None:
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
            load_seconds=machine_policy.launch_limit_seconds * LOAD_SHARE,
            log_path=data_folder / "logs" / "engine.log",
            mark=("--home", str(data_folder), "--machine-id", machine_id),
        )
    )
    await process.spawn()
    # The rest is imported while the engine loads: each cold start waits for it.
    from tlfif.bootstrap.embedded_worker import run_embedded_candidate, run_embedded_worker
    from tlfif.worker.lifecycle import MachineIdentity

    identity = MachineIdentity(
        machine_id=machine_id,
        boot_id=secrets.token_hex(8),
        model=str(spec["model"]),
        model_sha256=str(spec["model_sha256"]) if spec["model_sha256"] else None,
        image=str(spec["image"]),
        engine=EngineKind.LLAMA,
        idle_timeout_seconds=float(str(spec["idle_timeout_seconds"])),
        job_policy=JobPolicy(**policies["job"]),  # type: ignore[arg-type]  # from asdict of the same class
        machine_policy=machine_policy,
    )
    if spec.get("smoke_test"):
        await run_embedded_candidate(identity, data_folder, process, context_tokens=context_tokens)
        return
    offset = float(str(spec["clock_offset"]))
    await run_embedded_worker(
        identity, data_folder, process, context_tokens=context_tokens, clock_offset=offset, store=store
    )


def main() -> None:
    """Read the launch specification from the command line and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--machine-id", required=True)
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--store", type=json.loads, help="the server that keeps jobs; else they are in the home")
    args = parser.parse_args()
    begin_log("%(asctime)s %(levelname)s %(message)s")
    run_event_loop(_run(args.home, args.machine_id, args.spec, args.store))


if __name__ == "__main__":
    main()
