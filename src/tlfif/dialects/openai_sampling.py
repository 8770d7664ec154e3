"""How the next word is chosen, in OpenAI's words and in those that its relatives added."""

from typing import Any

from tlfif.dialects.fields import Fields, wrong_type
from tlfif.dialects.refusal import wrong_value
from tlfif.jobs.limits import SEED_RANGE
from tlfif.jobs.request import Sampling


class SamplingFields(Fields):
    """``top_k``, ``min_p`` and ``repeat_penalty`` are llama.cpp's, ``repetition_penalty`` is vLLM's."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: Any = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    repetition_penalty: float | None = None

    def sampling(self) -> Sampling:
        """As TL-FIF has it. Raises InvalidInputError."""
        if self.repeat_penalty and self.repetition_penalty and self.repeat_penalty != self.repetition_penalty:
            raise wrong_value("repetition_penalty", "and repeat_penalty are the same and must not differ")
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            seed=seed_of(self.seed),
            stop=stop_texts(self.stop),
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=_bias(self.logit_bias or {}),
            top_k=self.top_k,
            min_p=self.min_p,
            repeat_penalty=self.repetition_penalty if self.repeat_penalty is None else self.repeat_penalty,
        )


def seed_of(value: int | None) -> int | None:
    """Any whole number, folded into the engines' range; -1 is random, as llama.cpp and LM Studio have it."""
    return None if value is None or value == -1 else value % (SEED_RANGE[1] + 1)


def stop_texts(value: Any, name: str = "stop") -> tuple[str, ...]:
    """One text or a list of them; empty ones end nothing. Raises InvalidInputError ``wrong_type``."""
    texts = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise wrong_type(name, "must be text or a list of texts")
    return tuple(text for text in texts if text)


def _bias(given: dict[str, float]) -> tuple[tuple[int, float], ...]:
    try:
        return tuple(sorted((int(token), value) for token, value in given.items()))
    except ValueError:
        raise wrong_value("logit_bias", "must name tokens by their numbers") from None
