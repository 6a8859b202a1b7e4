"""A stranger reads the hub by the contract alone: the example's sixty lines get every record once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.record_samples import change, customer, order

READER = Path(__file__).parents[3] / "examples" / "reader.py"


def _read(hub: RunningHub, state: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(READER), hub.url, str(state)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | {"OMNISYNC_TOKEN": hub.token},  # noqa: TID251  # a child inherits it
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_record_is_read_once_and_customers_come_first(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        send(hub, *(change(customer(f"cus_{n}")) for n in range(30)))
        for start in range(0, 2500, 500):
            send(
                hub,
                *(
                    change(order(f"ord_{n}", customer_id=f"cus_{n % 30}", establishment_code=f"000{1 + n % 2}"))
                    for n in range(start, start + 500)
                ),
            )
        first = _read(hub, tmp_path / "cursors.json")
        ids = [found["id"] for found in first]
        assert len(ids) == len(set(ids)) == 2530
        assert [found["kind"] for found in first[:30]] == ["customer"] * 30
        assert _read(hub, tmp_path / "cursors.json") == []
        send(hub, change(order("ord_7", customer_id="cus_7", establishment_code="0002", notes="tarde"), 2))
        again = _read(hub, tmp_path / "cursors.json")
        assert [(found["id"], found["version"]) for found in again] == [("ord_7", 2)]


def test_a_customer_that_came_early_with_its_order_is_not_read_again_in_its_own_stream(tmp_path: Path) -> None:
    edits = [change(customer(notes="nova"), 2)]

    def edit_before(target: str) -> None:
        if "kinds=order" in target and edits:  # the customers have been read to their end
            send(hub, edits.pop())

    with running_hub(tmp_path, before=edit_before) as hub:
        state = tmp_path / "cursors.json"
        send(hub, change(customer()), change(order()))
        told = [(found["id"], found["version"]) for found in _read(hub, state)]
        assert told == [("cus_1", 1), ("cus_1", 2), ("ord_1", 1)]
        assert _read(hub, state) == []
        send(hub, change(customer(notes="outra"), 3))
        assert [(found["id"], found["version"]) for found in _read(hub, state)] == [("cus_1", 3)]


def test_the_reader_is_no_longer_than_sixty_lines() -> None:
    assert len(READER.read_text().splitlines()) <= 60


def test_after_the_hub_was_restored_the_reader_begins_again(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        send(hub, change(customer()), change(order()))
        _read(hub, tmp_path / "cursors.json")
        hub.store.new_epoch("aurora")
        assert {found["id"] for found in _read(hub, tmp_path / "cursors.json")} == {"cus_1", "ord_1"}
