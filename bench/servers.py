"""`make bench ARGS=--servers`: the first load into live PostgreSQL, MariaDB and Firebird, against bare scripts.

Private servers on free ports, the tables of `padrao` with their foreign keys on both sides, the same pages over HTTP.
The bare script of each database is the fastest plain way it has: PostgreSQL COPY into a temporary table and a merge,
MariaDB multi-row executemany upserts, Firebird executemany of INSERT with RETURNING left out.

    python bench/servers.py [--rounds 2] [--scale 0.25] [--only postgresql]
    python bench/servers.py limit KIND URL < ADDRESS      (what is run as the bare script)
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from http.client import HTTPConnection
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench import limit
from bench.processes import HERE, WORK, StaticPages, Took, timed
from devtools.database_servers import firebird_server, mariadb_server, postgresql_server
from devtools.live_database import LiveDatabase, make_on

Json = dict[str, Any]
Address = dict[str, Any]
TABLES = {
    "clientes": (limit.CUSTOMER.split(), 1),
    "pedidos": (limit.ORDER.split(), 1),
    "itens_pedido": (limit.ITEM.split(), 2),
    "formas_pagamento": (limit.PAYMENT.split(), 2),
}


class BarePostgresql:
    """COPY into a temporary table, then one INSERT … ON CONFLICT."""

    def __init__(self, address: Address) -> None:
        import psycopg

        self._db = psycopg.connect(
            host="127.0.0.1",
            port=address["port"],
            dbname=address["database"],
            user=address["user"],
            password=address["password"],
        )
        for table, (names, _) in TABLES.items():
            self._db.execute(
                f"CREATE TEMP TABLE t_{table} ON COMMIT DELETE ROWS AS SELECT {', '.join(names)} FROM {table} LIMIT 0"
            )
        self._db.commit()

    def upsert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        names, n_keys = TABLES[table]
        columns, keys, rest = ", ".join(names), ", ".join(names[:n_keys]), names[n_keys:]
        with self._db.cursor() as cursor:
            with cursor.copy(f"COPY t_{table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            sets = ", ".join(f"{name} = excluded.{name}" for name in rest)
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM t_{table} "
                f"ON CONFLICT ({keys}) DO UPDATE SET {sets}"
            )

    def keys_of(self, table: str, key: str, ids: list[str]) -> dict[str, int]:
        rows = self._db.execute(f"SELECT id_externo, {key} FROM {table} WHERE id_externo = ANY(%s)", [ids]).fetchall()
        return {id_: int(number) for id_, number in rows}

    def commit(self) -> None:
        self._db.commit()


class BareMariadb:
    """Multi-row INSERT … ON DUPLICATE KEY, as the driver makes it of executemany."""

    def __init__(self, address: Address) -> None:
        import pymysql  # type: ignore[import-untyped]  # the driver has no types

        self._db = pymysql.connect(
            host="127.0.0.1",
            port=address["port"],
            database=address["database"],
            user=address["user"],
            password=address["password"],
            charset="utf8mb4",
        )

    def upsert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        names, n_keys = TABLES[table]
        sets = ", ".join(f"{name} = VALUES({name})" for name in names[n_keys:])
        with self._db.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))}) "
                f"ON DUPLICATE KEY UPDATE {sets}",
                rows,
            )

    def keys_of(self, table: str, key: str, ids: list[str]) -> dict[str, int]:
        with self._db.cursor() as cursor:
            cursor.execute(f"SELECT id_externo, {key} FROM {table} WHERE id_externo IN %s", [ids])
            return dict(cursor.fetchall())

    def commit(self) -> None:
        self._db.commit()


class BareFirebird:
    """The driver's executemany, one row a round trip: it has nothing faster."""

    def __init__(self, address: Address) -> None:
        from firebird import driver  # type: ignore[import-untyped]  # the driver has no types

        self._db = driver.connect(
            f"127.0.0.1/{address['port']}:{address['database']}",
            user=address["user"],
            password=address["password"],
            charset="UTF8",
        )

    def upsert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        names, n_keys = TABLES[table]
        with closing(self._db.cursor()) as cursor:
            cursor.executemany(
                f"UPDATE OR INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "
                f"MATCHING ({', '.join(names[:n_keys])})",
                rows,
            )

    def keys_of(self, table: str, key: str, ids: list[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        with closing(self._db.cursor()) as cursor:
            for start in range(0, len(ids), 200):
                lot = ids[start : start + 200]
                marks = ", ".join("?" * len(lot))
                cursor.execute(f"SELECT id_externo, {key} FROM {table} WHERE id_externo IN ({marks})", lot)
                found |= dict(cursor.fetchall())
        return found

    def commit(self) -> None:
        self._db.commit()


BARE: dict[str, Callable[[Address], Any]] = {
    "postgresql": BarePostgresql,
    "mariadb": BareMariadb,
    "firebird": BareFirebird,
}


def bring(kind: str, url: str, address: Address) -> None:
    """The bare first load of everything, one transaction a page."""
    db = BARE[kind](address)
    http = HTTPConnection(urlsplit(url).netloc)
    for stream, query in limit.STREAMS.items():
        for lot, _ in limit.pages(http, "bench", query, ""):
            if stream == "customer":
                db.upsert("clientes", [_plain(limit.customer_row(record)) for record in lot])
            elif lot:
                _orders(db, lot)
            db.commit()


def _orders(db: Any, orders: list[Json]) -> None:
    customers = db.keys_of("clientes", "codigo", list({order["customer"]["id"] for order in orders}))
    db.upsert("pedidos", [_plain(limit.order_row(order, customers)) for order in orders])
    numbers = db.keys_of("pedidos", "numero", [order["id"] for order in orders])
    numbered = [(numbers[order["id"]], order) for order in orders]
    db.upsert("itens_pedido", [_plain(limit.item_row(n, item)) for n, order in numbered for item in order["items"]])
    payments = [_plain(limit.payment_row(n, p)) for n, order in numbered for p in order.get("payments", ())]
    db.upsert("formas_pagamento", payments)


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    """Truth values as numbers: the columns are SMALLINT everywhere."""
    return tuple(int(value) if isinstance(value, bool) else value for value in row)


def live_servers() -> dict[str, Callable[[], AbstractContextManager[Any]]]:
    return {"postgresql": postgresql_server, "mariadb": mariadb_server, "firebird": firebird_server}


def played(kind: str, source: StaticPages, n_rounds: int) -> Iterator[tuple[str, Took]]:
    """Rounds of both, each in a database of its own; what they hold must be the same."""
    with live_servers()[kind]() as server:
        for n in range(n_rounds):
            totals = []
            source.begin(WORK)
            for name in ("limit", "omnisync") if n % 2 == 0 else ("omnisync", "limit"):
                keeper = make_on(server)
                where = keeper.address
                address = {"database": where.database, "port": where.port, "user": where.user}
                if name == "limit":
                    words = json.dumps(address | {"password": keeper.password})
                    bare = [sys.executable, str(HERE / "servers.py"), "limit", kind, source.url]
                    took = timed(bare, _environ(), f"{words}\n".encode())
                else:
                    took = _ours(keeper, source)
                totals.append(_totals(keeper))
                yield name, took
            if totals[0] != totals[1]:
                raise SystemExit(f"{kind}: the two databases differ: {totals}")


def _environ() -> dict[str, str]:
    import os

    return dict(os.environ)  # noqa: TID251  # a child inherits it


def configured(keeper: LiveDatabase, url: str) -> dict[str, str]:
    """An agent whose one connection is between this hub and this database; answers its environment."""
    from omnisync.agent.config.connection import Connection, ConnectionEstablishment, HubAddress
    from omnisync.agent.config.secrets import Secret, Secrets
    from omnisync.agent.config.settings import Home
    from omnisync.agent.journal.journal import Journal

    folder = WORK / "servers"
    shutil.rmtree(folder, ignore_errors=True)
    home = Home(folder).prepare()
    connection = Connection(
        name="producao",
        company="bench",
        hub=HubAddress(url),
        erp=keeper.address,
        establishments=(ConnectionEstablishment("0001"), ConnectionEstablishment("0002")),
    )
    with closing(Journal(home.journal)) as journal:
        journal.connections.save(connection)
    secrets = Secrets(home.secrets)
    secrets.put(connection, "hub_token", Secret("bench"))
    secrets.put(connection, "erp_password", Secret(keeper.password))
    return _environ() | {"OMNISYNC_HOME": str(folder), "OMNISYNC_ZONE": "America/Sao_Paulo"}


IMPORT = [sys.executable, "-m", "omnisync", "import", "--json"]


def _ours(keeper: LiveDatabase, source: StaticPages) -> Took:
    return timed(IMPORT, configured(keeper, source.url))


def _totals(keeper: LiveDatabase) -> list[object]:
    sums = {"clientes": "ativo", "pedidos": "total", "itens_pedido": "total", "formas_pagamento": "valor"}
    return [keeper.query(f"SELECT count(*), sum({column}) FROM {table}") for table, column in sums.items()]


def compare(kinds: list[str], n_rounds: int, scale: float) -> None:
    """Rounds on each of these databases, and their medians as a Markdown table."""
    WORK.mkdir(exist_ok=True)
    source = StaticPages(scale)
    print("| first load | limit s | omnisync s | rate × limit's | peak MiB limit / omnisync |\n|---|---|---|---|---|")
    try:
        for kind in kinds:
            found: dict[str, list[Took]] = {"limit": [], "omnisync": []}
            for name, took in played(kind, source, n_rounds):
                found[name].append(took)
                print(f"{kind}  {name:<10}{took.seconds:7.2f} s", file=sys.stderr, flush=True)
            bare, ours = (median(took.seconds for took in found[name]) for name in ("limit", "omnisync"))
            peaks = [max(took.peak for took in found[name]) for name in ("limit", "omnisync")]
            print(f"| {kind} | {bare:.2f} | {ours:.2f} | **{bare / ours:.2f}** | {peaks[0]:.0f} / {peaks[1]:.0f} |")
    finally:
        source.close()


def main() -> None:
    """Measure, or be the bare script, which is told its address by the standard input."""
    if sys.argv[1:2] == ["limit"]:
        bring(sys.argv[2], sys.argv[3], json.loads(sys.stdin.readline()))
        return
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--scale", type=float, default=0.25)
    words.add_argument("--only", choices=list(BARE))
    given = words.parse_args()
    compare([given.only] if given.only else list(BARE), given.rounds, given.scale)


if __name__ == "__main__":
    main()
