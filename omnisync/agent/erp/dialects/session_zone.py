"""The zone of a server's session: its name, or its offset of the moment where the server does not know the name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo


def zone_key(zone: tzinfo) -> str:
    """Return the zone's name in the IANA database; empty where it has none."""
    return getattr(zone, "key", None) or ""


def agrees(zone: tzinfo, offsets: Iterable[tuple[datetime, timedelta]]) -> bool:
    """Return whether the zone has these offsets at these moments, which are of UTC. A server's tables may be years old:
    Brazil's summer time ended in 2019.
    """
    return all(moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() == offset for moment, offset in offsets)


def signed_offset(zone: tzinfo, moment: datetime) -> tuple[str, int, int]:
    """Return the offset at a moment of UTC: its sign, hours and minutes."""
    offset = moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()
    minutes = round(abs(offset).total_seconds() / 60)
    return ("-" if offset < timedelta() else "+"), minutes // 60, minutes % 60
