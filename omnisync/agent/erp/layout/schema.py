"""A layout's file: one TOML per ERP that says where each field goes. Data, never code.

    nome   = "name | upper | cut(50)"        a path of the contract, then converters in turn
    origem = { constant = "OMNIFORCE" }
    forma  = { field = "method_code", map = { PIX = "7" }, de_para = "payment_method", missing = "refuse" }
    cidade = { lookup = "CIDADE", by = "CID_IBGE", field = "address.main.city_code", take = "CID_CODIGO" }

Here is its form and nothing of what is done with it (`rows`). A typing mistake is an error that names the key and
offers the nearest. Source: docs/layouts.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from omnisync.agent.erp.layout import shipped
from omnisync.agent.erp.layout.field_paths import nearest
from omnisync.agent.errors import LayoutError

LayoutName = Annotated[str, Meta(min_length=1, max_length=130)]
LayoutNames = LayoutName | Annotated[tuple[LayoutName, ...], Meta(min_length=1, max_length=4)]
Scalar = str | int | float | bool
DeParaKind = Literal["payment_method", "payment_terms", "seller", "establishment", "price_table", "product"]
Missing = Literal["refuse", "null", "default", "same"]


class Constant(Struct, frozen=True, forbid_unknown_fields=True):
    """The same value in every row."""

    constant: Scalar


class KeyOf(Struct, frozen=True, forbid_unknown_fields=True):
    """The key of another row of the same record: of a `before` table by its name, of `customer`, of `order`."""

    key_of: LayoutName


class Mapped(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code of the app as the ERP's. What the company wrote in De/Para (`de_para`) stands over the layout's `map`."""

    field: str
    map: dict[str, Scalar] = {}
    de_para: DeParaKind | None = None
    missing: Missing = "refuse"
    default: Scalar | None = None


class Lookup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value of the ERP's own table: `take` of the row of `lookup` whose column `by` equals `field`."""

    lookup: LayoutName
    by: LayoutName
    field: str
    take: LayoutName
    stored_as: Literal["plain", "masked"] = "plain"
    where: dict[LayoutName, Scalar] = {}
    de_para: DeParaKind | None = None
    missing: Missing = "refuse"
    default: Scalar | None = None


class FromSql(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query's one value; `:path` are the record's fields. For the tenth that no other form can say."""

    sql: str
    missing: Literal["refuse", "null", "default"] = "refuse"
    default: Scalar | None = None


ColumnForm = Constant | KeyOf | Mapped | Lookup | FromSql
Columns = dict[LayoutName, str | dict[str, Any]]


class Number(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """The source of a number that is taken before its row is inserted. `form` are converters: "zeros_left(6)".

    sequence: the next of `name`. procedure: the one value of `sql`. counter: `value` of one row of `table`, raised
    under its lock. max: the highest in the table, plus one. (The app's own number is a column like any other.)
    """

    source: Literal["sequence", "procedure", "counter", "max"]
    column: LayoutName = ""
    name: LayoutName = ""
    sql: str = ""
    table: LayoutName = ""
    value: LayoutName = ""
    where: dict[LayoutName, str | dict[str, Any]] = {}
    form: str = ""


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ERP's own customer by CNPJ/CPF. Only its empty columns are filled, and those in `update` always."""

    column: LayoutName
    stored_as: Literal["plain", "masked", "both"] = "plain"
    update: tuple[LayoutName, ...] = ()


class ExtraTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One more row of the same record: `before` the main table's, which takes its key, or `after` it.

    `when` names a field: without it there is no such row. `external_id` keeps the hub's id of the record, by which the
    row is known to be ours among others that the ERP's people added.
    """

    name: LayoutName
    table: LayoutName
    key: LayoutNames = ()
    external_id: LayoutName = ""
    number: Number | None = None
    when: str = ""
    only_on_create: tuple[LayoutName, ...] = ()
    columns: Columns


class CustomerTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of customers. Without `number` the ERP makes the key; `external_id` keeps the hub's id, unique."""

    table: LayoutName
    key: LayoutNames
    external_id: LayoutName = ""
    number: Number | None = None
    match: Match | None = None
    without_document: Literal["accept", "refuse"] = "accept"
    only_on_create: tuple[LayoutName, ...] = ()
    before: tuple[ExtraTable, ...] = ()
    after: tuple[ExtraTable, ...] = ()
    after_sql: str = ""
    columns: Columns


class OrderState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The column that tells how far the ERP is with an order.

    `open` is what we write; the order is changed only while the column holds one of `update_while` (`open` alone when
    it is absent); `cancelled` is written for a cancellation, and without it a cancellation leaves the ERP as it is.
    """

    column: LayoutName
    open: Scalar
    update_while: tuple[Scalar, ...] = ()
    cancelled: Scalar | None = None


class OutcomeQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query that reads back the results of staged orders.

    `sql` answers four columns: the id, the ERP's number, the state and the refusal's text; it ends in `IN (:ids)`
    (our external ids) or `IN (:keys)` (the staged rows' keys), which is what the first column holds.
    """

    sql: str
    states: dict[str, Literal["staged", "imported", "refused"]]


class OrderTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of orders. `customer` holds the customer's key; `shown` the number people know, when not the key."""

    table: LayoutName
    key: LayoutNames
    external_id: LayoutName = ""
    number: Number | None = None
    shown: LayoutName = ""
    customer: LayoutNames = ()
    landing: Literal["direct", "staging"] = "direct"
    state: OrderState | None = None
    outcome: OutcomeQuery | None = None
    only_on_create: tuple[LayoutName, ...] = ()
    before: tuple[ExtraTable, ...] = ()
    after: tuple[ExtraTable, ...] = ()
    after_sql: str = ""
    columns: Columns


class ChildTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of an order's lines. `parent` holds the order's key; `identity` says how a line is found again.

    item_id: by the hub's id in the column `external_id`. line: by its number in the column `line`. replace: never, all
    lines are written anew.
    """

    table: LayoutName
    parent: LayoutNames
    identity: Literal["item_id", "line", "replace"] = "item_id"
    external_id: LayoutName = ""
    line: LayoutName = ""
    number: Number | None = None
    only_on_create: tuple[LayoutName, ...] = ()
    columns: Columns


class Export(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset that goes out: a query whose columns are named as the dataset's fields (`erp.outgoing`).

    `changed_at` names a column of the query that grows when a row changes: then only the rows changed since the last
    time are asked for, and all of them once a day, for what was deleted. `:today` in the query is the day on the wall.
    """

    sql: str
    changed_at: LayoutName | Literal[""] = ""


class LayoutFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A layout as its file says it. Without `customer` the orders carry theirs; without `payment` there are none.

    `state` says where our two tables stand: in the ERP's database, or, where a DBA forbids them, with the agent.
    """

    name: LayoutName
    description: str
    databases: tuple[str, ...]
    state: Literal["erp", "agent"] = "erp"
    customer: CustomerTable | None = None
    order: OrderTable
    item: ChildTable
    payment: ChildTable | None = None
    export: dict[str, Export] = {}


KINDS = ("customer", "order", "item", "payment")
_FORMS: Mapping[str, type[ColumnForm]] = {
    "constant": Constant,
    "key_of": KeyOf,
    "lookup": Lookup,
    "sql": FromSql,
    "field": Mapped,
}
"""The forms of a column's source by the key that tells them; `field` last, for a lookup has one, too."""


def read_layout(text: str) -> LayoutFile:
    """Return the layout in this TOML, its form checked. Raises LayoutError naming the place and the nearest word.

    Paths, converters and what columns say of each other are checked when it is compiled (`rows.compiled`).
    """
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LayoutError(motivo=f"o arquivo não é TOML: {error}") from error
    try:
        layout = msgspec.convert(plain, LayoutFile)
    except msgspec.ValidationError as error:
        raise LayoutError(motivo=_explain(str(error), LayoutFile, "")) from error
    for where, columns in columns_of(layout):
        for name, written in columns.items():
            column_form(written, f"{where}.{name}")
    return layout


def shipped_names() -> list[str]:
    """Return the layouts that are shipped."""
    return sorted(file.name.removesuffix(".toml") for file in files(shipped).iterdir() if file.name.endswith(".toml"))


@cache
def shipped_layout(name: str) -> LayoutFile:
    """Return the shipped layout of this name. Raises LayoutError offering the nearest."""
    if name not in shipped_names():
        raise LayoutError(motivo=f"o layout {name} não existe{nearest(name, shipped_names())}")
    return read_layout(shipped_text(name))


@cache
def shipped_text(name: str) -> str:
    """Return the file of a shipped layout, comments and all."""
    return (files(shipped) / f"{name}.toml").read_text(encoding="utf-8")


def columns_of(layout: LayoutFile) -> Iterator[tuple[str, Columns]]:
    """Yield every table's columns with their place in the file."""
    for kind in KINDS:
        table = getattr(layout, kind)
        if table is None:
            continue
        yield f"{kind}.columns", table.columns
        for when in ("before", "after"):
            for further in getattr(table, when, ()):
                yield f"{kind}.{when}.{further.name}.columns", further.columns


def column_form(written: str | Mapping[str, Any], where: str) -> str | ColumnForm:
    """Return what stands beside a column: a path with converters, or one of the forms. Raises LayoutError naming it."""
    if isinstance(written, str):
        return written
    form = next((form for key, form in _FORMS.items() if key in written), None)
    if form is None:
        raise LayoutError(motivo=f"{where}: falta field, constant, lookup, sql ou key_of")
    try:
        return msgspec.convert(written, form)
    except msgspec.ValidationError as error:
        raise LayoutError(motivo=_explain(str(error), form, where)) from error


def _explain(error: str, owner: Any, root: str) -> str:
    """msgspec's message in pt-BR, with the nearest key when one was mistyped."""
    what, _, place = error.partition(" - at `$")
    path = place.strip("`.")
    where = ".".join(part for part in (root, path) if part) or "o arquivo"
    if "unknown field" in what:
        unknown = what.split("`")[1]
        return f"{where}: a chave {unknown} não existe{nearest(unknown, _keys_at(owner, path))}"
    if "missing required field" in what:
        return f"{where}: falta a chave {what.split('`')[1]}"
    return f"{where}: {_describe(what)}"


def _describe(what: str) -> str:
    """Return what msgspec says of a value, for people who write layouts."""
    wrong = re.fullmatch(r"Expected `(.+)`, got `(.+)`", what)
    if wrong is not None:
        return f"aqui se espera {wrong[1]}, não {wrong[2]}"
    wrong = re.fullmatch(r"Invalid enum value '?(.+?)'?", what)
    return f"o valor {wrong[1]} não existe" if wrong is not None else what


def _keys_at(owner: Any, path: str) -> Iterable[str]:
    for part in path.split(".") if path else ():
        word = part.partition("[")[0]
        owner = _struct_in(get_type_hints(owner).get(word)) if isinstance(owner, type) else None
    return [field.encode_name for field in msgspec.structs.fields(owner)] if owner else ()


def _struct_in(hint: Any) -> Any:
    """Return the struct within a type: of `Number | None`, of `tuple[Further, ...]`."""
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint
    return next((found for arg in get_args(hint) if (found := _struct_in(arg)) is not None), None)
