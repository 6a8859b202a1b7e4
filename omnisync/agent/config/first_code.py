"""The code by which the pages take their first password: it is readable by this account alone."""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from threading import Lock

from omnisync.agent.config.files import read_private, replace_file
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.errors import SettingsError

_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without those that are mistaken for another."""
_GROUPS, _GROUP = 3, 4


class FirstCode:
    """A code in a file of this account, 0600, until the first password is set. Safe to use from several threads.

    Every method raises SettingsError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._one_at_a_time = Lock()

    def renew(self) -> str:
        """Make a new code in the place of the old one, and return it."""
        groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
        code = "-".join(groups)
        replace_file(self.path, f"{code}\n".encode())
        return code

    def make(self) -> None:
        """Make a code where there is none."""
        if self._read() is None:
            self.renew()

    def set_password(self, typed: str, password: PagePassword, text: str) -> bool:
        """Set the first password, where `typed` is the code and there is none yet; the code is then worth nothing.

        Return whether it was set. Raises SettingsError (page_password_short), the code still good.
        """
        with self._one_at_a_time:
            code = self._read()
            if code is None or password.stored_hash() is not None or not _is_same(code, typed):
                return False
            password.set(text)
            self.forget()
        return True

    def forget(self) -> None:
        """Remove the code. Idempotent."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SettingsError("folder_read_only", pasta=self.path.parent) from error

    def _read(self) -> str | None:
        try:
            return read_private(self.path).decode("ascii").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(motivo=f"o arquivo {self.path.name} não pode ser lido") from error


def _is_same(code: str, typed: str) -> bool:
    """Compare without the dashes, in capitals, in a time that tells nothing."""
    letters = "".join(typed.split()).replace("-", "").upper()
    return hmac.compare_digest(code.replace("-", "").encode(), letters.encode())
