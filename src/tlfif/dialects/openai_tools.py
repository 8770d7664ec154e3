"""Tools and the form of the answer, in OpenAI's words."""

import json
from typing import Any

from tlfif.dialects.fields import known_keys, wrong_type
from tlfif.dialects.refusal import not_supported, wrong_value
from tlfif.jobs.request import NAMED_TOOL, AnswerForm, Tool, ToolUse

CHOICES = ("none", "auto", "required")


def tool_use(tools: Any, choice: Any, parallel: bool | None) -> ToolUse | None:
    """``tools``, ``tool_choice`` and ``parallel_tool_calls``; None where nothing is offered.

    Raises InvalidInputError.
    """
    if tools is not None and not isinstance(tools, list):
        raise wrong_type("tools", "must be a list")
    offered = tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(tools or []))
    if not offered:
        if choice in (None, "none", "auto"):
            return None
        raise wrong_value("tool_choice", "asks for a tool, and tools has none")
    chosen, only = _choice("auto" if choice is None else choice)
    names = {tool.name for tool in offered}
    for name in only or [chosen.removeprefix(NAMED_TOOL)] if only or chosen.startswith(NAMED_TOOL) else []:
        if name not in names:
            raise wrong_value("tool_choice", f"names the function {name[:80]!r}, which tools does not have")
    return ToolUse(
        offered=tuple(tool for tool in offered if not only or tool.name in only),
        choice=chosen,
        parallel=parallel is not False,
    )


def functions_as_tools(functions: Any, call: Any) -> tuple[Any, Any]:
    """``functions`` and ``function_call``, which tools replaced, as ``tools`` and ``tool_choice``."""
    if functions is not None and not isinstance(functions, list):
        raise wrong_type("functions", "must be a list")
    tools = [{"type": "function", "function": function} for function in functions or []]
    return tools, {"type": "function", "function": call} if isinstance(call, dict) else call


def answer_form(value: Any) -> AnswerForm | None:
    """``response_format``. Raises InvalidInputError."""
    if value is None:
        return None
    form = known_keys(value, "response_format")
    kind = form.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return AnswerForm(schema=_schema(form.get("schema"), "response_format.schema"))
    if kind == "json_schema":
        wanted = known_keys(form.get("json_schema"), "response_format.json_schema")
        schema = wanted.get("schema", form.get("schema"))
        return AnswerForm(schema=_schema(schema, "response_format.json_schema.schema"))
    raise wrong_value("response_format.type", "must be one of text, json_object, json_schema")


def _tool(value: Any, param: str) -> Tool:
    tool = known_keys(value, param)
    kind = tool.get("type", "function")
    if kind != "function":
        raise not_supported(f"{param}.type", f"only functions can be called, not {str(kind)[:40]!r}.")
    function = known_keys(tool.get("function"), f"{param}.function")
    name, description = function.get("name"), function.get("description", "")
    if not isinstance(name, str) or not name:
        raise wrong_type(f"{param}.function.name", "must be text")
    if not isinstance(description, str):
        raise wrong_type(f"{param}.function.description", "must be text")
    return Tool(
        name=name,
        description=description,
        parameters=_schema(function.get("parameters", {}), f"{param}.function.parameters") or "{}",
        strict=function.get("strict") is True,
    )


def _choice(value: Any) -> tuple[str, list[str]]:
    """The choice, and the names of the tools that may be used; empty: all."""
    if isinstance(value, str):
        if value not in CHOICES:
            raise wrong_value("tool_choice", f"must be one of {', '.join(CHOICES)}, or name a function")
        return value, []
    choice = known_keys(value, "tool_choice")
    if choice.get("type") == "allowed_tools":
        allowed = known_keys(choice.get("allowed_tools"), "tool_choice.allowed_tools")
        mode, tools = allowed.get("mode", "auto"), allowed.get("tools")
        if mode not in CHOICES or not isinstance(tools, list):
            raise wrong_value("tool_choice.allowed_tools", "must have a mode and a list of tools")
        return mode, [_named(tool, "tool_choice.allowed_tools.tools") for tool in tools]
    return NAMED_TOOL + _named(choice, "tool_choice"), []


def _named(value: Any, param: str) -> str:
    choice = known_keys(value, param)
    if choice.get("type", "function") != "function":
        raise not_supported(f"{param}.type", "only functions can be called.")
    name = known_keys(choice.get("function"), f"{param}.function").get("name")
    if not isinstance(name, str):
        raise wrong_type(f"{param}.function.name", "must be text")
    return name


def _schema(value: Any, param: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong_type(param, "must be a JSON schema")
    return json.dumps(value, ensure_ascii=False)
