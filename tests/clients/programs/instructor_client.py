"""Instructor over OpenAI's client, as its documentation uses it."""

import instructor
from deeds import KEY, MODEL, URL, deed, run
from openai import OpenAI
from pydantic import BaseModel

USER = {"role": "user", "content": "Hello"}


class City(BaseModel):
    """A city."""

    city: str


def asked(mode: instructor.Mode) -> City:
    """The city that is found in this mode."""
    client = instructor.from_openai(OpenAI(base_url=f"{URL}/v1", api_key=KEY), mode=mode)
    return client.chat.completions.create(model=MODEL, messages=[USER], response_model=City)


@deed("tools")
def tools() -> None:
    assert asked(instructor.Mode.TOOLS).city == "Graz"


@deed("JSON")
def form() -> None:
    assert asked(instructor.Mode.JSON).city == "Graz"


@deed("JSON by a schema")
def schema() -> None:
    assert asked(instructor.Mode.JSON_SCHEMA).city == "Graz"


run()
