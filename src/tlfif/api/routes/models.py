"""List, pull and verify models."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from tlfif.api.schemas import PullRequest
from tlfif.api.signed_in_gate import user_of
from tlfif.api.strict_route import LenientRoute, StrictRoute
from tlfif.api.views import model_view, openai_model
from tlfif.control.answers import Answers
from tlfif.control.container import Container
from tlfif.kernel.errors import UnavailableError
from tlfif.models.model_store import ModelState
from tlfif.wire.models import ModelList, ModelView

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
        return ModelList(models=[model_view(info) for info in found], object="list", data=ready)

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
    return router
