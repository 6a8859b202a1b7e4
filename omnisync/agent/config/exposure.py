"""Check who may reach the pages."""

from __future__ import annotations

from omnisync.agent.config.certificate import Certificate
from omnisync.agent.config.page_password import PagePassword
from omnisync.agent.errors import SettingsError
from omnisync.web.server import is_loopback


def check_exposure(password: PagePassword, host: str, certificate: Certificate | None) -> None:
    """Other computers may reach the pages only with a password, and over TLS. Raises SettingsError saying which."""
    if is_loopback(host):
        return
    if password.stored_hash() is None:
        raise SettingsError("pages_without_password", endereco=host)
    if certificate is None:
        raise SettingsError("pages_without_tls", endereco=host)
