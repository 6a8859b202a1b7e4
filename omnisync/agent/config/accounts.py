"""The accounts of this computer: their names, their groups, and those by which a person may log in."""

from __future__ import annotations

import sys
from contextlib import suppress
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


def account_name(uid: int) -> str:
    """Return the name of an account, or its number where it has none."""
    if sys.platform != "win32":
        import pwd

        with suppress(KeyError):
            return pwd.getpwuid(uid).pw_name
    return str(uid)


def is_private_group(gid: int) -> bool:
    """Return whether the group is this account's alone: with it many systems let the group write in new folders."""
    if sys.platform == "win32":
        return False
    import grp
    import os
    import pwd

    with suppress(KeyError):
        group, own = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
        others = {one.pw_name for one in pwd.getpwall() if one.pw_gid == gid} | {*group.gr_mem}
        return group.gr_name == own.pw_name and others <= {own.pw_name}
    return False
