"""The counts of a run: sums of their parts, whatever came first."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.progress import NOUNS, Counts, ExpectedCounts, ExportCounts, RowCounts

few = st.integers(0, 9)
rows = st.builds(RowCounts, written=few, unchanged=few, refused=few, waiting=few, kept=few)
sent = st.builds(ExportCounts, read=few, prepared=few, sent=few, deleted=few, refused=few, held=few)
names = st.sampled_from(["dash.stock", "omniforce.stock", "omniforce.products"])
counts = st.builds(
    Counts, customers=rows, orders=rows, items=rows, payments=rows, exports=st.dictionaries(names, sent, max_size=3)
)


@given(counts, counts)
def test_every_row_of_a_part_is_in_the_sum_whichever_came_first(one: Counts, two: Counts) -> None:
    both = one + two
    assert both == two + one == both + Counts()
    assert both.total.received == one.total.received + two.total.received
    assert both.sent == one.sent + two.sent


@given(rows)
def test_what_came_is_written_unchanged_refused_waiting_or_kept(some: RowCounts) -> None:
    assert some.received == sum(getattr(some, name) for name in RowCounts.__struct_fields__)


def test_every_noun_is_in_the_total() -> None:
    for noun in NOUNS:
        assert Counts(**{noun: RowCounts(written=3)}).total == RowCounts(written=3)  # type: ignore[arg-type]  # a noun is a field
        assert ExpectedCounts(**{noun: 3}).total == 3


def test_lines_are_counted_by_system_in_the_order_they_went_out() -> None:
    exports = {name: ExportCounts(sent=n) for name, n in (("omniforce.a", 2), ("dash.a", 5), ("omniforce.b", 1))}
    assert list(Counts(exports=exports).sent_by_system().items()) == [("omniforce", 3), ("dash", 5)]


def test_a_refused_record_or_row_or_a_held_delete_is_a_refusal_and_nothing_else_is() -> None:
    def exported(**fields: Any) -> Counts:
        return Counts(exports={"dash.stock": ExportCounts(**fields)})

    assert all(c.has_refusals for c in (Counts(items=RowCounts(refused=1)), exported(refused=1), exported(held=1)))
    good = RowCounts(written=1, unchanged=1, waiting=1, kept=1)
    assert not (Counts(orders=good) + exported(read=1, prepared=1, sent=1, deleted=1)).has_refusals
