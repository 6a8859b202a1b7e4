"""What a request says of itself is not believed: its address, and what it would have in a log."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import httpx
import pytest

from omnisync.hub.access import MAX_FAILED
from omnisync.hub.store import Store
from omnisync.web.log_lines import PlainFormatter
from tests.support.command_line import run
from tests.support.hub_server import RunningHub, bearer, found_company, running_hub, serving

WRONG = bearer("omni_000000000000_" + "A" * 43)


def tries(hub: RunningHub, n: int, address: str | None = None) -> list[int]:
    with httpx.Client(base_url=hub.url, headers=WRONG, trust_env=False) as client:
        return [
            client.get("/v1", headers={"X-Forwarded-For": address or f"203.0.113.{at}"}).status_code for at in range(n)
        ]


def test_case_f6_a_forwarded_address_is_not_believed_even_from_this_computer(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        assert tries(hub, MAX_FAILED + 1) == [401] * MAX_FAILED + [429]


def test_case_f6_a_named_proxy_is_believed(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.migrate()
    with serving(store, found_company(store), proxy="127.0.0.1/32") as hub:
        assert tries(hub, MAX_FAILED + 1) == [401] * (MAX_FAILED + 1)
        assert tries(hub, MAX_FAILED, "203.0.113.200")[-1] == 401
        assert tries(hub, 1, "203.0.113.200") == [429]


def test_case_f6_another_address_than_the_proxy_s_is_not_believed(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.migrate()
    with serving(store, found_company(store), proxy="10.0.0.5") as hub:
        assert tries(hub, MAX_FAILED + 1)[-1] == 429


def test_case_f6_a_proxy_that_is_no_address_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = run(capsys, "hub", "serve", "--proxy", "proxy.example")
    assert (status, "Informe em --proxy um endereço IP" in said) == (1, True)


@pytest.mark.parametrize("path", [
    "/static/%0aFAKE%1b%00", "/v1/orders/%0aFAKE%1b", "/v1/customers/%7f", "/v1%0a", "/v1/exports/omniforce/%1b",
    "/%ff", "/v1/orders/%e2%80%a8",
])  # fmt: skip
def test_case_f7_a_path_with_control_characters_is_not_found(
    hub: RunningHub, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with hub.client() as client:
        answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert caplog.records == []


def test_case_f7_a_value_forges_no_line_of_the_log() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(PlainFormatter())
    log = logging.Logger("omnisync.test")
    log.addHandler(handler)
    forged = "x\n2026-11-24 ERROR omnisync.hub: FAKE\x1b[2J\x00\u2028\u202e"
    log.error("failed: %s", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        log.exception("failed")
    lines = written.getvalue().splitlines()
    assert [line for line in lines if not line.startswith("    ") and "omnisync.test: failed" not in line] == []
    assert written.getvalue().replace("\n", "").isprintable()
