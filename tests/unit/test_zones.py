"""Whose hour is written: the order of a zone's sources, what names one, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from omnisync.agent.config.connection import Connection, ErpAddress, with_zone
from omnisync.agent.errors import SettingsError
from omnisync.agent.messages import zone_text
from omnisync.agent.zones import BRAZILIAN, typed_zone, zone_of

NOW = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)
MANAUS, RECIFE, UTC_ZONE = ZoneInfo("America/Manaus"), ZoneInfo("America/Recife"), ZoneInfo("Etc/UTC")
NEW = Connection(name="producao", erp=ErpAddress(database="erp.db"), keeps_machine_zone=False)


@pytest.mark.parametrize(
    ("own", "environment", "machine", "is_old", "name", "source", "is_unanswered"),
    [
        ("America/Manaus", "America/Recife", UTC_ZONE, True, "America/Manaus", "connection", False),
        (None, "America/Recife", MANAUS, True, "America/Recife", "environment", False),
        (None, "Etc/UTC", MANAUS, False, "Etc/UTC", "environment", False),
        (None, None, MANAUS, False, "America/Manaus", "machine", False),
        (None, None, MANAUS, True, "America/Manaus", "machine", False),
        (None, None, ZoneInfo("Brazil/West"), True, "Brazil/West", "machine", False),
        (None, None, UTC_ZONE, False, "America/Sao_Paulo", "default", False),
        (None, None, UTC_ZONE, True, "Etc/UTC", "machine", True),
        (None, None, None, False, "America/Sao_Paulo", "default", False),
        (None, None, None, True, "America/Sao_Paulo", "default", True),
    ],
)
def test_case_b1_a_zone_comes_by_the_order_of_its_sources(
    own: str | None,
    environment: str | None,
    machine: ZoneInfo | None,
    is_old: bool,
    name: str,
    source: str,
    is_unanswered: bool,
) -> None:
    found = zone_of(own, environment, machine, keeps_machine_zone=is_old)
    assert (found.name, found.source, found.is_unanswered) == (name, source, is_unanswered)


def test_case_b1_every_zone_of_brazil_is_one() -> None:
    for name in BRAZILIAN:
        assert zone_of(None, None, ZoneInfo(name), keeps_machine_zone=False).source == "machine"


def test_case_b1_a_connection_of_before_has_the_machines_zone_and_an_answer_ends_it() -> None:
    old = msgspec.json.decode(b'{"name":"producao","erp":{"database":"erp.db"},"zone":null}', type=Connection)
    assert old.keeps_machine_zone
    assert with_zone(old, None).keeps_machine_zone
    told = with_zone(old, "America/Manaus")
    assert (told.zone, told.keeps_machine_zone) == ("America/Manaus", False)
    assert with_zone(told, None) == msgspec.structs.replace(old, keeps_machine_zone=False)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("America/Manaus", "America/Manaus"),
        (" america/são paulo ", "America/Sao_Paulo"),
        ("AMERICA/RIO_BRANCO", "America/Rio_Branco"),
        ("UTC", "UTC"),
    ],
)
def test_case_b1_a_zone_is_found_as_people_type_it(typed: str, name: str) -> None:
    assert typed_zone(typed) == name


@pytest.mark.parametrize(
    "typed", ["", "Manaus", "BRT3", "UTC+3", "-03:00", "localtime", "../../etc/passwd", "America", "America/Sao\0Paulo"]
)
def test_case_b1_what_is_no_zone_is_refused_naming_one_that_is(typed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        typed_zone(typed)
    assert refused.value.code == "zone_unknown"
    assert refused.value.words["campo"] == "zone"


def test_case_b1_what_is_said_of_a_zone_is_what_to_do() -> None:
    old = zone_of(None, None, UTC_ZONE, keeps_machine_zone=True)
    assert zone_text.zone_advice(old, NOW, zone_text.zone_command("filial")) == (
        "Informe o fuso horário da empresa. Este computador está no fuso Etc/UTC, onde agora são 01:30, e é nessa hora "
        "que os pedidos entram no ERP; em Brasília são 22:30. Escolha o fuso em Conexão, ou com: omnisync connection "
        "set --connection filial --zone America/Sao_Paulo."
    )
    new = zone_of(None, None, UTC_ZONE, keeps_machine_zone=False)
    assert zone_text.zone_advice(new, NOW, "abaixo") == (
        "O fuso horário deste computador (Etc/UTC) não é um dos do Brasil: as horas desta conexão são as de Brasília "
        "(America/Sao_Paulo), onde agora são 22:30. Se a empresa está em outro fuso, escolha-o abaixo."
    )
    assert zone_text.zone_line(new, NOW) == (
        "America/Sao_Paulo (UTC−3), porque o deste computador (Etc/UTC) não é do Brasil"
    )
    told = zone_of("America/Manaus", None, UTC_ZONE, keeps_machine_zone=False)
    assert (zone_text.zone_advice(told, NOW, "abaixo"), zone_text.zone_line(told, NOW)) == (
        "",
        "America/Manaus (UTC−4), desta conexão",
    )


def test_case_b1_a_zone_the_connection_was_given_is_written_down_with_it() -> None:
    told = with_zone(NEW, "America/Manaus")
    assert msgspec.json.decode(msgspec.json.encode(told), type=Connection) == told
