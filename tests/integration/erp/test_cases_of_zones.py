"""Whose hour stands in the ERP, each test named by its case, on every live database.

The company is in São Paulo, its computer in Auckland, the ERP's server in Tokyo; the hub hands out moments of any zone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import cycle
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from devtools.database_servers import MariadbServer
from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.databases import layout_named, open_database
from omnisync.agent.erp.layout.moment_sample import first_moment, written_moments
from omnisync.agent.erp.layout_check.check import check
from omnisync.agent.messages.zone_text import moment_line
from omnisync.agent.progress import RowCounts
from omnisync.contract.feed import Change
from tests.support.erp_databases import KEEPERS, SampleErp, make_erp, write
from tests.support.record_samples import change, customer, order, raw_change
from tests.support.toy_erp import HEAD, ITEM, ORDER, ToyErp

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
IS_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"  # noqa: TID251 - tests have no settings of ours
N = 1000 if IS_DEEP else 100
LATE = datetime(2026, 11, 23, 22, 30, tzinfo=timezone(timedelta(hours=-3)))
KEPT = {"sqlite": "TEXT", "postgresql": "TIMESTAMP", "mariadb": "DATETIME", "firebird": "TIMESTAMP"}
"""What moments are kept in without a zone."""
INSTANT = KEPT | {"postgresql": "TIMESTAMPTZ", "mariadb": "TIMESTAMP NULL"}
"""And with one, or in the session's."""
LAYOUT = (
    ORDER
    + """dia = "issued_at | date"
hora = "issued_at"
instante = "issued_at"
"""
)
WHOLE = LAYOUT + ITEM
SENT = """
[export.order-status]
sql = '''SELECT id_app AS order_id, num AS erp_number, 'received' AS status, {column} AS "at" FROM ped'''
"""
ON_PAPER = """
[export.receivables]
sql = '''
SELECT 'x' AS customer_erp_code, id_app AS document, '1' AS installment, instante AS due_on,
    1 AS amount, 1 AS balance FROM ped
'''
"""


@pytest.fixture(autouse=True)
def computer_in_auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def put_server(request: pytest.FixtureRequest, keeper: SampleErp, zone: str, offset: str) -> None:
    """Put the ERP's server in a zone, for as long as the test lasts."""
    if keeper.name == "postgresql":
        keeper.run(f"ALTER DATABASE \"{keeper.database}\" SET timezone TO '{zone}'")
    elif keeper.name == "mariadb":
        keeper.run(f"SET GLOBAL time_zone = '{offset}'")
        request.addfinalizer(lambda: keeper.run("SET GLOBAL time_zone = SYSTEM"))


@pytest.fixture(params=list(KEEPERS))
def toy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyErp]:
    keeper = make_erp(request.param, request, tmp_path)
    put_server(request, keeper, "Asia/Tokyo", "+09:00")
    made = ToyErp(keeper, tmp_path)
    columns = f"dia DATE, hora {KEPT[made.kind]}, instante {INSTANT[made.kind]}"
    made.lay(cli="", ped=f"num {{made}}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), {columns}")
    yield made
    made.close()


def around_midnight(n: int) -> list[Change]:
    """Orders a few seconds apart, from before a midnight of São Paulo to after it, told in the zones of their apps."""
    midnight = datetime(2026, 11, 24, tzinfo=SAO_PAULO)
    zones: cycle[tzinfo] = cycle([UTC, ZoneInfo("America/Manaus"), ZoneInfo("Asia/Tokyo"), SAO_PAULO])
    moments = [midnight + timedelta(seconds=13 * (k - n // 2)) for k in range(n)]
    pairs = zip(moments, zones, strict=False)
    return [change(order(f"ord_{k}", issued_at=at.astimezone(zone))) for k, (at, zone) in enumerate(pairs)]


def instants(erp: Erp) -> dict[str, datetime]:
    """The moment of each order as it goes out again."""
    [query] = [one for one in erp.exports() if one.dataset.name == "order-status"]
    with erp.open_export(query) as rows:
        lines = [line for lot in rows.groups() for line in lot.serialize(range(len(lot.keys))).lines]
    return {one["key"]: datetime.fromisoformat(one["data"]["at"]) for one in map(json.loads, lines)}


def test_a_company_whose_computer_erp_and_hub_are_in_three_zones_keeps_its_dates_and_instants(toy: ToyErp) -> None:
    assert time.tzname[0] == "NZST"
    changes = around_midnight(N)
    issued = {one.id: first_moment([one]) for one in changes}
    erp = toy.open(WHOLE, SENT.format(column="instante"))
    for start in range(0, N, 250):
        assert write(erp, *changes[start : start + 250]).counts.orders.refused == 0
    local = {id_: at.astimezone(SAO_PAULO) for id_, at in issued.items() if at is not None}
    days = {id_: str(day) for id_, day in toy.rows("SELECT id_app, dia FROM ped")}
    assert days == {id_: at.date().isoformat() for id_, at in local.items()}
    assert set(days.values()) == {"2026-11-23", "2026-11-24"}
    hours = dict(toy.rows("SELECT id_app, hora FROM ped"))
    assert hours == {id_: f"{at:%Y-%m-%d %H:%M:%S}" for id_, at in local.items()}
    assert instants(erp) == issued
    assert instants(toy.open(WHOLE, SENT.format(column="hora"))) == issued


IN_UTC = {
    "postgresql": "SELECT CAST(instante AT TIME ZONE 'UTC' AS TIMESTAMP(0)) FROM ped",
    "mariadb": "SELECT CONVERT_TZ(instante, @@session.time_zone, '+00:00') FROM ped",
}


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_case_b2_a_column_of_instants_holds_the_instant_and_gives_it_back(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = laid_in_utc(kind, request, tmp_path)
    erp = toy.open(WHOLE, SENT.format(column="instante"), ON_PAPER)
    assert write(erp, change(order(issued_at=LATE))).counts.orders == RowCounts(written=1)
    assert toy.rows(IN_UTC[kind]) == [("2026-11-24 01:30:00",)]
    assert instants(erp) == {"ord_1": LATE}


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_case_b2_a_day_read_from_an_instant_is_the_companys(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = laid_in_utc(kind, request, tmp_path)
    erp = toy.open(WHOLE, ON_PAPER)
    write(erp, change(order(issued_at=LATE)))
    [query] = erp.exports()
    with erp.open_export(query) as rows:
        [line] = [line for lot in rows.groups() for line in lot.serialize([0]).lines]
    assert json.loads(line)["data"]["due_on"] == "2026-11-23"


def laid_in_utc(kind: str, request: pytest.FixtureRequest, folder: Path) -> ToyErp:
    keeper = make_erp(kind, request, folder)
    put_server(request, keeper, "UTC", "+00:00")
    toy = ToyErp(keeper, folder)
    request.addfinalizer(toy.close)
    toy.lay(
        cli="",
        ped=f"num {{made}}, id_app VARCHAR(40) UNIQUE, total NUMERIC(15,2), dia DATE, hora {KEPT[kind]},"
        f" instante {INSTANT[kind]}",
    )
    return toy


def session_zone(keeper: SampleErp, zone: tzinfo) -> str:
    with closing(open_database(keeper.address, keeper.password, zone=zone)) as database:
        return database.dialect.reflect(database).session_zone


@pytest.mark.parametrize(
    ("zone", "postgresql", "mariadb"),
    [
        (SAO_PAULO, "America/Sao_Paulo", "-03:00"),
        (ZoneInfo("America/Rio_Branco"), "America/Rio_Branco", "-05:00"),
        (timezone(timedelta(hours=-3)), "Etc/GMT+3", "-03:00"),
        (timezone(timedelta(hours=5, minutes=30)), "<+0530>-5:30", "+05:30"),
        (UTC, "UTC", "+00:00"),
    ],
    ids=str,
)
def test_case_b2_the_session_has_the_zone_or_its_offset_of_the_moment(
    request: pytest.FixtureRequest, tmp_path: Path, zone: tzinfo, postgresql: str, mariadb: str
) -> None:
    """The tests' MariaDB has no tables of zones."""
    assert session_zone(make_erp("postgresql", request, tmp_path), zone) == postgresql
    keeper = make_erp("mariadb", request, tmp_path)
    assert session_zone(keeper, zone) == mariadb


def test_case_b2_mariadb_with_tables_of_zones_has_the_zone_by_its_name_while_they_are_up_to_date(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeper = make_erp("mariadb", request, tmp_path)
    with_zone_tables(keeper, request, -3 * 3600)
    assert session_zone(keeper, SAO_PAULO) == "America/Sao_Paulo"


def test_case_b2_a_server_whose_tables_of_zones_are_old_gets_the_offset(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeper = make_erp("mariadb", request, tmp_path)
    with_zone_tables(keeper, request, -2 * 3600)  # as if summer time had not been abolished
    assert session_zone(keeper, ZoneInfo("America/Bahia")) == "-03:00"


def with_zone_tables(keeper: SampleErp, request: pytest.FixtureRequest, seconds: int) -> None:
    """Give the server one zone, under the names of São Paulo and Bahia, by tables of its own."""
    server: MariadbServer = request.getfixturevalue("mariadb_running")
    assert server is not None
    name = "America/Sao_Paulo" if seconds == -3 * 3600 else "America/Bahia"
    n = 9001 if seconds == -3 * 3600 else 9002
    keeper.run(f"INSERT IGNORE INTO mysql.time_zone (Time_zone_id, Use_leap_seconds) VALUES ({n}, 'N')")
    keeper.run(f"INSERT IGNORE INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('{name}', {n})")
    keeper.run(f"INSERT IGNORE INTO mysql.time_zone_transition_type VALUES ({n}, 0, {seconds}, 0, 'X')")

    def take_away() -> None:
        for table in ("time_zone", "time_zone_name", "time_zone_transition_type"):
            keeper.run(f"DELETE FROM mysql.{table} WHERE Time_zone_id = {n}")

    request.addfinalizer(take_away)


@pytest.mark.parametrize("kind", KEEPERS)
def test_case_b2_the_check_says_where_an_instant_is_written_with_the_offset_of_the_moment(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    toy = laid_in_utc(kind, request, tmp_path)
    file = tmp_path / "formas.toml"
    file.write_text(HEAD + WHOLE, encoding="utf-8")
    zone = ZoneInfo("America/Recife")
    with closing(open_database(toy.keeper.address, toy.keeper.password, zone=zone)) as database:
        found = check(layout_named(str(file)), database, toy.keeper.address, zone=zone)
    told = [one for one in found if one.code == "check_session_zone"]
    assert [one.where for one in told] == (["ped.instante"] if kind == "mariadb" else [])
    for words in (dict(one.message.words) for one in told):
        assert (words["fuso"], words["vale"]) == ("America/Recife", "-03:00")


def test_case_b1_one_moment_is_shown_as_the_app_has_it_and_as_the_erp_will(tmp_path: Path) -> None:
    file = tmp_path / "formas.toml"
    file.write_text(HEAD + WHOLE.replace('hora = "issued_at"', 'hora = "issued_at | local_datetime(%H:%M)"'))
    at = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
    assert moment_line(layout_named(str(file)), SAO_PAULO, at) == (
        "Um pedido feito em 24/11/2026 01:30 (UTC) no aplicativo entra no ERP com 2026-11-23 em ped.dia, "
        "22:30 em ped.hora, 2026-11-23 22:30:00 em ped.instante, no fuso America/Sao_Paulo (UTC−3)."
    )
    assert "24/11/2026 10:30 (UTC+9) no aplicativo" in moment_line(
        layout_named(str(file)), SAO_PAULO, at.astimezone(ZoneInfo("Asia/Tokyo"))
    )
    file.write_text(HEAD + LAYOUT.partition("dia =")[0] + ITEM)
    assert moment_line(layout_named(str(file)), SAO_PAULO, at) == ""
    assert written_moments(layout_named(str(file)), SAO_PAULO, at) == ()


def test_the_moment_of_a_rehearsal_is_its_first_readable_orders() -> None:
    odd = raw_change(order("ord_0"), issued_at=7)
    assert first_moment([odd, change(order(issued_at=LATE))]) == LATE
    assert first_moment([odd, change(customer())]) is None
    assert date(2026, 11, 23) == LATE.date()
    assert msgspec.json.decode(change(order(issued_at=LATE)).data)["issued_at"]
