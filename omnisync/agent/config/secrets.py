"""The file of secrets: the tokens and passwords of each connection, for the account alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from omnisync.agent.config.connection import Connection
from omnisync.agent.config.files import read_private, replace_file, waited_lock
from omnisync.agent.errors import SettingsError

SecretKind = Literal["hub_token", "erp_password"]


class Secret:
    """A token or a password. Only `reveal` returns it: it never stands in a log, a repr or a sentence."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the wire."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


class _Saved(Struct, frozen=True):
    """A secret as the file holds it: with the address it was saved for."""

    goes_to: str
    text: str


_File = dict[str, dict[SecretKind, _Saved]]


class Secrets:
    """The file of secrets, 0600 of the account. Old file or new file, never half of one.

    Each secret is kept with the address it was saved for and is given for no other: a changed address finds none.
    Raises SettingsError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, connection: Connection, kind: SecretKind) -> Secret | None:
        """Return the secret saved for this connection at its present address, if there is one."""
        saved = self._read().get(connection.name, {}).get(kind)
        if saved is None or saved.goes_to != _goes_to(connection, kind):
            return None
        return Secret(saved.text)

    def put(self, connection: Connection, kind: SecretKind, secret: Secret) -> None:
        """Save the secret for this connection's present address. An empty one is forgotten."""
        with self._changing() as file:
            if secret:
                saved = _Saved(_goes_to(connection, kind), secret.reveal())
                file.setdefault(connection.name, {})[kind] = saved
            else:
                file.get(connection.name, {}).pop(kind, None)

    def keep_only_for(self, connection: Connection) -> None:
        """Empty what was saved for other addresses of this connection: going back to one does not revive it."""
        with self._changing() as file:
            saved = file.get(connection.name, {})
            for kind in [kind for kind in saved if saved[kind].goes_to != _goes_to(connection, kind)]:
                del saved[kind]

    def forget(self, connection_name: str) -> None:
        """Empty every secret of this connection."""
        with self._changing() as file:
            file.pop(connection_name, None)

    @contextmanager
    def _changing(self) -> Iterator[_File]:
        with waited_lock(self._path.with_suffix(".lock")):
            before = self._read_or_begin()
            file: _File = {name: dict(kinds) for name, kinds in before.items()}
            yield file
            if file != before:
                replace_file(self._path, msgspec.json.encode(file))

    def _read_or_begin(self) -> _File:
        """Read the file, or begin a new one; a garbled file is set aside, so that secrets can be saved again."""
        try:
            return self._read()
        except SettingsError as error:
            if isinstance(error.__cause__, OSError) or error.code == "file_not_ours":
                raise
            self._path.replace(self._path.with_name(f"{self._path.name}.corrompido"))
            return {}

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(read_private(self._path), type=_File)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SettingsError(motivo=f"o arquivo {self._path.name} não pode ser lido") from error


def changed_connection(old: Connection, new: Connection) -> frozenset[SecretKind]:
    """Return the secrets that saving `new` over `old` empties: a saved secret is never sent to another host."""
    kinds: tuple[SecretKind, ...] = ("hub_token", "erp_password")
    return frozenset(kind for kind in kinds if _goes_to(old, kind) != _goes_to(new, kind))


def _goes_to(connection: Connection, kind: SecretKind) -> str:
    """Return who receives this secret, as one text to compare."""
    if kind == "hub_token":
        return connection.hub.url if connection.hub is not None else ""
    erp = connection.erp
    return msgspec.json.encode((erp.kind, erp.server, erp.port, erp.user, erp.database)).decode()
