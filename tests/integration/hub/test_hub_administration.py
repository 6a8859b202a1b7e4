"""Companies and tokens from their administrator's side, on each database."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from litestar.testing import TestClient
from sqlalchemy import func, select

from omnisync.hub import administration, intake, tables, uploads
from omnisync.hub.app import create_app
from omnisync.hub.store import SCOPES, Store
from tests.support.command_line import run
from tests.support.dataset_rows import products
from tests.support.hub_server import NOW, bearer, customer, found_company, order, raw
from tests.support.hub_uploads import upload


def status(store: Store, token: str, after: timedelta = timedelta(0)) -> tuple[int, str]:
    with TestClient(create_app(store, lambda: NOW + after)) as client:
        answer = client.get("/v1", headers=bearer(token))
    return answer.status_code, answer.json().get("code", "")


def console(capsys: pytest.CaptureFixture[str], store: Store, *words: str) -> tuple[int, str]:
    address = store.engine.url.render_as_string(hide_password=False)
    return run(capsys, "hub", *words, "--database-file", "-", stdin=address + "\n")


def test_a_suspended_company_is_turned_away_and_loses_nothing(
    capsys: pytest.CaptureFixture[str], store: Store, company: str
) -> None:
    token = store.create_token(company, "caixa", SCOPES, NOW)
    intake.ingest(store, company, raw(customer("c")), NOW)
    assert console(capsys, store, "company", "suspend", company)[0] == 0
    assert status(store, token) == (403, "company_suspended")
    assert "suspensa em" in console(capsys, store, "company", "list")[1]
    assert console(capsys, store, "company", "resume", company)[0] == 0
    assert status(store, token) == (200, "")
    assert "registros: 1" in console(capsys, store, "company", "show", company)[1]


def test_a_removed_company_leaves_no_row_and_no_other_is_touched(
    capsys: pytest.CaptureFixture[str], store: Store, company: str
) -> None:
    other = f"boreal-{company}"
    for one in (company, other):
        found_company(store, one)
        intake.ingest(store, one, raw(customer("c"), order("a", customer_id="c")), NOW)
        uploads.ingest_batch(store, one, "producao", upload("b1", *products("a"), snapshot="s"), NOW)
        status(store, store.create_token(one, "caixa", SCOPES, NOW))
    assert console(capsys, store, "company", "remove", company, "--yes")[0] == 1  # not suspended
    console(capsys, store, "company", "suspend", company)
    before = rows_of(store, other)
    assert console(capsys, store, "company", "remove", company, "--yes")[0] == 0
    assert set(rows_of(store, company).values()) == {0}
    assert rows_of(store, other) == before
    assert console(capsys, store, "company", "show", company)[0] == 1


def rows_of(store: Store, company: str) -> dict[str, int]:
    sets = select(tables.export_set.c.id).where(tables.export_set.c.company == company)
    found = {}
    with store.reading() as db:
        for table in tables.metadata.sorted_tables:
            own = table.c.id if table.name == "company" else table.c.get("company")
            counted = select(func.count()).select_from(table)
            if own is not None:
                found[table.name] = db.execute(counted.where(own == company)).scalar_one()
            elif "set_id" in table.c:
                found[table.name] = db.execute(counted.where(table.c.set_id.in_(sets))).scalar_one()
    return found


def test_a_token_ends_when_its_time_is_over(store: Store, company: str) -> None:
    token = store.create_token(company, "caixa", SCOPES, NOW, expires_at=NOW + timedelta(days=1))
    assert status(store, token, timedelta(hours=23)) == (200, "")
    assert status(store, token, timedelta(hours=24)) == (401, "token_revoked")


def test_a_token_s_last_use_is_kept_to_the_hour(store: Store, company: str) -> None:
    token = store.create_token(company, "caixa", SCOPES, NOW)
    prefix = token.split("_")[1]

    def last() -> str | None:
        known = store.token(prefix)
        return known.last_used_at if known else None

    assert last() is None
    for minutes, expected in ((0, 0), (30, 0), (61, 61)):
        assert status(store, token, timedelta(minutes=minutes)) == (200, "")
        assert last() == (NOW + timedelta(minutes=expected)).isoformat()


def test_a_token_that_is_rotated_goes_on_for_a_while(store: Store, company: str) -> None:
    first = store.create_token(company, "caixa", SCOPES[:2], NOW, computer="CAIXA-01")
    old = administration.token_beginning_with(store, company, first[:12])
    second = administration.rotate_token(store, old, timedelta(hours=24), NOW)
    assert [status(store, one, timedelta(hours=23))[0] for one in (first, second)] == [200, 200]
    assert [status(store, one, timedelta(hours=25))[0] for one in (first, second)] == [401, 200]
    new = store.token(second.split("_")[1])
    assert new is not None
    assert (new.name, new.scopes, new.computer) == ("caixa", SCOPES[:2], "CAIXA-01")


def test_a_token_is_revoked_by_its_visible_beginning(
    capsys: pytest.CaptureFixture[str], store: Store, company: str
) -> None:
    token = store.create_token(company, "caixa", SCOPES, NOW)
    assert console(capsys, store, "token", "revoke", company, token[:7])[0] == 1  # two letters say too little
    assert console(capsys, store, "token", "revoke", company, "omni_zzzzzz")[0] == 1
    assert console(capsys, store, "token", "revoke", company, token[:14])[0] == 0
    assert status(store, token) == (401, "token_revoked")


def test_tokens_are_listed_in_the_reader_s_time(capsys: pytest.CaptureFixture[str], store: Store, company: str) -> None:
    made = console(capsys, store, "token", "create", company, "--name", "loja", "--days", "30", "--computer", "LOJA-7")
    assert made[0] == 0
    [line] = [one for one in console(capsys, store, "token", "list", company)[1].splitlines() if "  loja  " in one]
    moment = r"\d\d/\d\d/\d{4} \d\d:\d\d"
    assert re.search(f"criada em {moment}  computador LOJA-7  nunca usada  em uso, vence em {moment}$", line)
