"""Translate what keeps the hub's database from being opened into a code, without the driver's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

Trouble = Literal["address", "driver", "login", "unreachable", "file", "corrupt", "newer", "encoding", "other"]
_LOGIN = ("28", "3D", "42501")
"""Beginnings of PostgreSQL's states: the login, the database's name, a right."""


class UnknownRevisionError(Exception):
    """The database was made by a newer version."""


class UnfitEncodingError(Exception):
    """The database keeps its texts in letters that do not hold every record's."""


class DatabaseTroubleError(Exception):
    """The database cannot be used. `where` names it, without its password."""

    def __init__(self, trouble: Trouble, where: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble
        self.where = where


@contextmanager
def translating_trouble(url: str) -> Iterator[None]:
    """Raise DatabaseTroubleError for whatever keeps the database at this address from being opened."""
    try:
        if make_url(url).get_backend_name() not in ("sqlite", "postgresql"):
            raise ArgumentError("only SQLite and PostgreSQL")
        yield
    except (ArgumentError, NoSuchModuleError) as error:
        raise DatabaseTroubleError("address", _named(url)) from error
    except ModuleNotFoundError as error:
        raise DatabaseTroubleError("driver", error.name or _named(url)) from error
    except UnknownRevisionError as error:
        raise DatabaseTroubleError("newer", _named(url)) from error
    except UnfitEncodingError as error:
        raise DatabaseTroubleError("encoding", _named(url)) from error
    except DBAPIError as error:
        raise DatabaseTroubleError(_trouble_of(error), _named(url)) from error


def _trouble_of(error: DBAPIError) -> Trouble:
    driver = type(error.orig).__module__
    text, state = str(error.orig), getattr(error.orig, "sqlstate", None)
    if driver == "sqlite3":
        return "corrupt" if "not a database" in text or "malformed" in text else "file"
    if state is not None:
        return "login" if state.startswith(_LOGIN) else "other"
    # A refusal while connecting has a sentence only, in the server's language.
    is_login = any(word in text.lower() for word in ("password", "senha", "authentication", "autentica", "role"))
    return "login" if is_login else "unreachable"


def _named(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "endereço vazio" if not url.strip() else url.partition("://")[0]
