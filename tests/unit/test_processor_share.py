"""How much of the computer others take, while a candidate's speed is measured."""

import pytest

from tlfif.adapters.local.machines.processor_share import ProcessorShare, Spent


@pytest.mark.parametrize(
    ("busy", "own", "share"),
    [(0.0, 0.0, 0.0), (10.0, 10.0, 0.0), (10.0, 9.0, 0.05), (20.0, 10.0, 0.5), (10.0, 10.4, 0.0), (50.0, 0.0, 1.0)],
)
def test_what_is_not_its_own_is_others(busy: float, own: float, share: float) -> None:
    readings = [Spent(whole=100.0, busy=40.0, own=3.0), Spent(whole=120.0, busy=40.0 + busy, own=3.0 + own)]
    assert ProcessorShare(lambda: readings.pop(0)).of_others() == pytest.approx(share)


def test_it_reads_this_computer() -> None:
    assert 0.0 <= ProcessorShare().of_others() <= 1.0
