"""Runs the migrations on a connection that is already writing. Imported only when there is something to do."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from omnisync.hub.database_trouble import UnknownRevisionError

_LOCK = 7_310_411  # any number, as long as every hub takes the same


def config(db: Connection | None = None) -> Config:
    """Alembic's settings for this hub: no ini file, the connection handed over."""
    settings = Config()
    settings.set_main_option("script_location", "omnisync.hub:migrations")
    settings.attributes["connection"] = db
    return settings


def upgrade(db: Connection) -> None:
    """Bring the database behind `db` to the newest version; a second process waits here and then finds it done.

    Raises UnknownRevisionError where a newer version made it.
    """
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    try:
        command.upgrade(config(db), "head")
    except CommandError as error:
        raise UnknownRevisionError from error
