"""Turns a conversation into the one text the model was trained on, by the template inside its GGUF file."""

import json
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tlfif.jobs.jobs import Message

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""What llama.cpp uses for a file that has no template."""


_FAILURES = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a template of unknown origin may end in, in the sandbox."""


class TemplateFailedError(ValueError):
    """The template cannot be read, or refuses this conversation."""


class ChatTemplate:
    """A compiled template. Not trusted: it runs in jinja2's immutable sandbox."""

    def __init__(self, source: str | None, *, bos_text: str, eos_text: str) -> None:
        """Compile ``source`` (None or empty: ChatML).

        Raises TemplateFailedError."""
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = time.strftime
        self._bos_text, self._eos_text = bos_text, eos_text
        try:
            self._template = environment.from_string(source or CHATML)
        except TemplateError as error:
            raise TemplateFailedError(str(error)) from error

    def render(self, messages: Sequence[Message], *, strip_bos: bool, strip_eos: bool) -> str:
        """The prompt, ready for the answer to follow.

        A last message by the assistant is the start of the answer, as llama.cpp's server has it.
        ``strip_bos`` and ``strip_eos``: the tokenizer adds these tokens itself, so they are taken off the
        text.

        Raises TemplateFailedError."""
        turns = list(messages)
        begun = turns.pop().content if turns and turns[-1].role == "assistant" else ""
        try:
            text = self._template.render(
                messages=[{"role": turn.role, "content": turn.content} for turn in turns],
                add_generation_prompt=True,
                bos_token=self._bos_text,
                eos_token=self._eos_text,
                enable_thinking=True,
            )
        except _FAILURES as error:
            raise TemplateFailedError(str(error)) from error
        if strip_bos:
            text = text.removeprefix(self._bos_text)
        if strip_eos:
            text = text.removesuffix(self._eos_text)
        return text + begun


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)
