"""docs/layouts.md says every key, field and converter that there is, and no other."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields

from omnisync.agent.erp.layout import converters, schema
from omnisync.agent.erp.layout.field_paths import paths_of
from omnisync.contract.datasets import DATASETS

PAGE = (Path(__file__).parents[2] / "docs/layouts.md").read_text(encoding="utf-8")
FORMS: dict[str, type[Struct]] = {
    "O arquivo": schema.LayoutFile,
    "[customer]": schema.CustomerTable,
    "[customer.match]": schema.Match,
    "[order]": schema.OrderTable,
    "[order.state]": schema.OrderState,
    "[order.outcome]": schema.OutcomeQuery,
    "[item] e [payment]": schema.ChildTable,
    "[[….before]] e [[….after]]": schema.ExtraTable,
    "[….number]": schema.Number,
    "[export.CONJUNTO]": schema.Export,
    "Constante": schema.Constant,
    "Chave de outra linha": schema.KeyOf,
    "De/para": schema.Mapped,
    "Consulta a uma tabela do ERP": schema.Lookup,
    "SQL": schema.FromSql,
}
FIELDS = {"Do cliente": "customer", "Do pedido": "order", "Do item": "item", "Da parcela": "payment"}
EXPLAINED = {"first", "subscriber", "main", "city_code", "tPag"}
"""Words that are explained beside the fields, not fields by themselves."""


def _section(title: str) -> str:
    """What stands below a heading, to the next one."""
    [found] = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def _expanded(path: str) -> set[str]:
    """`phone.{mobile,other}.number` as the paths it stands for."""
    parts = [part.strip("{}").split(",") for part in re.findall(r"\{[^}]*\}|[^{}]+", path)]
    return {"".join(chosen) for chosen in product(*parts)}


def test_every_form_of_a_file_is_on_the_page() -> None:
    forms = {form for form in vars(schema).values() if isinstance(form, type) and issubclass(form, Struct)}
    assert forms - {Struct} == set(FORMS.values())


@pytest.mark.parametrize("title", FORMS)
def test_every_key_of_a_form_is_explained_and_no_other(title: str) -> None:
    explained = re.findall(r"^\| `([a-z_]+)` \|", _section(title), re.MULTILINE)
    assert sorted(explained) == sorted(field.encode_name for field in fields(FORMS[title]))


@pytest.mark.parametrize("title", FIELDS)
def test_every_field_is_named_and_no_other(title: str) -> None:
    named = {path for word in re.findall(r"`([^`]+)`", _section(title)) for path in _expanded(word)}
    known = {path for path in paths_of(FIELDS[title]) if not path.startswith("order.")}
    assert known - named == set()
    assert named - known - EXPLAINED == set()


def test_every_converter_is_explained_and_no_other() -> None:
    explained = re.findall(r"^\| `([a-z_]+)(?:\([^`]*\))?` \|", _section("Conversores"), re.MULTILINE)
    assert sorted(explained) == converters.names()


def test_every_dataset_is_named() -> None:
    named = set(re.findall(r"`([a-z-]+)`", _section("[export.CONJUNTO]").split("|")[0]))
    assert named == {dataset.name for dataset in DATASETS.values()}
