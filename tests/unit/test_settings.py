"""The addresses a connection takes, the secret that does not show itself, and what the environment says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from omnisync.agent.config.connection import Connection, ConnectionEstablishment, ErpAddress, HubAddress
from omnisync.agent.config.secrets import Secret, changed_connection
from omnisync.agent.config.settings import read_settings
from omnisync.agent.errors import SettingsError

AURORA = Connection(
    name="producao",
    company="aurora",
    hub=HubAddress("https://hub.example"),
    erp=ErpAddress(kind="postgresql", database="aurora", server="erp.local", port=5432, user="omnisync"),
    establishments=(ConnectionEstablishment("0001", "FABRICA VEVO"),),
    zone="America/Sao_Paulo",
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://hub.example", "https://hub.example"),
        (" https://HUB.example:8443/omnisync/ ", "https://hub.example:8443/omnisync"),
        ("https://10.0.0.7", "https://10.0.0.7"),
        ("http://127.0.0.1:8788", "http://127.0.0.1:8788"),
        ("http://localhost:8788/", "http://localhost:8788"),
        ("http://[::1]:8788", "http://[::1]:8788"),
    ],
)
def test_a_hub_is_https_or_on_this_computer(typed: str, kept: str) -> None:
    assert HubAddress(typed).url == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "hub.example",
        "ftp://hub.example",
        "http://hub.example",
        "http://10.0.0.7",
        "http://localhost.evil.example",
        "https://",
        "https://aurora:s3nha@hub.example",
        "https://@hub.example",
        "https://hub.example/?a=1",
        "https://hub.example/#a",
        "https://hub.example\\@evil.example",
        "https://hub .example",
        "https://hub.exa\u200bmple",
        "https://hub.example:99999",
        "https://[::1",
        "https://0.0.0.0",
        "https://169.254.169.254",
        "https://[fe80::1]",
        "https://[::ffff:169.254.169.254]",
        "https://[::ffff:a9fe:a9fe]",
        "https://[::169.254.169.254]",
        "https://[64:ff9b::169.254.169.254]",
        "https://[64:ff9b::a9fe:a9fe]",
        "https://[2002:a9fe:a9fe::1]",
        "https://[::ffff:100.100.100.200]",
        "https://[fd00:ec2::254]",
        "https://2852039166",
        "https://0xA9FEA9FE",
        "https://169.254.43518",
        "https://metadata.google.internal",
        "https://metadata.google.internal.",
    ],
)
def test_any_other_hub_address_is_refused(typed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        HubAddress(typed)
    assert caught.value.code == "hub_address"
    assert caught.value.words["motivo"]


def test_a_password_in_the_hub_address_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        HubAddress("https://aurora:s3nha@hub.example")
    assert "s3nha" not in str(caught.value.words)


@pytest.mark.parametrize("name", ["", "Producao", "produção", "a b", "../x", "a" * 41, "a\n"])
def test_a_connection_name_is_an_identifier(name: str) -> None:
    with pytest.raises(SettingsError):
        msgspec.structs.replace(AURORA, name=name)


@pytest.mark.parametrize("zone", ["America", "America/Lugar_Nenhum", "../../etc/passwd", ""])
def test_a_connection_refuses_a_zone_nobody_knows(zone: str) -> None:
    with pytest.raises(SettingsError):
        msgspec.structs.replace(AURORA, zone=zone)


@pytest.mark.parametrize(("database", "port"), [("", 5432), ("  ", 5432), ("aurora", 0), ("aurora", 65536)])
def test_an_erp_address_without_database_or_with_an_impossible_port_is_refused(database: str, port: int) -> None:
    with pytest.raises(SettingsError):
        ErpAddress(database=database, port=port)


def test_a_connection_survives_being_written_down() -> None:
    assert msgspec.json.decode(msgspec.json.encode(AURORA), type=Connection) == AURORA


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("canário")
    assert (repr(secret), str(secret), f"{secret}", f"{[secret]}") == ("***", "***", "***", "[***]")
    assert secret.reveal() == "canário"


def test_a_new_hub_empties_its_token_alone() -> None:
    new = msgspec.structs.replace(AURORA, hub=HubAddress("https://outro.example"))
    assert changed_connection(AURORA, new) == {"hub_token"}


@pytest.mark.parametrize(
    "change",
    [{"server": "evil.example"}, {"port": 5433}, {"user": "sa"}, {"kind": "mariadb"}, {"database": "outra"}],
)
def test_a_new_erp_server_port_user_kind_or_database_empties_the_password(change: dict[str, str | int]) -> None:
    new = msgspec.structs.replace(AURORA, erp=msgspec.structs.replace(AURORA.erp, **change))
    assert changed_connection(AURORA, new) == {"erp_password"}


def test_what_is_no_address_empties_nothing() -> None:
    erp = msgspec.structs.replace(AURORA.erp, layout="outro", charset="WIN1252")
    new = msgspec.structs.replace(AURORA, erp=erp, establishments=(), zone=None)
    assert changed_connection(AURORA, new) == frozenset()


def test_the_environment_names_the_home_the_port_and_the_zone() -> None:
    settings = read_settings({"OMNISYNC_HOME": "/srv/omnisync", "OMNISYNC_PORT": "9000", "OMNISYNC_ZONE": "UTC"})
    assert (settings.home.path, settings.port, settings.zone) == (Path("/srv/omnisync"), 9000, "UTC")
    assert settings.home.journal == Path("/srv/omnisync/journal.db")


def test_an_empty_environment_has_a_home_all_the_same() -> None:
    settings = read_settings({})
    assert settings.home.path.is_absolute()
    assert settings.port == 8787


@pytest.mark.parametrize("environ", [{"OMNISYNC_PORT": "0"}, {"OMNISYNC_PORT": "８７８７"}, {"OMNISYNC_ZONE": "Lua"}])
def test_a_wrong_environment_is_refused_by_name(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    assert next(iter(environ.values())) in str(caught.value.words["motivo"])


def test_where_the_pages_open_and_by_which_certificate_are_settings() -> None:
    assert (read_settings({}).host, read_settings({}).certificate, read_settings({}).key) == ("127.0.0.1", None, None)
    told = {"OMNISYNC_HOST": "192.168.0.10", "OMNISYNC_CERTIFICATE": "/etc/telas.pem", "OMNISYNC_KEY": "/etc/telas.key"}
    settings = read_settings(told)
    assert (settings.host, settings.certificate, settings.key) == (
        "192.168.0.10",
        Path("/etc/telas.pem"),
        Path("/etc/telas.key"),
    )
