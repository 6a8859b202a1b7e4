"""A real hub with the bench's records, for `run.py --hub`: what it costs when the pages are made as they are asked for.

python bench/hub.py fill FILE --scale 1     the first records
python bench/hub.py later FILE --scale 1    what came later
python bench/hub.py token FILE              prints a new token
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bench import feed
from omnisync.demo.seed_data import ESTABLISHMENTS
from omnisync.hub import intake
from omnisync.hub.store import AGENT_SCOPES, Store

BATCH = 1000


def fill(store: Store, scale: float, *, is_later: bool) -> None:
    """Take the records in, as if apps had sent them."""
    lot = (msgspec.json.encode(replace(change, to=None)) for later, change in feed.changes(scale) if later is is_later)
    while batch := list(islice(lot, BATCH)):
        refused = [result for result in intake.ingest(store, feed.COMPANY, batch, feed.NOON) if result.code]
        if refused:
            raise RuntimeError(f"the hub refused {refused[0]}")


def main() -> None:
    """Do the one thing asked for."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("what", choices=("fill", "later", "token"))
    words.add_argument("file", type=Path)
    words.add_argument("--scale", type=float, default=1.0)
    given = words.parse_args()
    store = Store(f"sqlite:///{given.file}")
    store.migrate()
    if given.what == "fill":
        store.add_company(feed.COMPANY, feed.NAME)
        for code, name in ESTABLISHMENTS.items():
            store.add_establishment(feed.COMPANY, code, name)
    if given.what == "token":
        print(store.create_token(feed.COMPANY, "bench", AGENT_SCOPES, feed.NOON))
    else:
        fill(store, given.scale, is_later=given.what == "later")
    store.close()


if __name__ == "__main__":
    main()
