"""What to offer somebody whose list of machine types came to nothing: a type that would answer, and its price."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tlfif.machines.machine_types import VcpuQuota, needs_gpu, type_instead
from tlfif.money.amounts import usd_of
from tlfif.money.money import MicroUsd
from tlfif.money.prices.prices import PriceBook, running_rates


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeOffer:
    """``instance_type`` would answer for ``micros_per_hour`` (machine, address, disk; without VAT), if the home had the
    list of ``types``."""

    instance_type: str
    micros_per_hour: MicroUsd
    types: tuple[str, ...]

    @property
    def command(self) -> str:
        """What to type."""
        return f"./tlfif deploy --type {','.join(self.types)}"

    @property
    def sentence(self) -> str:
        """For the owner."""
        return (
            f"{self.instance_type}, a machine without a GPU, would answer today, more slowly, for "
            f"{usd_of(self.micros_per_hour)} an hour without VAT: run `{self.command}`, then start the machine."
        )


def offer_instead(
    types: Sequence[str],
    *,
    book: PriceBook,
    region: str,
    at_ms: int,
    full: Collection[VcpuQuota] = (),
    on_free_plan: bool = False,
) -> TypeOffer | None:
    """The offer to a home with the list ``types``; None where nothing is left to offer. Arguments as for
    :func:`tlfif.machines.machine_types.type_instead`; prices in ``region`` at ``at_ms``.

    Raises InvalidInputError ``region_unknown``.
    """
    found = type_instead(types, full=full, on_free_plan=on_free_plan)
    if found is None or not (on_free_plan or all(needs_gpu(name) for name in types)):
        return None  # a type without a GPU was in the list, and its kin would fare as it did
    return TypeOffer(
        instance_type=found.name,
        micros_per_hour=sum(running_rates(book, region, found.name, at_ms=at_ms)),
        types=(*types, found.name),
    )
