"""Administer companies and tokens: who is served, until when, and what they use."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import delete, func, select, update

from omnisync.hub import tables
from omnisync.hub.store import Store, Token

LAST_USE_EVERY = timedelta(hours=1)
"""How exactly the last use of a token is kept: a poll a minute is not to write each time."""
MIN_BEGINNING = 4
_c = tables.company.c


class CompanySummary(Struct, frozen=True, kw_only=True):
    """A company as its administrator sees it. Moments are RFC 3339."""

    id: str
    name: str
    suspended_at: str | None
    n_establishments: int
    n_tokens: int
    n_records: int
    last_received_at: str | None


def companies(store: Store) -> list[CompanySummary]:
    """Return every company, by its id."""
    with store.reading() as db:
        found = db.execute(select(_c.id).order_by(_c.id)).scalars().all()
    return [company_summary(store, id_) for id_ in found]


def company_summary(store: Store, id: str) -> CompanySummary:
    """Return one company. Raises LookupError."""
    e, t, r = tables.establishment.c, tables.token.c, tables.record.c
    columns = (
        select(func.count()).select_from(tables.establishment).where(e.company == id).scalar_subquery(),
        select(func.count()).select_from(tables.token).where(t.company == id, t.revoked_at.is_(None)).scalar_subquery(),
        select(func.count()).select_from(tables.record).where(r.company == id).scalar_subquery(),
        select(func.max(r.received_at)).where(r.company == id).scalar_subquery(),
    )
    with store.reading() as db:
        row = db.execute(select(_c.name, _c.suspended_at, *columns).where(_c.id == id)).first()
    if row is None:
        raise LookupError(f"no company {id}")
    name, suspended_at, n_establishments, n_tokens, n_records, last = row
    return CompanySummary(
        id=id,
        name=name,
        suspended_at=suspended_at,
        n_establishments=n_establishments,
        n_tokens=n_tokens,
        n_records=n_records,
        last_received_at=last,
    )


def set_suspended(store: Store, id: str, at: datetime | None) -> None:
    """Close the hub to a company since a moment, or open it again; nothing of it is lost. Raises LookupError."""
    values = {"suspended_at": None if at is None else at.isoformat()}
    with store.writing() as db:
        if not db.execute(update(tables.company).where(_c.id == id).values(values)).rowcount:
            raise LookupError(f"no company {id}")


def remove_company(store: Store, id: str) -> None:
    """Remove a suspended company with all it has. Raises LookupError; ValueError for one that is not suspended."""
    sets = select(tables.export_set.c.id).where(tables.export_set.c.company == id)
    with store.writing() as db:
        row = db.execute(select(_c.suspended_at).where(_c.id == id).with_for_update()).first()
        if row is None:
            raise LookupError(f"no company {id}")
        if row.suspended_at is None:
            raise ValueError("not suspended")
        every = tables.metadata.sorted_tables[::-1]
        for table in (one for one in every if "set_id" in one.c):
            db.execute(delete(table).where(table.c.set_id.in_(sets)))
        for table in (one for one in every if "company" in one.c):
            db.execute(delete(table).where(table.c.company == id))
        db.execute(delete(tables.company).where(_c.id == id))


def token_beginning_with(store: Store, company: str, beginning: str) -> Token:
    """Return the one token in use that begins so, as it is shown or as it was given.

    Raises LookupError when there is none, ValueError when there are more, or the beginning is too short to say.
    """
    visible = beginning.removeprefix("omni_").partition("_")[0].removesuffix("…")
    if len(visible) < MIN_BEGINNING:
        raise ValueError("too short")
    found = [one for one in store.tokens(company) if one.revoked_at is None and one.prefix.startswith(visible)]
    if not found:
        raise LookupError(f"no token {visible}")
    if len(found) > 1:
        raise ValueError("more than one")
    return found[0]


def is_token_named(store: Store, company: str, name: str) -> bool:
    """Return whether a token in use has this name: receipts and exported rows are kept by it."""
    return any(token.name == name and token.revoked_at is None for token in store.tokens(company))


def rotate_token(store: Store, token: Token, overlap: timedelta, now: datetime) -> str:
    """Return a token that takes the other's place, with its name and scopes; the other ends after the overlap."""
    text = store.create_token(token.company, token.name, token.scopes, now, computer=token.computer)
    t = tables.token.c
    ends = (now + overlap).isoformat()
    with store.writing() as db:
        is_later = t.expires_at.is_(None) | (t.expires_at > ends)
        db.execute(update(tables.token).where(t.prefix == token.prefix, is_later).values(expires_at=ends))
    return text


def note_use(store: Store, token: Token, now: datetime) -> None:
    """Keep when the token was last used."""
    if token.last_used_at is None or token.last_used_at < (now - LAST_USE_EVERY).isoformat():
        with store.writing() as db:
            mine = tables.token.c.prefix == token.prefix
            db.execute(update(tables.token).where(mine).values(last_used_at=now.isoformat()))
