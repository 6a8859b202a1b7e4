"""Write log lines that no request can forge: control characters are shown, lines after the first are indented."""

from __future__ import annotations

import logging
import re
import sys

# C0 but the line break, DEL and C1, and what editors take for a line break or a change of direction.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class PlainFormatter(logging.Formatter):
    """Formats a record as one line, further ones (a traceback, a line break in a value) below it and indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text."""
        return escaped(super().format(record)).replace("\n", "\n    ")


def escaped(text: str) -> str:
    """Return the text with its control characters as escapes; line breaks stay."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def log_plainly() -> None:
    """Send this process's log to the standard error, through PlainFormatter."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
