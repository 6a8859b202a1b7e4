"""The export's promise, over every database: after it the hub has what the ERP has, and next time only what changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisync.agent.counts import Sent
from omnisync.agent.outbox import Outbox
from tests.erps import KEEPERS, make_keeper
from tests.exports import Office, fill, sent
from tests.hubs import RunningHub, running_hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        yield running


@pytest.fixture(params=list(KEEPERS))
def office(request: pytest.FixtureRequest, tmp_path: Path, hub: RunningHub) -> Iterator[Office]:
    keeper = make_keeper(request.param, request, tmp_path)
    fill(keeper)
    outbox = Outbox(tmp_path / "exports" / "producao.db")
    yield Office(keeper, hub, outbox)
    outbox.close()


def test_after_an_export_the_hub_has_what_the_erp_has_and_nothing_more_is_sent(office: Office) -> None:
    counts = office.export()
    assert office.at_hub() == office.in_erp()
    assert counts.exports["omniforce.products"] == Sent(read=3, prepared=3, sent=3)
    assert not counts.has_refusals
    again = office.export()
    assert sent(again) == {}
    assert again.exports["omniforce.products"] == Sent(read=3)


def test_three_changed_and_one_deleted_are_four_lines(office: Office) -> None:
    fill(office.keeper, {"produtos": [(f"P{n}", f"Produto {n}", "UN", *[None] * 5, 1) for n in range(20)]})
    office.export()
    office.keeper.run("UPDATE produtos SET descricao = 'Outro nome' WHERE codigo IN ('P1', 'P2', 'P3')")
    office.keeper.run("DELETE FROM produtos WHERE codigo = 'P4'")
    counts = office.export()
    assert counts.sent == Sent(read=counts.sent.read, prepared=4, sent=4, deleted=1)
    assert office.at_hub() == office.in_erp()
    assert sent(office.export()) == {}
