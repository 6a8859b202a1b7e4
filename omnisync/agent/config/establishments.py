"""The establishments of a run."""

from __future__ import annotations

from collections.abc import Sequence

from omnisync.agent.config.connection import Connection
from omnisync.agent.errors import SetupError


def chosen_codes(connection: Connection, chosen: Sequence[str]) -> list[str]:
    """Return the establishments of a run: the chosen ones, or all of the connection's.

    Raises SetupError for one that is not the connection's: it never means all.
    """
    known = [establishment.code for establishment in connection.establishments]
    for code in chosen:
        if code not in known:
            raise SetupError("establishment_not_here", codigo=code)
    return list(dict.fromkeys(chosen or known))  # a stream read twice in one run overtakes itself
