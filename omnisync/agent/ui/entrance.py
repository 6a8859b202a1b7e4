"""Entrar: the page that asks for the password, and the way out."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from omnisync.agent.messages import texts
from omnisync.agent.ui.locks import FIELD
from omnisync.agent.ui.pages import PLACES, AnyRequest, Html, Pages, field, form_of, is_htmx, see

ENTRANCE = "/entrar"
STATIC = "/static/"
STALE = "Esta página estava aberta de antes. Digite a senha de novo."


@get(ENTRANCE, sync_to_thread=True)
def show(pages: NamedDependency[Pages], request: AnyRequest, para: FromQuery[str] = "/") -> Html:
    """The form; nobody needs it who is inside already."""
    if may_pass(pages, request):
        return see(place_of(para))
    return page(pages, para)


@post(ENTRANCE, sync_to_thread=True, status_code=200)
def enter(pages: NamedDependency[Pages], request: AnyRequest) -> Html:
    """Open a session, where the password fits."""
    form = form_of(request)
    para = place_of(field(form, "para"))
    who = request.client.host if request.client is not None else ""
    wait = pages.door.wait(who)
    if wait is not None:
        seconds = max(1, int(wait.total_seconds()))
        minutes = texts.counted(-(-seconds // 60), "minuto", "minutos")
        said = texts.sentence("page_password_wait", minutos=minutes)
        return page(pages, para, error=said, status=429, headers={"Retry-After": str(seconds)})
    typed = form.get("senha", "")
    token = pages.door.open(who, typed if isinstance(typed, str) else "")
    if token is None:
        return page(pages, para, error=texts.sentence("page_password_wrong"), status=401)
    return pages.door.give(see(para), token)


@post("/sair", sync_to_thread=True, status_code=200)
def leave(pages: NamedDependency[Pages], request: AnyRequest) -> Html:
    """End the session."""
    pages.door.close(request.cookies.get(pages.door.cookie))
    return pages.door.give(see(ENTRANCE), None)


def may_pass(pages: Pages, request: AnyRequest) -> bool:
    """Whether the pages are open, or who asks has a session."""
    return not pages.door.is_locked() or pages.door.knows(request.cookies.get(pages.door.cookie))


def is_open_to_all(path: str) -> bool:
    """What is shown to who stands outside: the form itself, and the style and scripts that come with the program."""
    return path == ENTRANCE or path.startswith(STATIC)


def turned_away(pages: Pages, request: AnyRequest) -> Html:
    """To the form, and back from there to what was asked for. What was to be done is not done."""
    if is_htmx(request):
        where = _to(request.headers.get("hx-current-url", "/"))
        return pages.html("empty.html", status=401, headers={"HX-Redirect": where})
    if request.method != "GET":
        return pages.html("error.html", status=401, sentence=texts.sentence("page_session_over"))
    return see(_to(str(request.url)))


def stale(pages: Pages, request: AnyRequest) -> Html:
    """The form again, when its page was open since before its token changed."""
    return page(pages, field(form_of(request), "para"), error=STALE, status=403)


def place_of(address: str) -> str:
    """A page of ours out of an address, never a place elsewhere."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    query = f"?{parts.query}" if parts.query else ""
    return parts.path + query if parts.path in PLACES.values() else "/"


def _to(address: str) -> str:
    return f"{ENTRANCE}?para={quote(place_of(address), safe='/')}"


def page(pages: Pages, para: str, *, error: str = "", status: int = 200, headers: dict[str, str] | None = None) -> Html:
    """The whole page. It shows nothing of the company, and carries a token that is good for this form alone."""
    return pages.html(
        "entrance.html",
        status=status,
        headers=headers,
        error=error,
        para=place_of(para),
        keys={FIELD: pages.entrance_token},
        version=pages.parts.version,
    )
