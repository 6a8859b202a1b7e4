"""Entrar: the page that asks for the password, and the way out."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from omnisync.agent.messages import sentences
from omnisync.agent.messages.format import format_count
from omnisync.agent.pages.auth.access import PASSWORD_PATH
from omnisync.agent.pages.auth.csrf import FIELD
from omnisync.agent.pages.rendering import PLACES, Html, HtmlRequest, PageContext, field, form_of, is_htmx, redirect

LOGIN_PATH = "/entrar"
STATIC = "/static/"
STALE = "Esta página estava aberta de antes. Digite a senha de novo."


@get(LOGIN_PATH, sync_to_thread=True)
def show(pages: NamedDependency[PageContext], request: HtmlRequest, para: FromQuery[str] = "/") -> Html:
    """Show the form; a session skips it."""
    access = pages.access(request)
    if access.has_session or (access.may_read and not access.has_password):
        return redirect(local_path(para))
    return page(pages, para)


@post(LOGIN_PATH, sync_to_thread=True, status_code=200)
def log_in(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Open a session, where the password fits."""
    form = form_of(request)
    para = local_path(field(form, "para"))
    if (wait := wait_of(pages, request)) is not None:
        return page(pages, para, error=wait.sentence, status=429, headers=wait.headers)
    token = pages.sessions.open(address_of(request), secret_field(form, "senha"))
    if token is None:
        return page(pages, para, error=sentences.of_code("page_password_wrong"), status=401)
    return pages.sessions.set_cookie(redirect(para), token)


@post("/sair", sync_to_thread=True, status_code=200)
def log_out(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """End the session."""
    pages.sessions.close(request.cookies.get(pages.sessions.cookie))
    return pages.sessions.set_cookie(redirect(LOGIN_PATH), None)


class Wait(Struct, frozen=True):
    """The answer to an address that may not try yet."""

    sentence: str
    headers: dict[str, str]


def wait_of(pages: PageContext, request: HtmlRequest) -> Wait | None:
    """Count a try of this address; return what to answer where it may not try yet."""
    wait = pages.sessions.throttle(address_of(request))
    if wait is None:
        return None
    seconds = max(1, int(wait.total_seconds()))
    minutes = format_count(-(-seconds // 60), "minuto", "minutos")
    return Wait(sentences.of_code("page_password_wait", minutos=minutes), {"Retry-After": str(seconds)})


def address_of(request: HtmlRequest) -> str:
    """Return the address that tries are counted for."""
    return request.client.host if request.client is not None else ""


def secret_field(form: FormMultiDict, name: str) -> str:
    """Return a password as typed, with the spaces around it."""
    typed = form.get(name, "")
    return typed if isinstance(typed, str) else ""


def is_public(path: str) -> bool:
    """Return whether a path needs no session: the form itself, the style and the scripts."""
    return path == LOGIN_PATH or path.startswith(STATIC)


def redirect_to_login(pages: PageContext, request: HtmlRequest) -> Html:
    """To the form, and back from there to what was asked for. What was to be done is not done."""
    if is_htmx(request):
        where = _to(request.headers.get("hx-current-url", "/"))
        return pages.html("empty.html", status=401, headers={"HX-Redirect": where})
    if request.method != "GET":
        place = "/" + request.scope["path"].split("/")[1]
        sentence = sentences.of_code("page_session_over")
        return pages.html("error.html", status=401, sentence=sentence, way=(_to(place), "Entrar"))
    return redirect(_to(str(request.url)))


def stale(pages: PageContext, request: HtmlRequest) -> Html:
    """Show the form again, when its page was open since before its token changed."""
    return page(pages, field(form_of(request), "para"), error=STALE, status=403)


def local_path(address: str) -> str:
    """Return a page of ours out of an address, never a place elsewhere."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    query = f"?{parts.query}" if parts.query else ""
    return parts.path + query if parts.path in (*PLACES.values(), PASSWORD_PATH) else "/"


def _to(address: str) -> str:
    return f"{LOGIN_PATH}?para={quote(local_path(address), safe='/')}"


def page(
    pages: PageContext, para: str, *, error: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Html:
    """Show the whole page. It shows nothing of the company, and carries a token that is good for this form alone."""
    return pages.html(
        "entrance.html",
        status=status,
        headers=headers,
        error=error,
        para=local_path(para),
        keys={FIELD: pages.entrance_token},
        version=pages.services.version,
    )
