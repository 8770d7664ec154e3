"""LangChain's chat model for OpenAI, as its documentation uses it."""

import json

import openai
from deeds import KEY, MARK, MODEL, URL, deed, must_fail, run
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

model = ChatOpenAI(model=MODEL, base_url=f"{URL}/v1", api_key=KEY)


class City(BaseModel):
    """A city."""

    city: str


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def streamed(chat: object, prompt: str) -> str:
    """The text of a streamed answer."""
    return "".join(chunk.text for chunk in chat.stream(prompt))


@deed("chat")
def chat() -> None:
    assert model.invoke([("system", "Be brief."), ("user", "Hello")]).text == "Hi there"


@deed("stream")
def stream() -> None:
    assert streamed(model, "Hello") == "Hi there"


@deed("tools")
def tools() -> None:
    bound = model.bind_tools([weather], tool_choice="weather")
    asked = bound.invoke("Hello")
    (call,) = asked.tool_calls
    assert call["args"] == {"city": "Graz"}
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert model.invoke([("user", "Hello"), asked, result]).text == "Hi there"


@deed("JSON")
def form() -> None:
    assert model.with_structured_output(City, method="json_schema").invoke("Hello") == City(city="Graz")
    assert model.with_structured_output(City, method="function_calling").invoke("Hello") == City(city="Graz")


@deed("embeddings")
def embeddings() -> None:
    found = OpenAIEmbeddings(model=MODEL, base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False)
    assert [len(vector) for vector in found.embed_documents(["a", "b"])] == [4, 4]


@deed("error")
def error() -> None:
    other = ChatOpenAI(model="gpt-5", base_url=f"{URL}/v1", api_key=KEY)
    must_fail(lambda: other.invoke("Hello"), openai.NotFoundError)


@deed("words that start over")
def words_start_over() -> None:
    text = streamed(model, "Please start over.")
    assert text.startswith("Hi ")
    assert MARK in text
    assert text.endswith("Hello")


@deed("JSON that starts over")
def json_starts_over() -> None:
    bound = model.bind(response_format={"type": "json_object"})
    raised = must_fail(lambda: json.loads(streamed(bound, "Please start over.")), openai.APIError)
    assert raised.code == "started_over"


run()
