"""A ledger whose last write was cut off, from the file to what a program reads under GET /v1/cost."""

import shutil
from pathlib import Path

import pytest

from tlfif.adapters.sqlite.file.wal_tail import wal_file
from tlfif.adapters.sqlite.stores import open_sqlite_ledger
from tlfif.api.cost_views import cost_view
from tlfif.bootstrap.embedded import embedded_container
from tlfif.bootstrap.settings import load_settings
from tlfif.kernel.home import Home
from tlfif.money.spend.spans import opened


async def test_a_cut_off_write_is_told_where_money_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, home = tmp_path / "before.db", Home(tmp_path / "home")
    ledger = await open_sqlite_ledger(before, since_ms=1_000)
    await ledger.state()
    await ledger.open_span(opened(machine_id="m1", instance_type="g4dn.xlarge", region="eu-central-1", at_ms=2_000))
    await ledger.close_span("m1", at_ms=9_000)
    home.root.mkdir()
    shutil.copy(before, home.database)
    wal_file(home.database).write_bytes(wal_file(before).read_bytes()[:-5])
    await ledger.close()
    monkeypatch.setenv("TLFIF_HOME", str(home.root))
    for _ in range(2):  # told once, however often it is opened
        container = await embedded_container(load_settings())
        view = await cost_view(container, container.money.as_if)
        (note,) = view["notes"]
        assert "Nothing before it is lost" in note
        assert [span.machine_id for span in await container.money.ledger.open_spans()] == ["m1"]
        await container.close()
