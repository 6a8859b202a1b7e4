"""Records made ready before their turn: they become what they would have become, with the process or without it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from omnisync.agent.erp.base import PreparedRecord, Slice, WriteResult
from omnisync.agent.erp.layout.plan_compiler import compile_layout
from omnisync.agent.erp.layout.schema import read_layout, shipped_layout, shipped_names, shipped_text
from omnisync.agent.erp.upsert.prepare import prepare_records
from omnisync.agent.erp.upsert.prepare_process import COMMAND, PrepareConfig, PrepareProcess
from omnisync.agent.progress import Counts
from omnisync.contract.feed import Change, Page, Receipt, Related
from omnisync.contract.records import Phone, Totals
from omnisync.contract.streams import Stream, stream_named
from tests.support.erp_databases import SampleErp, make_sqlite
from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import client, importer, send
from tests.support.record_samples import NOW, change, customer, deletion, item, order
from tests.support.toy_erp import HEAD, ITEM, ORDER, ToyErp

PADRAO = compile_layout(shipped_layout("padrao"), ZoneInfo("America/Sao_Paulo"), {})
CUSTOMERS = (
    change(customer("cus_1")),
    change(customer("cus_2", name="  Padaria   da Sé ", notes="a\tb")),
    change(customer("cus_3", document="12ABC34501DE36")),
    change(customer("cus_4", document="12.ABC.345/01DE-35", email="a@b.example")),
    change(customer("cus_5", name=" ")),
    change(customer("cus_6", merged_into="cus_1")),
    change(customer("cus_7", phones=(Phone(kind="mobile", number="11 98765-4321 / 3333-4444"),))),
    change(customer("cus_8", trade_name="Pão & Cia 🧀")),
    deletion("customer", "cus_9", 1),
)
ORDERS = (
    change(order("ord_01")),
    change(order("ord_02", customer_id="cus_2", notes="  entregar   cedo ", items=(item(1), item(2), item(3)))),
    change(order("ord_03", paid="0.01")),
    change(order("ord_04", status="cancelled")),
    change(order("ord_05", type="quote")),
    change(order("ord_06", customer_id="cus_3")),
    change(order("ord_07", customer_id="cus_nobody")),
    change(order("ord_08", establishment_code="0002")),
    change(order("ord_09", issued_at=NOW + timedelta(days=90))),
    change(order("ord_10", items=(item(1, quantity="0.0000"),))),
    change(order("ord_11", totals=Totals(items_amount=Decimal("1.00"), total_amount=Decimal("1.00")))),
    change(order("ord_12", customer_id="cus_6")),
    change(order("ord_13", customer_id="cus_8", items=tuple(item(n) for n in range(1, 40)))),
    change(order("ord_14"), 1),
    change(order("ord_14", notes="de novo"), 2),
    deletion("order", "ord_15", 1),
    deletion("order", "ord_16", 1, to="0002"),
    msgspec.structs.replace(change(order("ord_17")), data=msgspec.Raw(b'{"id":"ord_17"}')),
    msgspec.structs.replace(change(order("ord_18")), id="ord_19"),
)
READY = {
    "customer": {"cus_1", "cus_2", "cus_4", "cus_8"},
    "order:0001": {"ord_01", "ord_02", "ord_06", "ord_07", "ord_12", "ord_13"},
}


def _made(stream: str, changes: Sequence[Change]) -> Mapping[str, PreparedRecord]:
    return prepare_records(PADRAO, stream_named(stream), changes, adjusts_centavo=False)


def _nothing(stream: str, changes: Sequence[Change]) -> Mapping[str, PreparedRecord]:
    return {}


def _slice(
    stream: str, changes: Sequence[Change], made: Mapping[str, PreparedRecord], expected: str | None = ""
) -> Slice:
    return Slice(stream=stream_named(stream), epoch="e1", changes=changes, prepared=made, expected=expected)


def _newer(changes: Sequence[Change]) -> list[Change]:
    return [msgspec.structs.replace(one, version=one.version + 2) for one in changes]


def test_only_what_leaves_nothing_to_be_told_is_made_ready() -> None:
    assert _made("customer", CUSTOMERS).keys() == READY["customer"]
    assert _made("order:0001", ORDERS).keys() == READY["order:0001"]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[SampleErp, SampleErp]:
    for name in ("plain", "ready"):
        (tmp_path / name).mkdir()
    return make_sqlite(tmp_path / "plain"), make_sqlite(tmp_path / "ready")


def _all(keeper: SampleErp) -> dict[str, list[tuple[Any, ...]]]:
    """What the ERP has and what is remembered of it. The numbers are left out: rows get them as they are inserted."""
    names = "epoch, version, hash, written_version, establishment, customer_id, label, merged_into, outcome, reason"
    ours = f"SELECT kind, id, {names}, warnings, outcome_at, receipt_pending, origin FROM omnisync_binding"
    rows = (
        "SELECT 'order' AS kind, id_externo AS id, numero AS n FROM pedidos UNION ALL "
        "SELECT 'customer', id_externo, codigo FROM clientes"
    )
    unbound = (
        f"SELECT r.id FROM ({rows}) r LEFT JOIN omnisync_binding b ON b.kind = r.kind AND b.id = r.id "
        "AND b.erp_key = CAST(r.n AS TEXT) AND b.erp_number = b.erp_key WHERE b.id IS NULL"
    )
    assert keeper.query(unbound) == []
    return keeper.contents() | {"ours": keeper.query(f"{ours} ORDER BY kind, id")}


def _told(result: WriteResult) -> tuple[Counts, dict[str, Receipt]]:
    """Counts, and the receipts without the numbers."""
    return result.counts, {one.id: msgspec.structs.replace(one, erp_number=None) for one in result.receipts}


def test_a_slice_made_ready_leaves_what_the_same_slice_leaves_without(pair: tuple[SampleErp, SampleErp]) -> None:
    told: list[list[tuple[Counts, dict[str, Receipt]]]] = []
    for keeper, make in zip(pair, (_nothing, _made), strict=True):
        erp = keeper.open()
        told.append([])
        for round_ in (list, _newer):
            for stream, changes in (("customer", round_(CUSTOMERS)), ("order:0001", round_(ORDERS))):
                at = erp.position(stream_named(stream)).cursor
                told[-1].append(_told(erp.write(_slice(stream, changes, make(stream, changes), expected=at))))
        erp.close()
    assert told[0] == told[1]
    assert _all(pair[0]) == _all(pair[1])
    assert len(pair[1].query("SELECT * FROM pedidos")) == 6


def test_a_record_that_was_made_ready_is_still_refused_alone_by_the_database(pair: tuple[SampleErp, SampleErp]) -> None:
    told = []
    for keeper, make in zip(pair, (_nothing, _made), strict=True):
        erp = keeper.open()
        keeper.run(
            "CREATE TRIGGER nao BEFORE INSERT ON itens_pedido WHEN NEW.id_externo = 'itm_3' "
            "BEGIN SELECT RAISE(ABORT, 'item demais'); END"
        )
        for stream, changes in (("customer", CUSTOMERS), ("order:0001", ORDERS)):
            erp.position(stream_named(stream))
            told.append(_told(erp.write(_slice(stream, changes, make(stream, changes)))))
        erp.close()
    assert told[:2] == told[2:]
    assert _all(pair[0]) == _all(pair[1])


_MAX = '[order.number]\nfrom = "max"\n'
_SHOWN = 'shown = "serie"\n'


@pytest.mark.parametrize("is_prepared", [True, False])
@pytest.mark.parametrize(
    ("head", "outcome", "number"),
    [('landing = "staging"\nexternal_id = "id_app"\n', "staged", "1"), (_SHOWN, "refused", None)],
    ids=["a queue", "a column people know it by"],
)
def test_a_row_that_a_trigger_takes_at_once_is_told_alike_both_ways(
    tmp_path: Path, head: str, outcome: str, number: str | None, is_prepared: bool
) -> None:
    toy = ToyErp(make_sqlite(tmp_path), tmp_path)
    toy.lay(cli="", ped="num INTEGER PRIMARY KEY, id_app VARCHAR(40), total NUMERIC(15,2), serie VARCHAR(10)")
    toy.run("CREATE TRIGGER leva AFTER INSERT ON ped BEGIN DELETE FROM ped WHERE num = NEW.num; END")
    table = ORDER.replace('external_id = "id_app"\n', head + _MAX)
    erp = toy.open(table, ITEM)
    erp.position(stream_named("order:0001"))
    changes = [change(order())]
    layout = compile_layout(read_layout(HEAD + table + ITEM), ZoneInfo("America/Sao_Paulo"), {})
    made = prepare_records(layout, stream_named("order:0001"), changes, adjusts_centavo=False)
    assert made.keys() == {"ord_1"}
    [receipt] = erp.write(_slice("order:0001", changes, made if is_prepared else {})).receipts
    assert (receipt.outcome, receipt.erp_number) == (outcome, number)
    toy.close()


def test_layouts_that_ask_the_erp_are_told_from_those_that_do_not() -> None:
    asking = {
        name
        for name in shipped_names()
        if compile_layout(shipped_layout(name), ZoneInfo("America/Sao_Paulo"), {}).needs_database
    }
    assert "padrao" not in asking
    assert "direto" in asking


def _page(changes: Sequence[Change]) -> bytes:
    return msgspec.json.encode(
        Page(contract="1", epoch="e1", changes=tuple(changes), cursor="c", has_more=False, related=Related())
    )


def _terms() -> PrepareConfig:
    return PrepareConfig(layout=shipped_text("padrao"), mappings={}, zone="America/Sao_Paulo", adjusts_centavo=False)


@pytest.fixture
def opened() -> Iterator[Callable[..., PrepareProcess]]:
    made: list[PrepareProcess] = []

    def open_(**how: Any) -> PrepareProcess:
        made.append(PrepareProcess(_terms(), **how))
        return made[-1]

    yield open_
    for ahead in made:
        ahead.close()


def _up(
    prepare: Callable[[Stream, bytes], Mapping[str, PreparedRecord]],
    stream: str = "order:0001",
    changes: Sequence[Change] = ORDERS,
) -> Mapping[str, PreparedRecord]:
    """The first answer: until the process is up there is none."""
    for _ in range(600):
        if made := prepare(stream_named(stream), _page(changes)):
            return made
        time.sleep(0.05)  # noqa: TID251  # a real process begins
    raise AssertionError("the process never came up")


def _is_child(process: Path, command: bytes) -> bool:
    with suppress(OSError):  # it may have ended meanwhile
        is_ours = f"PPid:\t{os.getpid()}\n" in (process / "status").read_text()
        return is_ours and (process / "cmdline").read_bytes() == command
    return False


def _pid(command: Sequence[str] = COMMAND) -> int:
    """The one child of this process that runs the command."""
    wanted = "\0".join(command).encode() + b"\0"
    children = [int(one.name) for one in Path("/proc").glob("[0-9]*") if _is_child(one, wanted)]
    [found] = children
    return found


def test_the_process_answers_what_the_functions_make(opened: Callable[..., PrepareProcess]) -> None:
    ahead = opened()
    assert ahead.prepare(stream_named("order:0001"), _page(ORDERS)) == {}  # it begins now
    assert _up(ahead.prepare) == _made("order:0001", ORDERS)
    assert ahead.prepare(stream_named("customer"), _page(CUSTOMERS)) == _made("customer", CUSTOMERS)
    assert ahead.prepare(stream_named("customer"), b"<html>") == {}
    assert ahead.prepare(stream_named("customer"), _page(CUSTOMERS)).keys() == READY["customer"]


def test_a_process_that_is_killed_is_a_help_no_more(opened: Callable[..., PrepareProcess]) -> None:
    ahead = opened()
    _up(ahead.prepare)
    os.kill(_pid(), signal.SIGKILL)
    assert ahead.prepare(stream_named("order:0001"), _page(ORDERS)) == {}
    assert ahead.prepare(stream_named("order:0001"), _page(ORDERS)) == {}
    ahead.close()
    ahead.close()


def test_a_process_that_stands_still_holds_nobody_up(opened: Callable[..., PrepareProcess]) -> None:
    ahead = opened(timeout_s=2.0)
    _up(ahead.prepare)
    os.kill(_pid(), signal.SIGSTOP)
    assert ahead.prepare(stream_named("order:0001"), _page(ORDERS)) == {}


@pytest.mark.parametrize(
    "command",
    [
        ("/nada/disso",),
        (sys.executable, "-c", "raise SystemExit(1)"),
        (sys.executable, "-c", "print('olá', flush=True); input()"),
    ],
    ids=["missing", "ends", "talks"],
)
def test_a_process_that_is_not_ours_is_no_harm(opened: Callable[..., PrepareProcess], command: tuple[str, ...]) -> None:
    ahead = opened(command=command, timeout_s=0.5)
    for _ in range(20):
        assert ahead.prepare(stream_named("order:0001"), _page(ORDERS)) == {}
        time.sleep(0.05)  # noqa: TID251  # a real process ends


def test_the_process_ends_with_who_began_it(opened: Callable[..., PrepareProcess]) -> None:
    ahead = opened(command=COMMAND)
    _up(ahead.prepare)
    process = ahead._process  # noqa: SLF001  # its pipe alone is closed here, which no other program can do
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # as the system does with what a killed process leaves
    assert process.wait(10) == 0


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        send(running, *(change(customer(f"cus_{n:03}")) for n in range(90)))
        for start in range(0, 600, 300):
            send(
                running,
                *(change(order(f"ord_{n:03}", customer_id=f"cus_{n % 90:03}")) for n in range(start, start + 300)),
            )
        send(running, change(order("ord_bad", paid="0.01")))
        yield running


@pytest.mark.parametrize("fate", ["whole", "killed"])
def test_an_import_with_the_process_leaves_what_one_without_it_leaves(
    hub: RunningHub, pair: tuple[SampleErp, SampleErp], fate: str
) -> None:
    ready: list[int] = []
    is_to_die = Lock()
    if fate == "whole":
        is_to_die.acquire()
    for keeper, n_cores in zip(pair, (1, 2), strict=True):
        erp: Any = keeper.open(n_cores=n_cores)
        if n_cores > 1:
            _up(erp.prepare_page)
            ask = erp.prepare_page

            def counted(stream: Stream, page: bytes) -> Mapping[str, PreparedRecord]:
                if len(ready) >= 3 and is_to_die.acquire(blocking=False):  # once: two pages may be on their way
                    os.kill(_pid(), signal.SIGKILL)
                made: Mapping[str, PreparedRecord] = ask(stream, page)  # noqa: B023  # as above
                ready.append(len(made))
                return made

            erp.prepare_page = counted
        with client(hub) as asked:
            importer(erp, asked, page_limit=40, prefetch_from=0).run()
        erp.close()
    assert pair[0].contents() == pair[1].contents()
    assert len(pair[1].query("SELECT * FROM pedidos")) == 600
    assert sum(ready) > (500 if fate == "whole" else 0)
    assert fate == "whole" or ready[5:] == [0] * len(ready[5:])
