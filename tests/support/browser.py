"""Windows of a browser on the pages, and what they complained about."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Dialog, Page

from omnisync.agent.config.certificate import Certificate
from omnisync.agent.pages.rendering import PageServices
from omnisync.agent.pages.server import PageServer

WIDTHS = (1280, 390, 320)
"""Those of a desk and of two telephones."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
"""What axe looks for."""


class Complaints:
    """What a window's console, scripts, dialogs and requests to strangers said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def listen(self, page: Page) -> None:
        page.on("console", lambda message: self.said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", self._dismiss)
        page.on("request", lambda request: self._note(request.url))

    def _dismiss(self, dialog: Dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "https://127.0.0.1:", "data:,")):
            self.said.append(f"request: {url}")


@contextmanager
def window(browser: Browser, complaints: Complaints | None = None, **context: Any) -> Iterator[Page]:
    """A window of its own, in pt-BR."""
    opened = browser.new_context(locale="pt-BR", **context)
    page = opened.new_page()
    if complaints is not None:
        complaints.listen(page)
    try:
        yield page
    finally:
        opened.close()


@contextmanager
def served(parts: PageServices, certificate: Certificate | None = None) -> Iterator[str]:
    """The pages on a port of their own; their address."""
    server = PageServer(parts, "127.0.0.1", 0, certificate)
    is_ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(lambda url: is_ready.set(),), daemon=True)
    thread.start()
    assert is_ready.wait(20)
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(20)
