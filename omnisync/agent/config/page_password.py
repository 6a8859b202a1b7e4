"""The password of the pages, kept hashed in a file of this account, with what it guards on this computer's own address.

Without one the pages open to this computer alone, and what it guards is changed on the command line.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from unicodedata import normalize

from omnisync.agent.config.files import read_private, replace_file
from omnisync.agent.errors import SettingsError

if TYPE_CHECKING:  # only a page that opens, or sets the password, hashes: no other command waits for the library
    from argon2 import PasswordHasher

SHORTEST = 8
LONGEST = 200
"""Letters of a password: a longer one is only work for who hashes it."""
_KIND = "$argon2id$"
_SETTINGS, _EVERYTHING = "settings", "everything"
"""What the password guards, as the file's second line. A file without one is of an older version: everything."""


class PagePassword:
    """One password for all who use the pages. Safe to use from several threads, and read anew each time.

    Every method raises SettingsError when the file cannot be read or written: the pages then stay closed.
    """

    def __init__(self, path: Path, hasher: PasswordHasher | None = None) -> None:
        self.path = path
        self._given_hasher = hasher
        self._one_at_a_time = Lock()  # each try takes 64 MB and half a second of every core

    def stored_hash(self) -> str | None:
        """Return the password's hash, None where there is none. It changes with every password set."""
        kept = self._read()
        return kept[0] if kept is not None else None

    def guards_everything(self) -> bool:
        """Return whether the password is asked for before anything is shown, also on this computer's own address."""
        kept = self._read()
        return kept is not None and kept[1] == _EVERYTHING

    def _read(self) -> tuple[str, str] | None:
        """Return the hash and what it guards."""
        try:
            kept, _, guards = read_private(self.path).decode("ascii").strip().partition("\n")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(self.path) from error
        if not kept.startswith(_KIND) or guards not in ("", _SETTINGS, _EVERYTHING):
            raise _unreadable(self.path)
        return kept, guards or _EVERYTHING

    def set(self, text: str) -> None:
        """Keep this password from now on; it guards what the one before did, the first one the settings.

        Raises SettingsError (page_password_short) for one easily guessed.
        """
        password = _plain(text)
        if not SHORTEST <= len(password) <= LONGEST:
            raise SettingsError("page_password_short", n=SHORTEST, max=LONGEST)
        try:
            before = self._read()
            guards = before[1] if before is not None else _SETTINGS
        except SettingsError:
            guards = _EVERYTHING  # what it guarded cannot be read any more
        self._write(self._hasher().hash(password), guards)

    def guard(self, *, everything: bool) -> None:
        """Let the password guard everything, or the settings alone. Raises SettingsError (page_password_missing)."""
        kept = self.stored_hash()
        if kept is None:
            raise SettingsError("page_password_missing")
        self._write(kept, _EVERYTHING if everything else _SETTINGS)

    def _write(self, hashed: str, guards: str) -> None:
        replace_file(self.path, f"{hashed}\n{guards}\n".encode())

    def forget(self) -> bool:
        """Let the pages open without a password; whether there was one."""
        there = self.path.exists()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError("folder_read_only", pasta=self.path.parent) from error
        return there

    def verify(self, text: str) -> bool:
        """Return whether this is the password. It takes as long for any wrong one; they are tried one at a time."""
        kept, password = self.stored_hash(), _plain(text)
        if kept is None or len(password) > LONGEST:
            return False
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            with self._one_at_a_time:
                return self._hasher().verify(kept, password)
        except InvalidHashError as error:
            raise _unreadable(self.path) from error
        except VerificationError:
            return False

    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return self._given_hasher or PasswordHasher()


def _plain(text: str) -> str:
    """Return the same letters, however the keyboard of the day makes them."""
    return normalize("NFC", text)


def _unreadable(path: Path) -> SettingsError:
    return SettingsError(motivo=f"o arquivo {path.name} não pode ser lido; defina a senha de novo")
