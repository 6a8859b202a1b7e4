"""Decide what a request needs: nothing, or a session opened by the password. See docs/decisions/0019.

On this computer's own address the password guards what leads data or secrets elsewhere, what is run as SQL, and what
cannot be undone. A route that is in neither table needs a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Request
from msgspec import Struct

from omnisync.agent.pages.auth.sessions import Sessions

PASSWORD_PATH = "/senha"  # noqa: S105  # an address
OPEN = frozenset(
    {
        *("/importar", "/exportar", "/cancelar", "/tentar", "/tentar-todos", "/reenviar"),
        *("/agendamento", "/pendencias/escolher"),
        *("/conexao/testar", "/conexao/conferir", "/conexao/mostrar"),
        *("/conexao/estabelecimentos", "/conexao/regras", "/conexao/fuso"),
        *("/primeiros-passos/concluir", "/entrar", "/sair"),
    }
)
"""Forms that need no session on this computer's own address."""
GUARDED: Mapping[str, str] = {
    "/conexao": "omnisync connection set",
    "/conexao/nova": "omnisync connection set",
    "/conexao/esquecer": "omnisync connection remove",
    "/de-para": "omnisync mapping set",
    "/pendencias/confirmar": "omnisync pending confirm",
    "/pendencias/assumir": "omnisync pending take-over",
    PASSWORD_PATH: "omnisync password set",
}
"""Forms that need a session everywhere, each with the command that does the same without a password."""


class Access(Struct, frozen=True, kw_only=True):
    """The rights of a request: whether there is a password, whether it has a session, and what needs one."""

    has_password: bool
    has_session: bool
    needs_session: bool
    """Whether everything needs one, as on other addresses."""

    @property
    def may_read(self) -> bool:
        """Return whether pages may be shown, and open forms taken."""
        return self.has_session or not self.needs_session

    def may_send(self, path: str) -> bool:
        """Return whether a form may be sent to this path."""
        if path == PASSWORD_PATH and not self.has_password:
            return self.may_read  # there it takes the code
        return self.has_session or (self.may_read and path in OPEN)


def access_of(sessions: Sessions, request: Request[Any, Any, Any]) -> Access:
    """Return what a request may do. Raises SettingsError when the password's file cannot be read."""
    return Access(
        has_password=sessions.has_password(),
        has_session=sessions.is_valid(request.cookies.get(sessions.cookie)),
        needs_session=sessions.guard_everything(),
    )
