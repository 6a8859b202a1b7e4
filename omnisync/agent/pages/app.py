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
from omnisync.agent.messages import sentences
from omnisync.agent.pages.auth.access import GUARDED, PASSWORD_PATH
from omnisync.agent.pages.auth.csrf import FIELD, HEADER, SAFE, add_security_headers, is_same_origin, is_valid_token
from omnisync.agent.pages.auth.sessions import Sessions
from omnisync.agent.pages.connection import connection_page, setup_wizard
from omnisync.agent.pages.history import history_page
from omnisync.agent.pages.login import login_page, password_page
from omnisync.agent.pages.login.login_page import LOGIN_PATH, is_public, redirect_to_login
from omnisync.agent.pages.mapping import mapping_page
from omnisync.agent.pages.pending import pending_page
from omnisync.agent.pages.rendering import FOLDER, Html, HtmlRequest, PageContext, PageServices, is_htmx
from omnisync.agent.pages.schedule import schedule_page
from omnisync.agent.pages.sync import sync_page

MAX_BODY_BYTES = 256 * 1024
A_DAY_S = 86_400
FOREIGN = "O pedido veio de outro endereço e não foi aceito. Abra as telas do Omnisync pelo endereço deste computador."
BY_STATUS = {
    400: "O pedido não foi entendido. Volte ao início e tente de novo.",
    404: "Esta página não existe. Volte ao início.",
    405: "Esta página não aceita este pedido. Volte ao início.",
    413: "O pedido é grande demais. Volte ao início e tente de novo.",
}
STALE: dict[str, Callable[[PageContext, HtmlRequest], Html]] = {
    "/agendamento": schedule_page.stale,
    "/conexao": connection_page.stale,
    "/conexao/fuso": connection_page.stale,
    "/conexao/nova": connection_page.stale_new,
    "/de-para": mapping_page.stale,
    LOGIN_PATH: login_page.stale,
    PASSWORD_PATH: password_page.stale,
    "/pendencias/escolher": pending_page.stale,
    "/pendencias/confirmar": pending_page.stale,
    "/pendencias/assumir": pending_page.stale,
}
"""Forms with something typed come back with it; any other button shows the first page again."""

log = logging.getLogger(__name__)


def create_app(
    services: PageServices,
    hosts: Sequence[str],
    *,
    port: int = PORT,
    is_secure: bool = False,
    needs_password: bool = False,
) -> Litestar:
    """Return the pages over these parts, answering only to these hosts, each with its port.

    `is_secure` where they come over TLS; with `needs_password` every page needs a session, not the settings alone.
    """
    door = Sessions(services.password, services.clock, port=port, is_secure=is_secure, needs_password=needs_password)
    pages = PageContext(services, door)

    async def check_locks(request: HtmlRequest) -> Response[str] | None:
        return await check_request(pages, request)

    return Litestar(
        # One router: registered one by one, a path with two handlers would have its first one wrapped twice.
        route_handlers=[Router("/", route_handlers=[*routes(), static()])],
        dependencies={"pages": Provide(lambda: pages, sync_to_thread=False)},
        allowed_hosts=AllowedHostsConfig(allowed_hosts=list(hosts), www_redirect=False),
        before_request=check_locks,
        before_send=[add_security_headers],
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
    """Return every route of the pages."""
    return [
        *(sync_page.show, sync_page.show_status, sync_page.show_details, sync_page.show_next),
        *(
            sync_page.start,
            sync_page.start_export,
            sync_page.stop,
            sync_page.try_again,
            sync_page.try_all_again,
            sync_page.send_all_again,
        ),
        *(
            pending_page.show,
            pending_page.show_warned,
            pending_page.export,
            pending_page.choose,
            pending_page.confirm,
            pending_page.take_over,
        ),
        *(schedule_page.show, schedule_page.show_options, schedule_page.save),
        *(connection_page.show, connection_page.save, connection_page.test, connection_page.show_preview),
        *(connection_page.choose, connection_page.choose_rules, connection_page.choose_default, connection_page.forget),
        *(connection_page.show_new, connection_page.save_new, connection_page.save_zone),
        setup_wizard.skip,
        *(mapping_page.show, mapping_page.save),
        *(history_page.show, history_page.diagnose, history_page.search),
        *(login_page.show, login_page.log_in, login_page.log_out, password_page.show, password_page.save),
    ]


def static() -> Router:
    """Return the style and the scripts, which a browser may keep for a day."""
    return create_static_files_router(
        path="/static",
        directories=[FOLDER / "static"],
        cache_control=CacheControlHeader(max_age=A_DAY_S, private=True),
    )


async def check_request(pages: PageContext, request: HtmlRequest) -> Response[str] | None:
    """Let a request pass only with the session it needs, and an unsafe one only from our own page with its token.

    Otherwise answer in its place.
    """
    path = request.scope["path"]
    if not path.isprintable():  # no page's: what would be looked up by it fails in its own way, and is logged
        return error_page(pages, request, BY_STATUS[404], 404)
    if not is_public(path):
        access = pages.access(request)
        if not access.may_read:
            return redirect_to_login(pages, request)
        if request.method not in SAFE and not access.may_send(path):
            return redirect_to_login(pages, request) if access.has_password else by_command_line(pages, request)
    if request.method in SAFE:
        return None
    if not is_same_origin(request):
        return error_page(pages, request, FOREIGN, 403)
    form = await request.form()
    request.state["form"] = form if isinstance(form, FormMultiDict) else FormMultiDict()
    token = pages.entrance_token if path == LOGIN_PATH else pages.token
    if is_valid_token(token, request.headers.get(HEADER) or form.get(FIELD)):
        return None
    return await sync_to_thread(STALE.get(path, sync_page.stale), pages, request)


def by_command_line(pages: PageContext, request: HtmlRequest) -> Html:
    """Say by which command it is done where there is no password, and where one is set."""
    command = GUARDED.get(request.scope["path"], "omnisync --help")
    sentence = sentences.of_code("page_by_command", comando=command)
    return error_page(pages, request, sentence, 403, way=(PASSWORD_PATH, "Definir a senha das telas"))


def error_page(
    pages: PageContext,
    request: HtmlRequest,
    sentence: str,
    status: int,
    way: tuple[str, str] = ("/", "Voltar ao início"),
) -> Html:
    """Show an error in one sentence, with the way on. It shows nothing of the company: anyone may cause it."""
    if not is_htmx(request):
        return pages.html("error.html", status=status, sentence=sentence, way=way)
    if request.method in SAFE:  # a refresh that failed: what is on the page stays, and its script counts it
        return pages.html("empty.html", status=status, headers={"HX-Reswap": "none"})
    headers = {"HX-Retarget": "#aviso", "HX-Reswap": "innerHTML"}
    return pages.html("alert.html", status=status, headers=headers, sentence=sentence)


def _http_error(pages: PageContext, request: HtmlRequest, error: HTTPException) -> Html:
    status = error.status_code
    if status >= 500:
        return _any_error(pages, request, error)
    return error_page(pages, request, BY_STATUS.get(status, BY_STATUS[400]), status)


def _our_error(pages: PageContext, request: HtmlRequest, error: OmnisyncError) -> Html:
    return error_page(pages, request, sentences.of_error(error), 503 if isinstance(error, TemporaryError) else 409)


def _any_error(pages: PageContext, request: HtmlRequest, error: Exception) -> Html:
    log.error("%s %s", request.method, ascii(request.scope["path"]), exc_info=error)
    return error_page(pages, request, sentences.of_code("internal", motivo=type(error).__name__), 500)
