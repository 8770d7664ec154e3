"""The app factory: one app for this computer and for AWS."""

from fastapi import FastAPI

from tlfif import __version__
from tlfif.api import document, problems
from tlfif.api.dialect_answers import DialectAnswers
from tlfif.api.dialect_entrance import DialectEntrance
from tlfif.api.fault_barrier import FaultBarrier
from tlfif.api.routes.anthropic import anthropic_routes
from tlfif.api.routes.cost import cost_routes
from tlfif.api.routes.images import image_routes
from tlfif.api.routes.infer import infer_routes
from tlfif.api.routes.jobs import job_routes
from tlfif.api.routes.machine import machine_routes
from tlfif.api.routes.models import model_routes
from tlfif.api.routes.ollama import ollama_routes
from tlfif.api.routes.openai import openai_routes
from tlfif.api.routes.responses import response_routes
from tlfif.api.routes.server import ServerFacts, server_routes
from tlfif.control.answers import Answers, OwnAnswers
from tlfif.control.container import Container


def create_app(container: Container, facts: ServerFacts | None, answers: Answers | None = None) -> FastAPI:
    """All routes, all errors as problems. A gate in front checks who calls (``api.gate``, ``api.signed_in_gate``).

    ``facts`` None: there is no server process, as on AWS. ``answers``: the home that other programs' requests go to,
    where it is not this one.
    """
    app = FastAPI(
        title="TL-FIF",
        version=__version__,
        description="A private language model that costs money only while it answers.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_middleware(FaultBarrier)
    app.add_middleware(DialectEntrance, new_id=container.ids.new_id)
    dialects = DialectAnswers(
        answers=answers or OwnAnswers(container),
        clock=container.clock,
        model_names=container.model_names,
        longest_wait_seconds=container.longest_wait_seconds,
    )
    for router in (  # those that ask first: an address is looked for in this order
        openai_routes(dialects),
        infer_routes(container),
        anthropic_routes(dialects),
        ollama_routes(dialects, container),
        response_routes(dialects),
        job_routes(container),
        machine_routes(container),
        model_routes(container, dialects.answers),
        cost_routes(container),
        image_routes(container),
        server_routes(container, facts),
    ):
        # As they are: ``include_router`` would make each of them a second time, while the first request waits.
        app.router.routes.extend(router.routes)
    document.install(app)
    return app
