"""Which tokens an answer in JSON avoids."""

from tlfif.adapters.engines.one_line_json import AGAINST, SAMPLE, on_one_line, with_line_breaks
from tlfif.jobs.request import GenerationRequest, Message, Sampling


def test_tokens_with_a_line_break_are_avoided_unless_the_request_has_a_wish_of_its_own() -> None:
    pieces = [(7, "\n  "), (5, "{\n"), (6, '"a'), (7, "\n  ")]
    breaks = with_line_breaks({"id": number, "piece": piece} for number, piece in pieces)
    assert breaks == (5, 7)
    asked = GenerationRequest(
        model="m",
        messages=(Message(role="user", content="Hi"),),
        max_tokens=5,
        sampling=Sampling(temperature=0.0, logit_bias=((7, 2.0), (9, -1.0))),
    )
    sampling = on_one_line(asked, breaks).sampling
    assert sampling.logit_bias == ((5, AGAINST), (7, 2.0), (9, -1.0))
    assert sampling.temperature == 0.0


def test_the_sample_has_the_indentations_that_models_write() -> None:
    assert all(f'\n{" " * spaces}"' in SAMPLE for spaces in (0, 2, 4, 8, 12, 16))
    assert all(part in SAMPLE for part in ("{\n", "[\n", ",\n", "}\n", '"\n', "\n\n\n", "\n\t\t", "\n\n    "))
