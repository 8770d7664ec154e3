"""JSON without line breaks. llama.cpp's grammar of a form allows an indented line behind each part of it, and a small
model that was trained on programs takes them: half of its answer is white space."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tlfif.jobs.request import GenerationRequest

AGAINST = -100.0
"""Added to the logit of a token with a line break, which stays possible: a grammar may ask for one, in theory."""
_PARTS: Any = {"a": {"b": [1, "c", True, None, {"d": [], "e": {}}, {"f": -2.5}], "g": [["h"], [2]]}, "i": {"j": "k"}}
SAMPLE = "\n".join(
    json.dumps([_PARTS, _PARTS], indent=indent, separators=separators).replace("\n", breaks)
    for indent in (0, 1, 2, 3, 4, 6, 8, "\t")
    for separators in ((",", ":"), (" ,", " : "))
    for breaks in ("\n", "\n\n", "\n\n\n")
)
"""Indented JSON of many kinds: a vocabulary has tokens for line breaks and what is before and behind them."""


def with_line_breaks(tokens: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    """The numbers of those with a line break in them. ``tokens``: ``SAMPLE``'s, each with its ``id`` and ``piece``."""
    return tuple(sorted({int(token["id"]) for token in tokens if "\n" in token["piece"]}))


def on_one_line(request: GenerationRequest, line_breaks: Iterable[int]) -> GenerationRequest:
    """The request whose answer in JSON avoids these tokens, but for those that it names itself. No text within JSON has
    a line break, so nothing that could be said is lost."""
    bias = dict.fromkeys(line_breaks, AGAINST) | dict(request.sampling.logit_bias)
    return replace(request, sampling=replace(request.sampling, logit_bias=tuple(sorted(bias.items()))))
