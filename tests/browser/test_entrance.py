"""The form that asks for the password, in a real browser over TLS: typed, refused, left again; axe finds nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import trustme
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from omnisync.agent.config.certificate import read_certificate
from tests.support.browser import RULES, WIDTHS, Complaints, served, window
from tests.support.page_client import PageSetup, page_client
from tests.support.tls import put

PASSWORD = "pão de queijo às 6h"  # noqa: S105  # a made-up one


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PageSetup]:
    with page_client(tmp_path / "home") as made:
        made.parts.password.set(PASSWORD)
        made.parts.password.guard(everything=True)
        yield made


@pytest.fixture
def url(pages: PageSetup, tmp_path: Path) -> Iterator[str]:
    with served(pages.parts, read_certificate(*put(tmp_path, trustme.CA().issue_cert("127.0.0.1")))) as address:
        yield address


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [json.dumps([one["id"], [node["target"] for node in one["nodes"]]]) for one in found]


def test_one_types_the_password_and_is_where_one_was_going_and_leaves_again(browser: Browser, url: str) -> None:
    complaints = Complaints()
    with window(browser, complaints, ignore_https_errors=True) as page:
        page.goto(f"{url}/agendamento")
        expect(page).to_have_title("Entrar · Omnisync")
        expect(page.get_by_label("Senha")).to_be_focused()
        page.keyboard.type("errada e outra")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("A senha não confere. Digite de novo.")
        assert page.get_by_label("Senha").input_value() == ""
        complaints.said.clear()  # the browser's own line about 401
        page.get_by_label("Senha").fill(PASSWORD)
        page.get_by_role("button", name="Entrar").click()
        page.wait_for_url(f"{url}/agendamento")
        page.wait_for_timeout(500)
        page.get_by_role("button", name="Sair").click()
        page.wait_for_url(f"{url}/entrar")
        page.go_back()
        expect(page).to_have_title("Entrar · Omnisync")
    assert complaints.said == []


def test_a_page_left_open_goes_to_the_form_when_the_session_ends(browser: Browser, pages: PageSetup, url: str) -> None:
    with window(browser, ignore_https_errors=True) as page:
        page.goto(f"{url}/agendamento")
        page.get_by_label("Senha").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}/agendamento")
        pages.parts.password.set("uma outra senha")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page).to_have_title("Entrar · Omnisync")
        assert page.url == f"{url}/entrar?para=/agendamento"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_form_at_any_width(
    browser: Browser, url: str, scheme: Literal["light", "dark"]
) -> None:
    for width in WIDTHS:
        with window(
            browser,
            ignore_https_errors=True,
            bypass_csp=True,
            viewport={"width": width, "height": 844},
            color_scheme=scheme,
        ) as page:
            page.goto(url)
            assert violations(page) == [], width
            page.get_by_label("Senha").fill("errada e outra")
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert")).to_be_visible()
            assert violations(page) == [], width
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def test_axe_finds_nothing_on_a_page_with_a_way_out(browser: Browser, url: str) -> None:
    for width in WIDTHS:
        with window(
            browser, ignore_https_errors=True, bypass_csp=True, viewport={"width": width, "height": 844}
        ) as page:
            page.goto(url)
            page.get_by_label("Senha").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{url}/")
            assert violations(page) == [], width
