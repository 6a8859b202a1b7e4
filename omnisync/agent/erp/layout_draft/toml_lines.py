"""Lines of a layout file, in TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_line(key: str, value: str, remark: str) -> str:
    """Return a line of this key, with a remark."""
    return f"{key} = {value}   # {remark}"


def toml_key(name: str) -> str:
    """Return the name as a key, quoted where it must be."""
    return name if _PLAIN_KEY.fullmatch(name) else toml_text(name)


def toml_text(text: str) -> str:
    """Return the text as a value."""
    return json.dumps(text, ensure_ascii=False)


def toml_names(names: Sequence[str]) -> str:
    """Return one name as a value, several as a list."""
    return toml_text(names[0]) if len(names) == 1 else f"[{', '.join(map(toml_text, names))}]"
