"""The accounts of this computer by which a person may log in."""

from __future__ import annotations

import sys
from pathlib import Path

_FIRST_PERSON, _NOBODY = 1000, 65534
_CLOSED = ("nologin", "false", "sync")
_OF_WINDOWS = frozenset({"All Users", "Default", "Default User", "Public"})


def n_other_people() -> int:
    """Return how many accounts besides ours a person may log in by."""
    if sys.platform == "win32":
        home = Path.home()
        folders = [folder.name for folder in home.parent.iterdir() if folder.is_dir()]
        return len({*folders} - _OF_WINDOWS - {home.name})
    import os
    import pwd

    accounts = [one for one in pwd.getpwall() if _FIRST_PERSON <= one.pw_uid < _NOBODY and one.pw_uid != os.getuid()]
    return sum(not one.pw_shell.endswith(_CLOSED) for one in accounts)
