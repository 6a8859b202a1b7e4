"""Protect the pages' forms: a token and an origin on every unsafe request, and security headers.

The token is signed by a secret of the journal, so it outlives restarts. It stands in no cookie: cookies are shared by
all ports of a computer, and one left by an older secret would never be given back. Reading it takes a page of ours,
and the browser keeps those from other sites (no CORS, the host's name checked with its port).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.types import Message, Scope

from omnisync.agent.journal.journal import Journal

FIELD = "_token"
HEADER = "x-omnisync-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SECRET_NOTE = "page_secret"  # noqa: S105  # the note's key, not a secret

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    # "no-referrer" would turn the Origin of our own forms into null.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
NO_STORE = (b"cache-control", b"no-store")
HSTS = (b"strict-transport-security", b"max-age=31536000")
"""Over TLS alone. It is of the name, whatever the port: who opens the pages to others by a name has TLS on it."""


def csrf_token(journal: Journal, what: str = "pages") -> str:
    """Return what every form of ours carries. Its secret is made once and stays in the journal.

    The form that asks for the password has another: who stands outside must not learn the token of the pages.
    """
    secret = journal.get_meta(SECRET_NOTE)
    if secret is None:
        secret = secrets.token_hex(32)
        journal.set_meta(SECRET_NOTE, secret)
    return hmac.new(secret.encode(), f"omnisync {what}".encode(), hashlib.sha256).hexdigest()


def is_valid_token(token: str, presented: Any) -> bool:
    """Return whether the request carries our token."""
    return isinstance(presented, str) and hmac.compare_digest(token.encode(), presented.encode())


def is_same_origin(request: Request[Any, Any, Any]) -> bool:
    """Return whether the browser says that one of our own pages sent it. A program that is no browser says nothing."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin is None or _is_host(origin, request.scope["scheme"], request.headers.get("host", ""))


def _is_host(origin: str, scheme: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme == scheme and parts.netloc == host


async def add_security_headers(message: Message, scope: Scope) -> None:
    """Put the headers on every answer, errors too. Pages are not cached; only static files may be."""
    if message["type"] != "http.response.start":
        return
    known = {name.lower() for name, _ in message["headers"]}
    extra = HEADERS if b"cache-control" in known else (*HEADERS, NO_STORE)
    over_tls = (HSTS,) if scope.get("scheme") == "https" else ()
    message["headers"] = [*message["headers"], *extra, *over_tls]
