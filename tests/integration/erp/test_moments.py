"""A moment that no time zone can hold, or a number that nobody can count with, refuses its own record and no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from omnisync.agent.erp.export.changed_at import since_of
from omnisync.agent.erp.layout.compiler import Compiler
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.row_builder import LookupAnswers, UnconvertibleError, rows_of
from omnisync.agent.erp.layout.schema import shipped_layout
from omnisync.agent.erp.upsert.prepare import prepare_records
from omnisync.agent.progress import RowCounts
from omnisync.contract.feed import Change
from omnisync.contract.streams import orders_of
from omnisync.hub.store import bulk
from tests.support import hub_server
from tests.support.erp_databases import KEEPERS, KEPT_HERE, SampleErp, make_erp
from tests.support.hub_server import COMPANY, RunningHub, found_company, running_hub
from tests.support.import_runs import run_import, send
from tests.support.record_samples import NOW, change, customer, order, raw_change

BEYOND = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-03:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00")
NEAR = ("1000-01-01T00:00:00Z", "9999-12-30T00:00:00Z")
FROM_1 = {"issued_at": BEYOND[0]}
TO_9999 = {"issued_at": BEYOND[1]}
GOOD = ("ord_a", "ord_b", "ord_c")
MOMENTS: dict[str, dict[str, Any]] = {
    "ord_early": FROM_1,
    "ord_late": TO_9999,
    "ord_cancelled": {"status": "cancelled"} | FROM_1,
    "ord_cancelled_late": {"status": "cancelled", "cancelled_at": BEYOND[2]},
}
NUMBERS: dict[str, dict[str, Any]] = {"ord_percent": {}}
"""A discount in percent with more digits than `decimal` counts with."""
_NUMBER = count()


@pytest.fixture(params=[*KEEPERS, *KEPT_HERE])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> SampleErp:
    return make_erp(request.param, request, tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def app(shared: RunningHub) -> Iterator[httpx.Client]:
    with shared.client(found_company(shared.store, f"aurora-{next(_NUMBER)}")) as one:
        yield one


def taken(app: httpx.Client, *changes: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    answer = app.post("/v1/records", json={"records": list(changes)})
    assert answer.status_code == 200, answer.text
    return [(one["status"], one.get("code"), one.get("pointer")) for one in answer.json()["results"]]


@pytest.mark.parametrize("moment", BEYOND)
def test_case_j1_the_intake_refuses_a_moment_that_no_time_zone_can_hold(app: httpx.Client, moment: str) -> None:
    odd = (
        (hub_server.order("o1", issued_at=moment), "/issued_at"),
        (hub_server.order("o2", cancelled_at=moment), "/cancelled_at"),
        (hub_server.order("o3", status="cancelled", issued_at=moment), "/issued_at"),
        (hub_server.order("o4") | {"changed_at": moment}, "/changed_at"),
        (hub_server.customer("c1") | {"changed_at": moment}, "/changed_at"),
        (hub_server.erased("order", "o5", 1) | {"changed_at": moment}, "/changed_at"),
    )
    expected = [("stored", None, None), *(("refused", "format", pointer) for _, pointer in odd), ("stored", None, None)]
    assert expected == taken(app, hub_server.order("a"), *(one for one, _ in odd), hub_server.order("b"))
    refused = app.post("/v1/records", json={"records": [odd[0][0]]}).json()["results"][0]
    assert refused == {
        "status": "refused", "kind": "order", "id": "o1", "version": 1, "code": "format", "pointer": "/issued_at",
        "detail": "A data ou hora não é válida.",
    }  # fmt: skip


@pytest.mark.parametrize("moment", NEAR)
def test_the_intake_takes_every_moment_that_has_a_day_everywhere(app: httpx.Client, moment: str) -> None:
    assert taken(app, hub_server.order("a", issued_at=moment))[0][0] == "stored"


@pytest.mark.parametrize(("odd", "code"), [(MOMENTS, "moment_invalid"), (NUMBERS, "value_uncountable")])
def test_case_j1_what_a_hub_holds_already_is_refused_alone(
    keeper: SampleErp, hub: RunningHub, odd: dict[str, dict[str, Any]], code: str
) -> None:
    good = [change(order(id_, notes="antes")) for id_ in (*GOOD, "ord_known")]
    bad = [change(order(id_)) for id_ in odd]
    send(hub, change(customer()), *good[:2], *bad, *good[2:])
    _store_as_before(hub, {id_: _odd(id_, fields) for id_, fields in odd.items()})
    counts = run_import(keeper, hub)
    assert counts.orders == RowCounts(written=4, refused=len(odd))
    expected = [(id_, "antes") for id_ in (*GOOD, "ord_known")]
    assert keeper.query("SELECT id_externo, observacoes FROM pedidos ORDER BY 1") == expected
    with hub.client() as app:
        for id_ in odd:
            [receipt] = app.get(f"/v1/orders/{id_}").json()["receipts"]
            assert (receipt["outcome"], receipt["reason"]["code"]) == ("refused", code)
            assert receipt["reason"]["message"].endswith("Corrija no OmniForce e envie de novo.")
            assert id_.removeprefix("ord_") in receipt["reason"]["message"]
    # An edit that spoils an order leaves the ERP as it is; what was mended enters.
    send(hub, change(order("ord_known", notes="depois"), 2), *(change(order(id_, notes="depois"), 2) for id_ in odd))
    _store_as_before(hub, {"ord_known": raw_change(order("ord_known", notes="depois"), 2, **FROM_1)})
    assert run_import(keeper, hub).orders == RowCounts(written=len(odd), refused=1)
    notes = keeper.query("SELECT observacoes FROM pedidos WHERE id_externo = ?", "ord_known")
    assert notes == [("antes",)]


def _odd(id_: str, fields: dict[str, Any]) -> Change:
    if fields:
        return raw_change(order(id_), **fields)
    data = msgspec.json.decode(change(order(id_)).data)
    data["items"][0]["discount_percent"] = "1E+400000000"
    return raw_change(order(id_), items=data["items"])


def _store_as_before(hub: RunningHub, odd: dict[str, Change]) -> None:
    """What a hub took in before it looked at moments."""
    with hub.store.writing() as db:
        texts = [(msgspec.json.encode(one), COMPANY, id_) for id_, one in odd.items()]
        bulk(db, "UPDATE feed SET change = ? WHERE company = ? AND id = ?", texts)


@pytest.mark.parametrize("layout", ["padrao", "direto", "staging"])
def test_case_j1_a_page_made_ready_ahead_leaves_such_a_record_out(layout: str) -> None:
    made_for = compile_layout(shipped_layout(layout), ZoneInfo("America/Sao_Paulo"), {})
    page = [
        change(order("ord_a")),
        *(_odd(id_, fields) for id_, fields in (MOMENTS | NUMBERS).items()),
        change(order("ord_b")),
    ]
    made = prepare_records(made_for, orders_of("0001"), page, adjusts_centavo=True)
    assert made.keys() <= {"ord_a", "ord_b"}


def test_a_value_that_a_column_cannot_count_with_spoils_its_own_record() -> None:
    columns = Compiler(ZoneInfo("America/Sao_Paulo"), {}).columns("order", {"dia": "cancelled_at | date"}, "aqui")
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-3)))
    orders = [order("ord_a", cancelled_at=NOW), order("ord_b", cancelled_at=far), order("ord_c", cancelled_at=NOW)]
    first, spoiled, last = rows_of(columns, orders, LookupAnswers(None, []))
    assert (first, last) == (("2026-11-24",), ("2026-11-24",))
    assert isinstance(spoiled, UnconvertibleError)
    assert (spoiled.code, spoiled.path) == ("value_uncountable", "cancelled_at")


def test_an_early_year_is_written_with_four_digits() -> None:
    columns = Compiler(ZoneInfo("America/Sao_Paulo"), {}).columns("order", {"dia": "delivery_on | date"}, "aqui")
    assert rows_of(columns, [order(delivery_on=date(1, 2, 3))], LookupAnswers(None, [])) == [("0001-02-03",)]


def test_the_first_moment_of_all_is_asked_for_again_as_it_is() -> None:
    assert since_of(datetime(1, 1, 1), NOW) == "0001-01-01 00:00:00.000"  # noqa: DTZ001  # as a database tells it
