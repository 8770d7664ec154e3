"""Jobs, machines and models as the API sends them. FastAPI checks each answer against its wire type as it writes it."""

import json
import os
from dataclasses import asdict, replace
from typing import Literal, cast

from tlfif.control.container import Container
from tlfif.control.describe_machine import MachineStatus, describe_machine
from tlfif.jobs.endings import receipt_data
from tlfif.jobs.events import Event
from tlfif.jobs.jobs import Job
from tlfif.jobs.read_job import AnswerSoFar
from tlfif.jobs.request import GenerationRequest, Message, Task, ToolCall, set_fields
from tlfif.kernel.clock import Clock
from tlfif.machines.list_machines import PastMachine
from tlfif.machines.machine import MachineRecord, Situation
from tlfif.machines.machine_types import MACHINE_TYPES
from tlfif.models.model_store import ModelInfo
from tlfif.models.personal_model import PersonalModel
from tlfif.wire.errors import ErrorView
from tlfif.wire.jobs import (
    EventView,
    FormView,
    GenerationView,
    JobView,
    MessageView,
    ReceiptView,
    Role,
    ToolCallView,
    ToolView,
)
from tlfif.wire.machines import MachineView, PastMachineView, PhaseView, Pids
from tlfif.wire.models import ModelView, OpenAIModel, PersonalModelView


def job_view(job: Job, answer: AnswerSoFar | None, clock: Clock) -> JobView:
    """A job with its answer, or without one in lists. The route that shows its cost fills that in."""
    error = None
    if job.error_code is not None:
        error = ErrorView(code=job.error_code, message=job.error_message or "")
    return JobView(
        job_id=job.id,
        status=job.status,
        model=job.request.model,
        messages=[_message_view(message) for message in job.request.messages],
        max_tokens=job.request.max_tokens,
        temperature=job.request.sampling.temperature or 0.0,
        seed=job.request.sampling.seed,
        asked=_generation_view(job.request),
        created_at=clock.shown(job.created_at),
        started_at=_shown(job.started_at, clock),
        finished_at=_shown(job.finished_at, clock),
        attempt=job.attempt,
        last_seq=job.last_seq,
        cancel_requested=job.cancel_requested,
        cancel_reason=job.cancel_reason,
        error=error,
        receipt=cast(ReceiptView, receipt_data(job.receipt)) if job.receipt is not None else None,
        answer=answer.text if answer is not None else None,
        reasoning=(answer.reasoning or None) if answer is not None else None,
        tool_calls=[_call_view(call) for call in answer.tool_calls]
        if answer is not None and answer.tool_calls
        else None,
        cost=None,
        simulated_aws=None,
        as_if_aws=None,
    )


def _message_view(message: Message) -> MessageView:
    view = MessageView(role=cast(Role, message.role), content=message.content)
    if message.name is not None:
        view["name"] = message.name
    if message.tool_calls:
        view["tool_calls"] = [_call_view(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        view["tool_call_id"] = message.tool_call_id
    return view


def _call_view(call: ToolCall) -> ToolCallView:
    return ToolCallView(id=call.id, name=call.name, arguments=call.arguments)


def _generation_view(request: GenerationRequest) -> GenerationView:
    view = cast(GenerationView, set_fields(request.sampling))
    if request.sampling.logit_bias:
        view["logit_bias"] = {str(token): value for token, value in request.sampling.logit_bias}
    if request.task is not Task.CHAT:
        view["task"] = cast(Literal["chat", "completion", "embedding"], request.task.value)
    if request.form is not None:
        view["form"] = FormView(json_schema=json.loads(request.form.schema) if request.form.schema else None)
    if request.tools is not None:
        view["tools"] = [
            ToolView(
                name=tool.name,
                description=tool.description,
                parameters=json.loads(tool.parameters),
                strict=tool.strict,
            )
            for tool in request.tools.offered
        ]
        view["tool_choice"] = request.tools.choice
        view["parallel_tool_calls"] = request.tools.parallel
    if request.logprobs is not None:
        view["logprobs"] = request.logprobs
    if request.notes:
        view["notes"] = request.notes
    return view


def event_view(event: Event, clock: Clock) -> EventView:
    """One event."""
    return EventView(seq=event.seq, kind=event.kind, at=clock.shown(event.at), data=event.data)


def model_view(info: ModelInfo) -> ModelView:
    """One model."""
    return cast(ModelView, asdict(info))


def personal_model_view(model: PersonalModel) -> PersonalModelView:
    """One personal model."""
    return cast(PersonalModelView, asdict(model))


def openai_model(info: ModelInfo) -> OpenAIModel:
    """One model as OpenAI's clients expect it."""
    return OpenAIModel(id=info.name, object="model", created=0, owned_by="tlfif")


def machine_view(status: MachineStatus, container: Container) -> MachineView:
    """The machine now."""
    record, fault = status.record, container.reconciler.fault
    return MachineView(
        state=status.state,
        reason=status.reason,
        code=status.code,
        phase=record.phase if record else None,
        eta_seconds=status.eta_seconds,
        image=record.image if record else container.image,
        instance_type=record.instance_type if record else None,
        engine=record.engine if record else None,
        model=record.model if record else None,
        machine_id=record.id if record else None,
        idle_seconds_left=status.idle_seconds_left,
        idle_timeout_minutes=round(status.idle_timeout_seconds / 60, 4),
        since=container.clock.shown(record.created_at) if record else None,
        queued=status.counts.queued,
        running=status.counts.running,
        held=status.held,
        place=container.place,
        pids=Pids(
            server=os.getpid(),
            worker=record.worker_pid if record else None,
            engine=record.engine_pid if record else None,
        ),
        fault=None if fault is None else ErrorView(code=fault.code, message=fault.message),
    )


def past_machine_view(past: PastMachine, clock: Clock) -> PastMachineView:
    """One machine of the history."""
    record = past.record
    return PastMachineView(
        machine_id=record.id,
        model=record.model,
        image=record.image,
        instance_type=record.instance_type,
        engine=record.engine,
        state=record.state,
        start_reason=record.start_reason,
        end_reason=past.end_reason,
        created_at=clock.shown(record.created_at),
        ready_at=_shown(record.ready_at, clock),
        ended_at=_shown(record.ended_at, clock),
        phases=[PhaseView(phase=timing.phase, seconds=round(timing.seconds, 3)) for timing in past.phases],
        boot_seconds=None if past.boot_seconds is None else round(past.boot_seconds, 3),
        run_seconds=None if past.run_seconds is None else round(past.run_seconds, 3),
    )


def _shown(at: float | None, clock: Clock) -> float | None:
    return None if at is None else clock.shown(at)


async def current_machine(container: Container, situation: Situation | None = None) -> MachineView:
    """The machine now, from the stores; ``situation`` where it has just been read."""
    status = await describe_machine(
        jobs=container.jobs,
        machines=container.machines,
        models=container.models,
        policy=container.machine_policy,
        image=container.image,
        clock=container.clock,
        situation=situation,
    )
    record = status.record
    if record is not None and record.instance_type is None:
        status = replace(status, record=await _with_type(record, container))
    return machine_view(status, container)


async def _with_type(record: MachineRecord, container: Container) -> MachineRecord:
    """Until a machine on AWS reports for itself, the ledger knows its type: EC2 said it at the launch."""
    money = container.money
    span = None if money.tariff is None else await money.ledger.span(record.id)
    kind = None if span is None else MACHINE_TYPES.get(span.instance_type)
    return (
        record
        if kind is None
        else replace(record, instance_type=kind.name, engine=kind.profile(container.gpu_engine).engine)
    )
