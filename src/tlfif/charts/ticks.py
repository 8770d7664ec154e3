"""Round marks for an axis: 1, 2, 2.5 or 5 times a power of ten, never 12.88."""

import math

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def round_ticks(top: float, *, at_most: int = 4) -> tuple[float, ...]:
    """Marks from zero to ``top`` or the first one above it, at most ``at_most`` beside zero. ``top`` is above zero."""
    rough = top / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in _STEPS if power * one * at_most >= top * (1 - 1e-9))
    count = math.ceil(top / step - 1e-9)
    return tuple(round(step * number, 10) for number in range(count + 1))


def tick_labels(ticks: tuple[float, ...]) -> tuple[str, ...]:
    """The marks as text, all with as many decimals as the finest needs: ``0``, ``0.25``, ``0.50``."""
    places = next(places for places in range(11) if all(abs(one - round(one, places)) < 1e-9 for one in ticks))
    return tuple(f"{one:,.{places}f}" if one else "0" for one in ticks)
