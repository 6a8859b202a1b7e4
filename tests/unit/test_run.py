"""A run as its row in the journal keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.journal.run import (
    EVERYTHING,
    Run,
    RunScope,
    decode_moment,
    encode_moment,
    holders_of,
    left_to_another,
    run_of,
    scope_columns,
)
from omnisync.agent.phase import Phase, encode_phase
from omnisync.agent.progress import Counts, ExpectedCounts, RowCounts
from omnisync.agent.record_ref import RecordRef

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)

printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
refs = st.builds(RecordRef, st.sampled_from(["customer", "order", None]), printable, again=st.booleans())
scopes = st.builds(
    RunScope,
    kind=st.sampled_from(["import", "export", "both"]),
    systems=st.just("all") | st.lists(st.sampled_from(["dash", "omniforce"]), max_size=2).map(tuple),
    establishments=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    records=st.lists(refs, max_size=3).map(tuple),
    resends_refused=st.booleans(),
)


def run(scope: RunScope = EVERYTHING, **changes: Any) -> Run:
    plain = Run(
        id="r1",
        connection="producao",
        scope=scope,
        origin="button",
        state="running",
        stop_asked=False,
        pid=7,
        asked_at=AT,
        started_at=AT,
        ended_at=None,
        beat_at=None,
        counts=Counts(orders=RowCounts(written=3)),
        totals=ExpectedCounts(orders=5),
        phase=Phase(stage="order", establishment="0001").waiting("hub_unreachable", AT),
        rate=1.5,
        code=None,
        words={"nome": "Loja"},
    )
    return msgspec.structs.replace(plain, **changes)


def row_of(one: Run) -> Any:
    """The columns of its row, as a statement of the journal writes them."""
    row: dict[str, Any] = {name: getattr(one, name) for name in Run.__struct_fields__ if name != "scope"}
    row |= zip(("kind", "systems", "establishments", "ids"), scope_columns(one.scope), strict=True)
    row |= {name: msgspec.json.encode(row[name]) for name in ("counts", "totals", "words")}
    row |= {name: row[name] and encode_moment(row[name]) for name in ("asked_at", "started_at", "ended_at", "beat_at")}
    return row | {"phase": encode_phase(one.phase), "stop_asked": int(one.stop_asked)}


@given(scopes)
def test_a_scope_is_read_back_from_its_row_as_it_was(scope: RunScope) -> None:
    assert run_of(row_of(run(scope))) == run(scope)


def test_an_id_that_an_older_version_cannot_name_is_left_out() -> None:
    row = row_of(run()) | {"ids": b'["order:o1","item:9","rows:refused",""]'}
    assert run_of(row).scope == RunScope(records=(RecordRef("order", "o1"),), resends_refused=True)


def test_the_scope_of_everything_imports_from_all_systems_and_establishments() -> None:
    assert scope_columns(EVERYTHING) == ("import", b'"all"', b"[]", b"[]")


moments = st.datetimes(
    AT.replace(year=1970, tzinfo=None),
    AT.replace(year=2100, tzinfo=None),
    timezones=st.integers(-14, 14).map(lambda h: timezone(timedelta(hours=h))),
)


@given(moments, moments)
def test_moments_sort_as_their_texts(one: datetime, other: datetime) -> None:
    assert decode_moment(encode_moment(one)) == one
    assert (encode_moment(one) < encode_moment(other)) is (one < other)


@pytest.mark.parametrize(
    ("started_at", "beat_at", "ended_at", "minutes"),
    [
        (AT, None, None, 0),
        (AT, AT + timedelta(minutes=3), None, 3),
        (AT, AT + timedelta(minutes=3), AT + timedelta(minutes=5), 5),
        (None, None, AT + timedelta(minutes=5), 6),
        (AT, None, AT - timedelta(hours=1), 0),
    ],
)
def test_a_run_lasts_from_its_start_to_its_end_or_last_heartbeat_and_never_less_than_nothing(
    started_at: datetime | None, beat_at: datetime | None, ended_at: datetime | None, minutes: int
) -> None:
    asked_at = AT - timedelta(minutes=1)
    one = run(asked_at=asked_at, started_at=started_at, beat_at=beat_at, ended_at=ended_at)
    assert one.duration == timedelta(minutes=minutes)


def test_only_the_newest_import_says_what_another_computer_holds() -> None:
    export = run(RunScope(kind="export"))
    busy, done = run(code="establishment_busy"), run()
    assert left_to_another([export, busy, done]) == busy
    assert left_to_another([done, busy]) is None
    assert left_to_another([export]) is None
    assert left_to_another([]) is None


def test_who_holds_an_establishment_is_read_from_the_words_of_the_run() -> None:
    told = '{"0001": ["PC-CAIXA", "desde ontem"]}'
    assert holders_of(run(words={"donos": told})) == {"0001": ("PC-CAIXA", "desde ontem")}
    assert holders_of(run(words={})) == {}
