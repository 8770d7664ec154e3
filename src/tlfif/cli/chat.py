"""``tlfif chat``: a conversation."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tlfif.cli.answering import Answer, answer_prompt, show_receipt, with_cost
from tlfif.cli.arguments import AnswerOptions, add_answer_options, answer_options
from tlfif.cli.ask import asking_for, failure_of, interrupted_text, opening_words
from tlfif.cli.connection import open_client
from tlfif.cli.exit_codes import DONE, INTERRUPTED, NO_ACCESS, exit_code_of, exit_code_of_job
from tlfif.cli.fetching import Choice, choose_model
from tlfif.cli.interrupts import Interrupts
from tlfif.cli.kept_answers import KeptAnswers
from tlfif.cli.keyboard import HeldKeys
from tlfif.cli.output.console import Console
from tlfif.client.conversation_window import MAX_EXCHANGES, dropped_words, how_many_to_drop, messages_of
from tlfif.client.errors import ApiError
from tlfif.client.tlfif_client import TlfifClient
from tlfif.jobs import limits
from tlfif.jobs.policy import JobPolicy
from tlfif.kernel.data_folder import history_from_environment
from tlfif.kernel.errors import TlfifError
from tlfif.wire.jobs import MessageView
from tlfif.wording.machines import model_title

COMMANDS = "/new forgets the conversation · /quit leaves · /help shows this · Ctrl-C cancels an answer, or leaves"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments."""
    parser.epilog = f"In the conversation: {COMMANDS}"
    add_answer_options(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Check everything, then talk until the person leaves."""
    options = answer_options(args)
    if options.max_tokens is None:
        # Said outright, so that a long conversation is trimmed instead of leaving no room for the answer.
        options = replace(options, max_tokens=JobPolicy().default_max_tokens)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with HeldKeys() as keys, asyncio.Runner() as runner:
        client = open_client()
        try:
            choice = runner.run(_prepare(client, options, console, keys))
            if choice is None:
                return INTERRUPTED
            if not at_terminal:
                console.announce(choice.note)
            elif choice.note:
                console.note(choice.note)
            if at_terminal:
                console.note(f"{model_title(choice.model)} listens. {COMMANDS}")
            kept = KeptAnswers(history_from_environment() if options.history else None, console)
            talk = Talk(client, choice.model, options, console, at_terminal, keys, kept)
            return talk.loop(runner.run, _typed(runner, keys) if at_terminal else input)
        finally:
            runner.run(client.close())


def _typed(runner: asyncio.Runner, keys: HeldKeys) -> Callable[[], str]:
    """Reads what a person types: a text of many lines that is pasted is one question; arrow keys bring earlier ones
    back, until the talk ends."""
    from prompt_toolkit import PromptSession  # half of what a command loads; nothing else needs it
    from prompt_toolkit.utils import is_dumb_terminal

    session: PromptSession[str] = PromptSession("> ", enable_suspend=True)

    def read() -> str:
        line = runner.run(session.prompt_async())
        if not is_dumb_terminal():
            keys.mark_pastes()
        return line

    return read


async def _prepare(client: TlfifClient, options: AnswerOptions, console: Console, keys: HeldKeys) -> Choice | None:
    with Interrupts(keys.release):
        try:
            console.status(opening_words())
            choice = await choose_model(client, options.model, console)
        except asyncio.CancelledError:
            console.note("You left before the conversation began.")
            return None
        console.status("")
        return choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(slots=True)
class Conversation:
    """Exchanges, the oldest first. The system prompt is not among them: it is never left out."""

    exchanges: list[Exchange] = field(default_factory=list)

    def messages(self, question: str) -> list[MessageView]:
        """Everything to send with a new question."""
        return messages_of(((one.question, one.answer) for one in self.exchanges), question)

    def add(self, question: str, answer: str) -> None:
        """Remember an exchange whose answer is not empty."""
        if answer.strip():
            self.exchanges.append(Exchange(question=question, answer=answer))

    def trim(self, count: int) -> int:
        """Forget the ``count`` oldest exchanges. Returns how many were forgotten."""
        dropped = max(0, min(count, len(self.exchanges)))
        del self.exchanges[:dropped]
        return dropped


def trimmed_note(dropped: int, *, left: int) -> str:
    """The note about it between two answers."""
    return f"— {dropped_words(dropped, left=left)} —"


class Talk:
    """The loop of reading a question and answering it, with the conversation so far."""

    def __init__(
        self,
        client: TlfifClient,
        model: str,
        options: AnswerOptions,
        console: Console,
        at_terminal: bool,
        keys: HeldKeys | None = None,
        kept: KeptAnswers | None = None,
    ) -> None:
        self._client = client
        self._model = model
        self._options = options
        self._console = console
        self._at_terminal = at_terminal
        self._keys = keys or HeldKeys()
        self.conversation = Conversation()
        self._kept = kept or KeptAnswers(None, console)

    def loop(self, run: Callable[..., int], read: Callable[[], str]) -> int:
        """Until ``read`` raises EOFError or KeyboardInterrupt, or ``/quit``.

        At a terminal the exit code is 0; in a pipe it is the last failure's, if there was one. An interrupted answer
        is no failure, unless the talk ends with it.
        """
        worst, interrupted = DONE, False
        while True:
            try:
                line = read().strip("\r\n")
            except (EOFError, KeyboardInterrupt):
                break
            word = line.strip()
            if word in {"/quit", "/exit"}:
                interrupted = False
                break
            if word.startswith("/") and "\n" not in word:
                self._command(word)
            elif word:
                code = run(self.ask(line))
                if code == NO_ACCESS and not self._at_terminal:
                    return code
                interrupted = code == INTERRUPTED
                worst = worst if interrupted else code or worst
        if self._at_terminal:
            return DONE
        return INTERRUPTED if interrupted else worst

    def _command(self, word: str) -> None:
        if word == "/new":
            self.conversation = Conversation()
            self._kept.new_conversation()
            self._console.note("— a new conversation —")
        else:
            unknown = "" if word == "/help" else f"There is no command {word}. "
            self._console.note(f"{unknown}{COMMANDS}")

    async def ask(self, question: str) -> int:
        """One question. Faults are shown, not raised; returns what ``ask`` would exit with."""
        with Interrupts(self._keys.release):
            try:
                limits.check_text(question)
                answer = await self._answer(question)
            except asyncio.CancelledError:
                self._console.note("You cancelled the question.")
                return INTERRUPTED
            except TlfifError as error:
                self._console.error(error)
                return exit_code_of(error)
        self.conversation.add(question, answer.text)
        if not answer.interrupted and failure_of(answer) is None:
            answer = await with_cost(self._client, answer)
        code = self._say_end(answer)
        await self._kept.ended(answer)
        return code

    def _say_end(self, answer: Answer) -> int:
        failure = failure_of(answer)
        if answer.interrupted:
            self._console.note(interrupted_text(answer))
            return INTERRUPTED
        if failure is not None:
            self._console.error(failure)
            return exit_code_of_job(answer.status, answer.error_code)
        show_receipt(answer, self._console)
        return DONE

    async def _answer(self, question: str) -> Answer:
        dropped = self.conversation.trim(len(self.conversation.exchanges) - MAX_EXCHANGES)
        while True:
            if dropped:
                self._console.note(trimmed_note(dropped, left=len(self.conversation.exchanges)))
                dropped = 0
            asking = asking_for(self.conversation.messages(question), self._model, self._options)
            try:
                answer = await answer_prompt(
                    self._client, asking, self._console, on_accepted=lambda took: self._kept.accepted(question, took)
                )
            except ApiError as error:
                dropped = self._trim(error, question)
                if not dropped:
                    raise
                continue
            failure = failure_of(answer)  # the engine counts exactly, and may refuse what the server accepted
            dropped = self._trim(failure, question) if failure is not None else 0
            if not dropped:
                return answer

    def _trim(self, error: TlfifError, question: str) -> int:
        """Drop old exchanges as a refusal asks for. Returns how many; 0 where that cannot help."""
        sizes = [len(one.question) + len(one.answer) for one in self.conversation.exchanges]
        extra = len(question) + len(self._options.system or "")
        return self.conversation.trim(how_many_to_drop(error, sizes, extra_size=extra))
