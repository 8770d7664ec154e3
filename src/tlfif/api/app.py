"""The app factory: one app for this computer and for AWS."""

from fastapi import FastAPI

from tlfif import __version__
from tlfif.api import document, problems
from tlfif.api.fault_barrier import FaultBarrier
from tlfif.api.openai import openai_routes
from tlfif.api.routes.cost import cost_routes
from tlfif.api.routes.images import image_routes
from tlfif.api.routes.infer import infer_routes
from tlfif.api.routes.jobs import job_routes
from tlfif.api.routes.machine import machine_routes
from tlfif.api.routes.models import model_routes
from tlfif.api.routes.server import ServerFacts, server_routes
from tlfif.control.container import Container


def create_app(container: Container, facts: ServerFacts | None) -> FastAPI:
    """All routes, all errors as problems. A gate in front checks who calls (``api.gate``, ``api.signed_in_gate``).

    ``facts`` None: there is no server process, as on AWS.
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
    for router in (
        infer_routes(container),
        job_routes(container),
        machine_routes(container),
        model_routes(container),
        cost_routes(container),
        image_routes(container),
        openai_routes(container),
        server_routes(container, facts),
    ):
        app.include_router(router)
    document.install(app)
    return app
