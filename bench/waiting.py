"""How long the ERP's own people wait for an order number while an import runs, with the layout `direto`.

A second session takes a number of the same counter, again and again, from the import's first request to its end: its
UPDATE waits while a slice holds the counter's row. Firebird's refusals for a conflict are tried again within the wait.

    python bench/waiting.py [--scale 0.1] [--only postgresql]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from random import Random
from threading import Event
from time import perf_counter
from typing import Any

import msgspec

from bench import agent
from bench.databases import SERVERS
from bench.processes import WORK
from bench.sources import StaticPages
from devtools import direto
from devtools.live_database import LiveDatabase, make_on

PAUSE_S = 0.03
"""Between two numbers, on average."""
TAKE = "UPDATE CONTADOR SET CNT_ULTIMO = CNT_ULTIMO + 1 WHERE CNT_FILIAL = '01' AND CNT_NOME = 'PEDIDO'"


def waits(keeper: LiveDatabase, importing: subprocess.Popen[bytes]) -> Iterator[float]:
    """Seconds that each number took, from asking for it to having it for good."""
    rng = Random("waiting")
    with closing(keeper.connect()) as session:
        while importing.poll() is None:
            began = perf_counter()
            while not _took(session, direto.named(TAKE, keeper.address.kind)):
                pass
            yield perf_counter() - began
            Event().wait(rng.uniform(0, 2 * PAUSE_S))


def _took(session: Any, sql: str) -> bool:
    with closing(session.cursor()) as cursor:
        try:
            cursor.execute(sql)
            session.commit()
        except Exception as error:
            session.rollback()
            if "update conflicts" not in str(error) and "deadlock" not in str(error):
                raise
            return False
    return True


def measured(kind: str, source: StaticPages) -> str:
    """One import into a database of its own, and a line of the table."""
    with SERVERS[kind]() as server:
        keeper = make_on(server, schema="direto")
        keeper = msgspec.structs.replace(keeper, address=msgspec.structs.replace(keeper.address, layout="direto"))
        for table, columns, rows in direto.registers():
            names = [direto.named(name, kind) for name in (table, *columns.split())]
            keeper.insert(names[0], rows, names[1:])
        source.begin(WORK)
        home = WORK / "servers"
        shutil.rmtree(home, ignore_errors=True)
        environ = agent.connect(home, keeper, source.url)
        agent.examine(home)
        began = perf_counter()
        importing = subprocess.Popen(agent.IMPORT, env=environ, stdout=subprocess.DEVNULL)
        took = sorted(waits(keeper, importing))
        seconds = perf_counter() - began
        orders = keeper.query(direto.named("SELECT COUNT(*) FROM PEDIDO", kind))[0][0]
        counted = direto.named("SELECT SUM(CNT_ULTIMO) - 6000 FROM CONTADOR WHERE CNT_NOME = 'PEDIDO'", kind)
        given = keeper.query(counted)[0][0]
        if importing.returncode or int(given) != orders + len(took):
            raise SystemExit(f"{kind}: status {importing.returncode}, {given} numbers for {orders} + {len(took)}")
        at = [took[min(len(took) - 1, int(len(took) * part))] * 1000 for part in (0.5, 0.99)]
        return (
            f"| {kind} | {orders} | {seconds:.1f} | {len(took)} | {at[0]:.0f} | {at[1]:.0f} | {took[-1] * 1000:.0f} |"
        )


def main() -> None:
    """Measure each live database."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--scale", type=float, default=0.1, help="1 = 20,000 customers and 60,000 orders")
    words.add_argument("--only", choices=list(SERVERS))
    given = words.parse_args()
    WORK.mkdir(exist_ok=True)
    source = StaticPages(given.scale)
    print(
        "| direct | orders | import s | numbers taken | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|---|---|"
    )
    try:
        for kind in [given.only] if given.only else SERVERS:
            print(measured(kind, source), flush=True)
    finally:
        source.close()


if __name__ == "__main__":
    main()
