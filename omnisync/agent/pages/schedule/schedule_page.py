"""Agendamento: the seed's form, its words and order, and the next runs beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import get, post
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct

from omnisync.agent.messages import labels, schedule_text, sentences, zone_text
from omnisync.agent.pages.rendering import (
    CurrentConnection,
    Html,
    HtmlRequest,
    PageContext,
    field,
    fields,
    form_of,
    redirect,
    require_connection,
)
from omnisync.agent.schedule import Schedule, ScheduleField, ScheduleFieldError, System, check

NEVER_SAVED = "AGENDAMENTO - Não Definido!!"
ACTIVE = "AGENDAMENTO - Ativo"
INACTIVE = "AGENDAMENTO - Inativo"
STALE = "Esta página estava aberta de antes e o agendamento não foi salvo. Confira o que digitou e clique em SALVAR."
LOOK_FIRST = "Confira as opções do agendamento e clique em SALVAR."
LABELS: Mapping[ScheduleField, tuple[str, str]] = {
    "start": ("Envio começará a partir das", "inicio-hora"),
    "every": ("Repetir exportação a cada", "repetir-hora"),
    "days": ("Dias", "dia-0"),
    "establishments": ("Estabelecimentos", "estabelecimento"),
    "systems": ("Sistemas", "sistema-todos"),
}
"""What a field is called in the summary of errors, and where its link leads."""
SYSTEMS: Mapping[str, tuple[System, ...]] = {"dash": ("dash",), "omniforce": ("omniforce",)}


class ScheduleForm(Struct, frozen=True, kw_only=True):
    """The form as typed, right or wrong: what is shown again."""

    active: bool = False
    start_hour: str = "8"
    start_minute: str = "0"
    every_hours: str = "0"
    every_minutes: str = "15"
    chooses_days: bool = False
    days: tuple[str, ...] = ()
    chooses_establishment: bool = False
    establishment: str = ""
    system: str = "todos"


class ScheduleFormError(Struct, frozen=True):
    """An error of one field: its label, where it is, and the sentence."""

    field: ScheduleField
    label: str
    anchor: str
    text: str


@get("/agendamento", sync_to_thread=True)
def show(
    pages: NamedDependency[PageContext],
    request: HtmlRequest,
    ativar: FromQuery[str | None] = None,
    salvo: FromQuery[str | None] = None,
) -> Html:
    """Show the form, as saved or with the seed's defaults. `ativar` opens or closes the options without saving
    anything.
    """
    shown = pages.current_connection(request)
    saved = saved_schedule(pages, shown)
    typed = typed_of(saved)
    if ativar in ("sim", "nao"):
        typed = msgspec.structs.replace(typed, active=ativar == "sim")
    return page(pages, shown, saved, typed, notice="Agendamento salvo." if salvo else "")


@get("/agendamento/opcoes", sync_to_thread=True)
def show_options(pages: NamedDependency[PageContext], request: HtmlRequest, ativar: FromQuery[str] = "nao") -> Html:
    """Show the group of options alone, or nothing with Não."""
    shown = pages.current_connection(request)
    typed = msgspec.structs.replace(typed_of(saved_schedule(pages, shown)), active=ativar == "sim")
    return pages.html("schedule_options.html", shown=shown, **options(shown, typed, ()))


@post("/agendamento", sync_to_thread=True, status_code=200)
def save(pages: NamedDependency[PageContext], request: HtmlRequest) -> Html:
    """Save, or show the form again with what is wrong. Sim without its options yet shows them first."""
    shown = pages.current_connection(request)
    connection = require_connection(shown)
    form = form_of(request)
    saved = saved_schedule(pages, shown)
    typed = read(form, saved)
    if typed.active and "inicio_hora" not in form:
        return page(pages, shown, saved, typed, notice=LOOK_FIRST)
    schedule = schedule_of(typed, saved)
    errors = errors_of(schedule, typed, shown)
    if errors:
        return page(pages, shown, saved, typed, errors=errors, status=422)
    now = pages.services.clock()
    pages.services.journal.connections.save_schedule(connection.name, schedule, now)
    return redirect(shown.url("/agendamento?salvo=1"))


def stale(pages: PageContext, request: HtmlRequest) -> Html:
    """Show the form again, as typed, when its page was open since before the token changed."""
    shown = pages.current_connection(request)
    saved = saved_schedule(pages, shown)
    return page(pages, shown, saved, read(form_of(request), saved), notice=STALE, status=403)


def saved_schedule(pages: PageContext, shown: CurrentConnection) -> Schedule | None:
    """Return the shown connection's schedule."""
    return pages.services.journal.connections.schedule(shown.connection.name) if shown.connection else None


def page(
    pages: PageContext,
    shown: CurrentConnection,
    saved: Schedule | None,
    typed: ScheduleForm,
    *,
    errors: tuple[ScheduleFormError, ...] = (),
    notice: str = "",
    status: int = 200,
) -> Html:
    """Show the whole page."""
    title = NEVER_SAVED if saved is None else ACTIVE if saved.is_active else INACTIVE
    is_active = saved is not None and saved.is_active
    return pages.page(
        "schedule.html",
        shown,
        pages.recent(shown),
        tab="schedule",
        title="Agendamento",
        status=status,
        heading=title,
        in_words=schedule_text.in_words(saved) if saved is not None and is_active else "",
        notice=notice,
        coming=schedule_text.upcoming_runs(saved, shown.now, shown.zone) if saved is not None else (),
        per_day=schedule_text.per_day(saved) if saved is not None and is_active else "",
        zone=zone_text.zone_in_words(shown.zone, shown.now),
        **options(shown, typed, errors),
    )


def options(shown: CurrentConnection, typed: ScheduleForm, errors: tuple[ScheduleFormError, ...]) -> dict[str, Any]:
    """Return what the group of options needs."""
    here = shown.connection.establishments if shown.connection else ()
    codes = [establishment.code for establishment in here]
    chosen = typed.establishment.split()
    gone = not set(chosen) <= set(codes)
    return {
        "typed": typed,
        "errors": errors,
        "wrong": {error.field: error.text for error in errors},
        "weekdays": labels.WEEKDAYS,
        "establishments": here,
        "chosen": chosen,
        "gone": gone,
    }


def typed_of(schedule: Schedule | None) -> ScheduleForm:
    """Return a saved schedule as the form shows it; the seed's defaults when none was saved."""
    if schedule is None:
        return ScheduleForm()
    systems = schedule.systems
    return ScheduleForm(
        active=schedule.is_active,
        start_hour=str(schedule.start_hour),
        start_minute=str(schedule.start_minute),
        every_hours=str(schedule.every_hours),
        every_minutes=str(schedule.every_minutes),
        chooses_days=schedule.days != "all",
        days=() if schedule.days == "all" else tuple(str(day) for day in schedule.days),
        chooses_establishment=schedule.establishments != "all",
        establishment="" if schedule.establishments == "all" else " ".join(schedule.establishments),
        system="todos" if systems == "all" or len(systems) > 1 else systems[0],
    )


def read(form: FormMultiDict, saved: Schedule | None) -> ScheduleForm:
    """Return the form as typed; where it has no options, those known before."""
    active = field(form, "ativar") == "sim"
    if "inicio_hora" not in form:
        return msgspec.structs.replace(typed_of(saved), active=active)
    return ScheduleForm(
        active=active,
        start_hour=field(form, "inicio_hora")[:4],
        start_minute=field(form, "inicio_minuto")[:4],
        every_hours=field(form, "repetir_hora")[:4],
        every_minutes=field(form, "repetir_minuto")[:4],
        chooses_days=field(form, "dias") == "escolher",
        days=tuple(sorted(set(fields(form, "dia")) & set("0123456"))),
        chooses_establishment=field(form, "estabelecimentos") == "escolher",
        establishment=field(form, "estabelecimento")[:2000],
        system=field(form, "sistemas")[:20],
    )


def schedule_of(typed: ScheduleForm, saved: Schedule | None) -> Schedule:
    """Return what was typed as a schedule, perhaps a wrong one. Não keeps the saved values for next time."""
    if not typed.active:
        return msgspec.structs.replace(saved or Schedule(), is_active=False)
    return Schedule(
        is_active=True,
        start_hour=_number(typed.start_hour),
        start_minute=_number(typed.start_minute),
        every_hours=_number(typed.every_hours),
        every_minutes=_number(typed.every_minutes),
        days=tuple(int(day) for day in typed.days) if typed.chooses_days else "all",
        establishments=tuple(typed.establishment.split()) if typed.chooses_establishment else "all",
        systems="all" if typed.system == "todos" else SYSTEMS.get(typed.system, ()),
    )


def errors_of(schedule: Schedule, typed: ScheduleForm, shown: CurrentConnection) -> tuple[ScheduleFormError, ...]:
    """Return what keeps it from being saved, in the form's order."""
    found = list(check(schedule))
    here = [establishment.code for establishment in shown.connection.establishments] if shown.connection else []
    is_wrong = {error.field for error in found}
    is_elsewhere = typed.active and typed.chooses_establishment and not set(schedule.establishments) <= set(here)
    if is_elsewhere and "establishments" not in is_wrong:
        found.append(ScheduleFieldError("establishments", "schedule_no_establishment"))
    order = list(LABELS)
    found.sort(key=lambda error: order.index(error.field))
    return tuple(ScheduleFormError(error.field, *LABELS[error.field], sentences.of_code(error.code)) for error in found)


def _number(text: str) -> int:
    """Empty is 0; what is no number is none of the clock's."""
    return int(text or "0") if re.fullmatch(r"[0-9]{0,3}", text) else -1
