"""List, pull and verify models."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from tlfif.api.schemas import AddModelRequest, PullRequest
from tlfif.api.signed_in_gate import caller_of, user_of
from tlfif.api.strict_route import LenientRoute, StrictRoute
from tlfif.api.views import model_view, openai_model, personal_model_view
from tlfif.control.answers import Answers
from tlfif.control.container import Container
from tlfif.kernel.errors import ConflictError, UnavailableError
from tlfif.models.model_store import ModelState
from tlfif.models.personal_model import PersonalState
from tlfif.models.personal_models import PersonalModels
from tlfif.wire.models import ModelList, ModelView, PersonalModelView

PersonalName = Annotated[str, Path(examples=["anna-poems"])]
ModelName = Annotated[str, Path(examples=["tinyllama"])]


def model_routes(container: Container, answers: Answers) -> APIRouter:
    """The routes of models, bound to their port. ``answers``: the home that programs' requests go to."""
    router = APIRouter(prefix="/v1/models", tags=["models"], route_class=StrictRoute)
    for_programs = APIRouter(prefix="/v1/models", tags=["models"], route_class=LenientRoute)
    models = container.models

    @for_programs.get("", operation_id="list_models")
    async def list_models(request: Request) -> ModelList:
        """The catalogue and what of it is on this computer; ``data`` has those that can answer, in OpenAI's words: for
        a program, of the home that answers it."""
        found = await models.list_models()
        try:
            able = await answers.models()
        except UnavailableError:
            if user_of(request):
                raise
            able = found  # the owner's own programs look at this computer's files, whatever other home answers
        ready = [openai_model(info) for info in able if info.state is ModelState.READY]
        mine = [] if container.personal is None else await container.personal.seen_by(user_of(request))
        return ModelList(
            models=[model_view(info) for info in found],
            personal=[personal_model_view(one) for one in mine],
            object="list",
            data=ready,
        )

    @router.post("/{name}/pull", status_code=202, operation_id="pull_model")
    async def pull(name: ModelName, body: PullRequest | None = None) -> ModelView:
        """Begin to fetch a model, or join a fetch under way; ``received_bytes`` in the list shows how far it is."""
        asked = body or PullRequest()
        return model_view(await models.start_pull(name, force=asked.force, automatic=asked.automatic))

    @router.post("/{name}/verify", operation_id="verify_model")
    async def verify(name: ModelName) -> ModelView:
        """Read the whole file and compare its sha256."""
        return model_view(await models.verify(name))

    router.routes.extend(for_programs.routes)
    router.routes.extend(_personal_routes(container).routes)
    return router


def _personal_routes(container: Container) -> APIRouter:
    """Adding, approving and retiring a personal model."""
    router = APIRouter(prefix="/v1/models", tags=["models"], route_class=StrictRoute)

    @router.post("/{name}/add", status_code=201, operation_id="add_model")
    async def add(request: Request, name: PersonalName, body: AddModelRequest) -> PersonalModelView:
        """Register an adapter under a name; the same again changes nothing. Nothing is kept of a file that does not fit
        its base."""
        added = await _registry(container).add(
            name, path=body.adapter, base=body.base, sha256=body.sha256, user=user_of(request)
        )
        return personal_model_view(added)

    async def move(request: Request, name: str, state: PersonalState) -> PersonalModelView:
        who = caller_of(request)
        moved = await _registry(container).move(name, state, user=who.user, is_owner=who.is_owner)
        return personal_model_view(moved)

    @router.post("/{name}/approve", operation_id="approve_model")
    async def approve(request: Request, name: PersonalName) -> PersonalModelView:
        """Let everybody who may ask in this home ask a personal model."""
        return await move(request, name, PersonalState.APPROVED)

    @router.post("/{name}/retire", operation_id="retire_model")
    async def retire(request: Request, name: PersonalName) -> PersonalModelView:
        """Have a personal model answer no more; what it answered stays."""
        return await move(request, name, PersonalState.RETIRED)

    return router


def _registry(container: Container) -> PersonalModels:
    if container.personal is None:
        raise ConflictError(
            "The machines of this home answer with no personal models yet. Nothing was kept. Use the home on your own "
            "computer.",
            code="personal_models_not_here",
        )
    return container.personal
