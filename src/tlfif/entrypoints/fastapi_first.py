"""Loads FastAPI with the models of its OpenAPI documents not yet built; imported before anything that imports FastAPI.

They are 60 ms of each start of the API, and only a request for ``/v1/openapi.json`` uses them: pydantic builds each
when it is first used (its setting ``defer_build``). FastAPI has no switch for this, so it is set on the base class of
all models and removed again: the models of this program are built at once as usual.
"""

from pydantic import BaseModel

BaseModel.model_config["defer_build"] = True
import fastapi  # noqa: E402, F401  # between the two

del BaseModel.model_config["defer_build"]
