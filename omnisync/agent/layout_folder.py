"""The layouts a page may name: those that are shipped, and the files of one folder of the home. Never a path.

Who can open the pages may not choose a file of this computer; paths stay with the command line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from omnisync.agent.errors import SettingsError

SUFFIX = ".toml"


def names_in(folder: Path) -> tuple[str, ...]:
    """Return the names of the folder's layouts, in order. A link is not one of them, wherever it leads."""
    try:
        with os.scandir(folder) as entries:
            files = [one.name for one in entries if one.name.endswith(SUFFIX) and one.is_file(follow_symlinks=False)]
    except OSError:
        return ()
    return tuple(sorted(name.removesuffix(SUFFIX) for name in files))


def chosen(name: str, folder: Path, shipped: Sequence[str]) -> str:
    """Return the layout of this name as a connection keeps it: the name of a shipped one, or the path of a file.

    Raises SettingsError (layout_name) for anything else. Where both have a name, the shipped one is meant.
    """
    if name in shipped:
        return name
    stem = name.removesuffix(SUFFIX)
    if stem not in names_in(folder):  # compared, never joined to the folder: no name leads elsewhere
        known = ", ".join((*shipped, *names_in(folder)))
        raise SettingsError("layout_name", layout=name, prontos=known, pasta=folder, campo="layout")
    return str(folder / f"{stem}{SUFFIX}")


def display_name(layout: str, folder: Path) -> str:
    """Return a connection's layout as a page shows it: the name of a file of the folder, else as it is kept."""
    path = Path(layout)
    is_inside = layout.endswith(SUFFIX) and path.parent == folder
    return path.stem if is_inside else layout
