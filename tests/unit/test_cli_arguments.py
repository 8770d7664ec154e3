"""Arguments at the desk: bad ones end there, with the server's own words and codes."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from tlfif.cli import arguments
from tlfif.cli.arguments import Parser, add_answer_options, answer_options
from tlfif.cli.ask import MAX_BYTES, read_prompt
from tlfif.kernel.errors import InvalidInputError, NotFoundError

NOT_NUMBERS = ["", " ", "nan", "inf", "-inf", "ten", "1_0", "0x10", "٣", "1,500", "-1", "1e99", "9" * 400]


@pytest.mark.parametrize(
    ("parse", "code", "bad"),
    [
        (arguments.max_tokens, "max_tokens_out_of_range", ["0", "2049", "1e9", "1.5", "1000000000"]),
        (arguments.temperature, "temperature_out_of_range", ["2.01", "1e9"]),
        (arguments.seed, "seed_out_of_range", ["1.5", "4294967295", "1e9"]),
        (arguments.idle_minutes, "idle_timeout_out_of_range", ["0", "0.05", "241", "1e9"]),
        (arguments.page_limit, "limit_out_of_range", ["0", "101", "1e9"]),
        (arguments.port_number, "port_out_of_range", ["0", "65536", "1e9"]),
    ],
)
def test_numbers_out_of_range_and_no_numbers_have_one_code(
    parse: Callable[[str], float], code: str, bad: list[str]
) -> None:
    for text in [*NOT_NUMBERS, *bad]:
        with pytest.raises(InvalidInputError) as caught:
            parse(text)
        assert caught.value.code == code, text


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (arguments.max_tokens, "2048", 2048),
        (arguments.temperature, "0", 0.0),
        (arguments.temperature, ".5", 0.5),
        (arguments.temperature, "2.", 2.0),
        (arguments.seed, " 4294967294 ", 4294967294),
        (arguments.idle_minutes, "0.1", 0.1),
        (arguments.idle_minutes, "240", 240.0),
        (arguments.page_limit, "100", 100),
    ],
)
def test_numbers_in_range_are_taken(parse: Callable[[str], float], text: str, value: float) -> None:
    assert parse(text) == value


def parsed(*given: str) -> arguments.AnswerOptions:
    parser = Parser(prog="tlfif ask")
    add_answer_options(parser)
    return answer_options(parser.parse_args(given))


def test_what_is_not_given_is_left_to_the_server() -> None:
    assert parsed() == arguments.AnswerOptions()


def test_a_name_that_is_not_in_the_catalogue_may_be_a_personal_models() -> None:
    assert parsed("--model", "Anna-Poems").model == "anna-poems"


def test_options_are_checked_together() -> None:
    options = parsed("--max-tokens", "7", "--model", "SmolLM2-135M", "--idle-timeout", "2", "--system", "Be kind.")
    assert (options.max_tokens, options.model, options.idle_timeout, options.system) == (7, "smollm2", 2.0, "Be kind.")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("--system", "  "), "system_empty"),
        (("--model", "gpt 9"), "unknown_model"),
        (("--model", ""), "unknown_model"),
        (("--model", "file:"), "model_file_invalid"),
        (("--model", "FILE:  "), "model_file_invalid"),
        (("--model", "file:a\x00b"), "model_file_invalid"),
        (("--temperature",), "usage"),
        (("--max", "7"), "usage"),
        (("--nonsense",), "usage"),
    ],
)
def test_bad_options_raise_instead_of_leaving(given: tuple[str, ...], code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parsed(*given)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("parse", "name"),
    [
        (arguments.max_tokens, "--max-tokens"),
        (arguments.temperature, "--temperature"),
        (arguments.seed, "--seed"),
        (arguments.page_limit, "--limit"),
        (arguments.port_number, "--port"),
    ],
)
def test_options_are_named_as_they_are_typed(parse: Callable[[str], float], name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse("ten")
    assert caught.value.message.startswith(f"{name} must be ")


@pytest.mark.parametrize(("command", "hinted"), [("ask", True), ("machine", False), ("machine stop", False)])
def test_only_a_question_is_told_of_quotes(command: str, hinted: bool) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Parser(prog=f"tlfif {command}").parse_args(["now"])
    assert ("in quotes" in caught.value.message) is hinted
    assert f"tlfif {command} --help" in caught.value.message


def test_a_file_of_ones_own_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert arguments.model_name("file:my.gguf") == f"file:{tmp_path / 'my.gguf'}"


@pytest.mark.parametrize("bad", ["", "..", "a/b", "job 1", "ü", "x" * 101])
def test_what_can_be_no_job_is_not_asked_for(bad: str) -> None:
    with pytest.raises(NotFoundError):
        arguments.job_id(bad)


@pytest.mark.parametrize(
    ("given", "prompt"),
    [(b"Hello\n", "Hello"), (b"\xef\xbb\xbfHello\r\n", "Hello"), ("Grüß\ndich\n\n".encode(), "Grüß\ndich"), (b"", "")],
)
def test_standard_input_is_utf8_without_its_last_line_end(given: bytes, prompt: str) -> None:
    assert read_prompt("-", BytesIO(given)) == prompt


@pytest.mark.parametrize(("given", "code"), [(b"a\xff", "prompt_not_text"), (b"a" * (MAX_BYTES + 1), "body_too_large")])
def test_standard_input_that_is_no_prompt_is_refused(given: bytes, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_prompt("-", BytesIO(given))
    assert caught.value.code == code
