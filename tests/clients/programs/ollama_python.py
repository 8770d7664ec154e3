"""Ollama's Python client, as its README uses it."""

import json

from deeds import KEY, MARK, MODEL, URL, deed, must_fail, run
from ollama import Client, ResponseError

client = Client(host=URL, headers={"Authorization": f"Bearer {KEY}"})
NAME = f"{MODEL}:latest"
USER = {"role": "user", "content": "Hello"}


@deed("chat")
def chat() -> None:
    assert client.chat(NAME, messages=[USER]).message.content == "Hi there"


@deed("stream")
def stream() -> None:
    assert "".join(part.message.content for part in client.chat(NAME, messages=[USER], stream=True)) == "Hi there"


@deed("generate")
def generate() -> None:
    assert client.generate(NAME, "Hello").response == "Hi there"


@deed("tools")
def tools() -> None:
    def weather(city: str) -> str:
        """The weather of a city."""
        return city

    assert client.chat(NAME, messages=[USER], tools=[weather]).message.content == "Hi there"


@deed("JSON")
def form() -> None:
    assert json.loads(client.chat(NAME, messages=[USER], format="json").message.content) == {"city": "Graz"}


@deed("embeddings")
def embeddings() -> None:
    assert [len(vector) for vector in client.embed(NAME, ["a", "b"]).embeddings] == [4, 4]


@deed("models")
def models() -> None:
    assert [model.model for model in client.list().models] == [NAME]
    assert client.show(NAME).capabilities


@deed("key in the address")
def key_in_the_address() -> None:
    assert Client(host=f"{URL}/key/{KEY}").chat(NAME, messages=[USER]).message.content == "Hi there"


@deed("error")
def error() -> None:
    assert must_fail(lambda: client.chat("llama4", messages=[USER]), ResponseError).status_code == 404


@deed("words that start over")
def words_start_over() -> None:
    parts = client.chat(NAME, messages=[{"role": "user", "content": "Please start over."}], stream=True)
    text = "".join(part.message.content for part in parts)
    assert text.startswith("Hi ")
    assert MARK in text
    assert text.endswith("Hello")


run()
