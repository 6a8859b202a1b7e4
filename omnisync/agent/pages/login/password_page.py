"""Senha das telas: the first one, by the code of this computer's own account, and another in its place."""

from __future__ import annotations

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery

from omnisync.agent.config.page_password import SHORTEST
from omnisync.agent.errors import SettingsError
from omnisync.agent.messages import sentences
from omnisync.agent.pages.auth.access import PASSWORD_PATH
from omnisync.agent.pages.auth.csrf import FIELD
from omnisync.agent.pages.login.login_page import (
    LOGIN_PATH,
    STALE,
    address_of,
    local_path,
    secret_field,
    wait_of,
)
from omnisync.agent.pages.rendering import Html, HtmlRequest, PageContext, field, form_of, redirect


@get(PASSWORD_PATH, sync_to_thread=True)
def show(pages: NamedDependency[PageContext], request: HtmlRequest, para: FromQuery[str] = "/") -> Html:
    """Show the form. Another password in the place of one needs a session."""
    access = pages.access(request)
    if access.has_password and not access.has_session:
        return redirect(f"{LOGIN_PATH}?para={PASSWORD_PATH}")
    return page(pages, para)


@post(PASSWORD_PATH, sync_to_thread=True, status_code=200)
def save(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Set the password and open a session by it, where the code, or the one before, was typed too."""
    form, services = form_of(request), pages.services
    para, new = local_path(field(form, "para")), secret_field(form, "nova")
    if (wait := wait_of(pages, request)) is not None:
        return page(pages, para, error=wait.sentence, status=429, headers=wait.headers)
    try:
        if new != secret_field(form, "de_novo"):
            raise SettingsError("page_password_differs")
        if pages.access(request).has_session:
            if not services.password.verify(secret_field(form, "atual")):
                return page(pages, para, error=sentences.of_code("page_password_wrong"), status=401)
            services.password.set(new)
        elif not services.first_code.set_password(field(form, "codigo"), services.password, new):
            wrong = sentences.of_code("page_code_wrong", arquivo=services.first_code.path)
            return page(pages, para, error=wrong, status=401)
    except SettingsError as error:
        if error.code not in ("page_password_differs", "page_password_short"):
            raise
        return page(pages, para, error=sentences.of_error(error), status=422)
    return pages.sessions.set_cookie(redirect(para), pages.sessions.open(address_of(request), new))


def stale(pages: PageContext, request: HtmlRequest) -> Html:
    """Show the form again, when its page was open since before its token changed."""
    return page(pages, field(form_of(request), "para"), error=STALE, status=403)


def page(
    pages: PageContext, para: str, *, error: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> Html:
    """Show the whole page. It shows nothing of the company, and never the code."""
    services = pages.services
    has_password = pages.sessions.has_password()
    if not has_password:
        services.first_code.make()
    return pages.html(
        "password.html",
        status=status,
        headers=headers,
        error=error,
        para=local_path(para),
        has_password=has_password,
        code_in=str(services.first_code.path),
        shortest=SHORTEST,
        keys={FIELD: pages.token},
        version=services.version,
    )
