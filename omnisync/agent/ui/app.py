"""The agent's pages as one application: its routes, its locks, its errors, its static files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from litestar import Litestar, Response, Router
from litestar.concurrency import sync_to_thread
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.datastructures import CacheControlHeader, FormMultiDict
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.static_files import create_static_files_router

from omnisync.agent.config.settings import PORT
from omnisync.agent.errors import OmnisyncError, TemporaryError
from omnisync.agent.messages import texts
from omnisync.agent.ui import connection, entrance, first_steps, history, mapping, pending, schedule, sync
from omnisync.agent.ui.door import Door
from omnisync.agent.ui.entrance import ENTRANCE, is_open_to_all, may_pass, turned_away
from omnisync.agent.ui.locks import FIELD, HEADER, SAFE, comes_from_us, is_ours, sign
from omnisync.agent.ui.pages import FOLDER, AnyRequest, Html, Pages, Parts, is_htmx, sentence_of

MAX_BODY_BYTES = 256 * 1024
A_DAY_S = 86_400
FOREIGN = "O pedido veio de outro endereço e não foi aceito. Abra as telas do Omnisync pelo endereço deste computador."
BY_STATUS = {
    400: "O pedido não foi entendido. Volte ao início e tente de novo.",
    404: "Esta página não existe. Volte ao início.",
    405: "Esta página não aceita este pedido. Volte ao início.",
    413: "O pedido é grande demais. Volte ao início e tente de novo.",
}
STALE: dict[str, Callable[[Pages, AnyRequest], Html]] = {
    "/agendamento": schedule.stale,
    "/conexao": connection.stale,
    "/conexao/nova": connection.stale_new,
    "/de-para": mapping.stale,
    ENTRANCE: entrance.stale,
    "/pendencias/escolher": pending.stale,
    "/pendencias/confirmar": pending.stale,
    "/pendencias/assumir": pending.stale,
}
"""Forms with something typed come back with it; any other button shows the first page again."""

log = logging.getLogger(__name__)


def create_app(
    parts: Parts, hosts: Sequence[str], *, port: int = PORT, is_secure: bool = False, needs_password: bool = False
) -> Litestar:
    """The pages over these parts, answering only to these hosts, each with its port.

    `is_secure` where they come over TLS; with `needs_password` nobody passes before there is a password.
    """
    door = Door(parts.password, parts.clock, port=port, is_secure=is_secure, needs_password=needs_password)
    pages = Pages(parts, door)

    async def pass_locks(request: AnyRequest) -> Response[str] | None:
        return await unlock(pages, request)

    return Litestar(
        # One router: registered one by one, a path with two handlers would have its first one wrapped twice.
        route_handlers=[Router("/", route_handlers=[*routes(), static()])],
        dependencies={"pages": Provide(lambda: pages, sync_to_thread=False)},
        allowed_hosts=AllowedHostsConfig(allowed_hosts=list(hosts), www_redirect=False),
        before_request=pass_locks,
        before_send=[sign],
        exception_handlers={
            HTTPException: lambda request, error: _http_error(pages, request, error),
            OmnisyncError: lambda request, error: _our_error(pages, request, error),
            Exception: lambda request, error: _any_error(pages, request, error),
        },
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
    )


def routes() -> list[HTTPRouteHandler]:
    """Every route of the pages."""
    return [
        *(sync.show, sync.show_status, sync.show_details, sync.show_next),
        *(sync.start, sync.start_export, sync.stop, sync.try_again, sync.try_all_again, sync.send_all_again),
        *(pending.show, pending.show_warned, pending.export, pending.choose, pending.confirm, pending.take_over),
        *(schedule.show, schedule.show_options, schedule.save),
        *(connection.show, connection.save, connection.test, connection.rehearse),
        *(connection.choose, connection.choose_rules, connection.choose_shown, connection.forget),
        *(connection.show_new, connection.save_new),
        first_steps.leave,
        *(mapping.show, mapping.save),
        *(history.show, history.diagnose, history.search),
        *(entrance.show, entrance.enter, entrance.leave),
    ]


def static() -> Router:
    """The style and the scripts, which a browser may keep for a day."""
    return create_static_files_router(
        path="/static",
        directories=[FOLDER / "static"],
        cache_control=CacheControlHeader(max_age=A_DAY_S, private=True),
    )


async def unlock(pages: Pages, request: AnyRequest) -> Response[str] | None:
    """Let a request pass only by the door, and an unsafe one only from our own page with its token.

    Otherwise answer in its place.
    """
    path = request.scope["path"]
    if not is_open_to_all(path) and not may_pass(pages, request):
        return turned_away(pages, request)
    if request.method in SAFE:
        return None
    if not comes_from_us(request):
        return error_page(pages, request, FOREIGN, 403)
    form = await request.form()
    request.state["form"] = form if isinstance(form, FormMultiDict) else FormMultiDict()
    token = pages.entrance_token if path == ENTRANCE else pages.token
    if is_ours(token, request.headers.get(HEADER) or form.get(FIELD)):
        return None
    return await sync_to_thread(STALE.get(path, sync.stale), pages, request)


def error_page(pages: Pages, request: AnyRequest, sentence: str, status: int) -> Html:
    """An error in one sentence, with the way back. It shows nothing of the company: anyone may cause it."""
    if not is_htmx(request):
        return pages.html("error.html", status=status, sentence=sentence)
    if request.method in SAFE:  # a refresh that failed: what is on the page stays, and its script counts it
        return pages.html("empty.html", status=status, headers={"HX-Reswap": "none"})
    headers = {"HX-Retarget": "#aviso", "HX-Reswap": "innerHTML"}
    return pages.html("alert.html", status=status, headers=headers, sentence=sentence)


def _http_error(pages: Pages, request: AnyRequest, error: HTTPException) -> Html:
    status = error.status_code
    if status >= 500:
        return _any_error(pages, request, error)
    return error_page(pages, request, BY_STATUS.get(status, BY_STATUS[400]), status)


def _our_error(pages: Pages, request: AnyRequest, error: OmnisyncError) -> Html:
    return error_page(pages, request, sentence_of(error), 503 if isinstance(error, TemporaryError) else 409)


def _any_error(pages: Pages, request: AnyRequest, error: Exception) -> Html:
    log.error("%s %s", request.method, request.scope["path"], exc_info=error)
    return error_page(pages, request, texts.sentence("internal", motivo=type(error).__name__), 500)
