"""Numbers, counts, ages, spans and days as people read them, in pt-BR."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.agent.messages import labels, schedule_text, sentences, zone_text
from omnisync.agent.messages.format import (
    format_age,
    format_count,
    format_day,
    format_duration,
    format_integer,
    format_moment,
    format_short_duration,
    format_short_moment,
    format_time_until,
)
from omnisync.agent.phase import Phase
from omnisync.agent.schedule import Schedule

ZONE = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # a Tuesday, 12:00 in São Paulo


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 pedidos"), (1, "1 pedido"), (2, "2 pedidos"), (1204, "1.204 pedidos"), (-1, "-1 pedidos")]
)
def test_a_count_agrees_with_its_noun(n: int, said: str) -> None:
    assert format_count(n, "pedido", "pedidos") == said


@given(st.integers(0, 10**15))
def test_points_in_a_number_alter_no_digit(n: int) -> None:
    assert int(format_integer(n).replace(".", "")) == n
    assert all(len(group) == 3 for group in format_integer(n).split(".")[1:])


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(), "há menos de um minuto"),
        (timedelta(seconds=-30), "há menos de um minuto"),
        (timedelta(seconds=59), "há menos de um minuto"),
        (timedelta(seconds=60), "há 1 minuto"),
        (timedelta(minutes=59, seconds=59), "há 59 minutos"),
        (timedelta(minutes=60), "há 1 hora"),
        (timedelta(hours=23, minutes=59), "há 23 horas"),
        (timedelta(hours=24), "há 1 dia"),
        (timedelta(days=3), "há 3 dias"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(ago: timedelta, said: str) -> None:
    assert format_age(NOW - ago, NOW) == said


@pytest.mark.parametrize(
    ("seconds", "span", "short"),
    [
        (0, "menos de 1 segundo", "0 s"),
        (-5, "menos de 1 segundo", "0 s"),
        (1, "1 segundo", "1 s"),
        (59.4, "59 segundos", "59 s"),
        (59.6, "1 minuto", "1 min 00 s"),
        (65, "1 minuto e 5 segundos", "1 min 05 s"),
        (3599, "59 minutos e 59 segundos", "59 min 59 s"),
        (3600, "1 hora", "1 h 00 min"),
        (7385, "2 horas e 3 minutos", "2 h 03 min"),
        (3605, "1 hora e 5 segundos", "1 h 00 min"),
        (90_000, "25 horas", "25 h 00 min"),
    ],
)
def test_a_span_is_said_by_its_two_largest_units(seconds: float, span: str, short: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == span
    assert format_short_duration(timedelta(seconds=seconds)) == short


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(), "em 1 min"),
        (timedelta(seconds=61), "em 2 min"),
        (timedelta(minutes=59), "em 59 min"),
        (timedelta(minutes=59, seconds=1), "em 1 h 00 min"),
        (timedelta(hours=2, minutes=5), "em 2 h 05 min"),
        (timedelta(hours=24), "em 1 dia"),
        (timedelta(days=3, hours=23), "em 3 dias"),
    ],
)
def test_what_is_to_come_is_rounded_up_to_its_minute(length: timedelta, said: str) -> None:
    assert format_time_until(length) == said


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (date(2026, 11, 24), "hoje"),
        (date(2026, 11, 23), "ontem"),
        (date(2026, 11, 25), "amanhã"),
        (date(2026, 11, 26), "quinta-feira"),
        (date(2026, 12, 1), "terça-feira"),
        (date(2026, 12, 2), "02/12/2026"),
        (date(2026, 11, 22), "22/11/2026"),
    ],
)
def test_a_day_is_said_as_one_says_it(on: date, said: str) -> None:
    assert format_day(on, date(2026, 11, 24)) == said


def test_a_moment_is_said_on_the_wall_of_the_zone() -> None:
    midnight = datetime(2026, 11, 25, 2, 59, tzinfo=UTC)
    assert format_moment(midnight, NOW, ZONE) == "hoje às 23:59"
    assert format_moment(midnight, NOW, ZoneInfo("America/Noronha")) == "amanhã às 00:59"
    assert format_short_moment(midnight, NOW, ZONE) == "Hoje, 23:59"


@pytest.mark.parametrize(
    ("zone", "said"),
    [("America/Sao_Paulo", "UTC−3"), ("Asia/Kolkata", "UTC+5:30"), ("UTC", "UTC+0"), ("America/St_Johns", "UTC−3:30")],
)
def test_an_offset_is_said_with_a_minus_of_its_own(zone: str, said: str) -> None:
    assert zone_text.utc_offset(ZoneInfo(zone), NOW) == said


@pytest.mark.parametrize(
    ("fields", "said", "n"),
    [
        ({}, "Todos os dias, a partir das 08:00, a cada 15 minutos.", "64 execuções por dia."),
        (
            {"days": (4, 0, 2), "every_hours": 1, "every_minutes": 30},
            "Segunda-feira, quarta-feira e sexta-feira, a partir das 08:00, a cada 1 hora e 30 minutos.",
            "11 execuções por dia.",
        ),
        (
            {"days": (6,), "every_minutes": 0, "start_hour": 22, "start_minute": 5},
            "Domingo, uma vez por dia, às 22:05.",
            "Com este intervalo haverá 1 exportação por dia, às 22:05.",
        ),
    ],
)
def test_a_schedule_is_said_in_words(fields: dict[str, Any], said: str, n: str) -> None:
    assert schedule_text.in_words(Schedule(**fields)) == said
    assert schedule_text.per_day(Schedule(**fields)) == n


def test_the_line_of_the_next_run_says_when_and_how_long_until_then() -> None:
    schedule = Schedule(start_hour=13)
    line = schedule_text.next_line(schedule, NOW, ZONE, is_running=False)
    assert (line.text, line.hint) == ("Próxima exportação às 13:00", "em 1 h 00 min, hoje")
    tomorrow = schedule_text.next_line(Schedule(start_hour=6, every_minutes=0), NOW, ZONE, is_running=False)
    assert (tomorrow.text, tomorrow.hint) == ("Próxima exportação amanhã às 06:00", "em 18 h 00 min, amanhã")
    offline = schedule_text.next_line(schedule, NOW, ZONE, is_running=False, is_offline=True)
    assert offline.hint == "aguardando a conexão voltar"
    assert schedule_text.next_line(schedule, NOW, ZONE, is_running=True).text == schedule_text.RUNNING_NOW
    assert schedule_text.next_line(None, NOW, ZONE, is_running=False).text == schedule_text.NONE_SCHEDULED


def test_the_next_runs_are_three_the_last_of_the_day_and_the_first_of_the_next() -> None:
    shown = schedule_text.upcoming_runs(Schedule(), NOW, ZONE)
    assert [(run.day, run.hour) for run in shown] == [
        ("Hoje, ter.", "12:15"),
        ("Hoje, ter.", "12:30"),
        ("Hoje, ter.", "12:45"),
        ("…", "a cada 15 min"),
        ("Hoje, última", "23:45"),
        ("Amanhã, qua.", "08:00"),
    ]


@pytest.mark.parametrize(
    ("sent", "more", "said"),
    [
        ({}, {}, "Nada mudou no ERP desde a última exportação."),
        ({"dash": 0}, {"refused": 1}, "Nada mudou no ERP desde a última exportação; 1 recusada."),
        ({"omniforce": 1}, {}, "1 linha enviada ao OmniForce."),
        (
            {"omniforce": 1204, "dash": 30},
            {"deleted": 2, "refused": 1},
            "1.204 linhas enviadas ao OmniForce e 30 linhas ao Dash; 2 apagadas, 1 recusada.",
        ),
    ],
)
def test_what_went_out_is_said_in_one_sentence(sent: dict[str, int], more: dict[str, int], said: str) -> None:
    assert sentences.export_summary(sent, **more) == said


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (Phase(stage="customer"), ""),
        (Phase(stage="read", dataset="omniforce.stock"), "Lendo no ERP: estoque"),
        (Phase(stage="send", dataset="omniforce.stock"), "Enviando ao OmniForce: estoque"),
        (Phase(stage="send", dataset="other.new"), "Enviando ao other: new"),
    ],
)
def test_the_phase_of_an_export_is_said_and_an_unknown_name_as_it_is(phase: Phase, said: str) -> None:
    assert sentences.export_step(phase) == said


def test_a_key_is_read_with_its_slashes() -> None:
    assert labels.row_key("000881/1~13~0") == "000881 / 1/3~"
    assert labels.dataset_name("dash.stock") == "Estoque (Dash)"
    assert labels.dataset_name("omniforce.stock") == "Estoque"
