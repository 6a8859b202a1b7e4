"""`layout new`: a first draft of a layout out of a database's catalogue, its guesses marked for a person to look at."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from omnisync.agent.erp.layout_check.value_bounds import ValueBounds, path_bounds
from omnisync.agent.erp.layout_draft.guess import Guess, guess, reference_of, roles_of
from omnisync.agent.erp.layout_draft.name_patterns import COUNTER, IS_CODE, IS_IBGE, IS_INVERTED, LAST, column_words
from omnisync.agent.erp.layout_draft.samples import Sample
from omnisync.agent.erp.layout_draft.toml_lines import toml_key, toml_line, toml_names, toml_text
from omnisync.agent.erp.schema import DatabaseColumn, DatabaseTable, ForeignKey, Schema

MISSING = "PREENCHER"
"""What stands where a person must write."""
_SHOWN = 12
_TITLES = {"customer": "Clientes", "order": "Pedidos", "item": "Itens do pedido", "payment": "Parcelas do pedido"}
_LOOKED_UP = {
    "seller_code": "null",
    "price_table_code": "null",
    "payment_terms.code": "null",
    "payment_terms_code": "null",
}
_LOOKED_UP |= {"product_code": "refuse", "method_code": "refuse"}
_BY_KEY = ("product_code", "seller_code", "payment_terms.code", "payment_terms_code")
"""What the app knows by the very key that the ERP's other tables refer to, where there is no code beside it."""
_DE_PARA = {"establishment_code": "establishment", "method_code": "payment_method", "seller_code": "seller"}
_DE_PARA |= {"payment_terms.code": "payment_terms", "payment_terms_code": "payment_terms"}
_DE_PARA |= {"price_table_code": "price_table"}
_MAPPED_ALWAYS = ("establishment_code", "method_code")
_TYPES = '{ field = "type", map = { sale = "V", bonus = "B", exchange = "T", sample = "A", consignment = "C" } }'
_PEOPLE = '{ field = "person_kind", map = { company = "J", person = "F", foreign = "E" } }'


class Draft(Struct, frozen=True):
    """A layout's text, and how much of it a person still has to write."""

    text: str
    tables: tuple[str, ...]
    n_guesses: int
    n_missing: int


def draft(schema: Schema, sample: Sample, *, kind: str, name: str) -> Draft:
    """Return the draft for a database of this kind. It reads as a layout as soon as the tables were recognized."""
    roles = roles_of(schema)
    writer = _DraftWriter(schema, sample)
    parts = [_head(kind, name)]
    for role, table, parent in (
        ("customer", roles.customer, None),
        ("order", roles.order, roles.customer),
        ("item", roles.item, roles.order),
        ("payment", roles.payment, roles.order),
    ):
        if table is not None:
            parts.append("\n".join(writer.section(role, table, guess(role, table, parent), parent)))
        elif role in ("order", "item"):
            parts.append("\n".join(_unknown(role)))
        else:
            parts.append(f"# {_TITLES[role]}: nenhuma tabela foi reconhecida. Se o ERP tem uma, acrescente [{role}].")
    text = "\n\n".join(parts) + "\n"
    found = (roles.customer, roles.order, roles.item, roles.payment)
    return Draft(
        text,
        tuple(table.name for table in found if table is not None),
        sum(part.count("# palpite") for part in parts[1:]),
        sum(part.count("# preencher") for part in parts[1:]),
    )


def _head(kind: str, name: str) -> str:
    return "\n".join(
        (
            "# Rascunho feito por omnisync layout new a partir do catálogo do banco.",
            "# palpite: adivinhado pelos nomes; confira. preencher: falta dizer.",
            "# Depois: omnisync layout check ESTE_ARQUIVO",
            f"name = {toml_text(name)}",
            'description = "rascunho"',
            f"databases = [{toml_text(kind)}]",
        )
    )


def _unknown(role: str) -> list[str]:
    lines = [f"# {_TITLES[role]}: nenhuma tabela foi reconhecida.", f"[{role}]", f'table = "{MISSING}"   # preencher']
    if role == "order":
        lines += [f'key = "{MISSING}"   # preencher']
    else:
        lines += [f'parent = "{MISSING}"   # preencher', 'identity = "replace"']
    return [*lines, f"[{role}.columns]"]


class _DraftWriter:
    """Writes the sections of a draft."""

    def __init__(self, schema: Schema, sample: Sample) -> None:
        self._schema = schema
        self._sample = sample

    def section(self, role: str, table: DatabaseTable, known: Guess, parent: DatabaseTable | None) -> list[str]:
        """Return one kind's lines."""
        lines = [f"# {_TITLES[role]}", f"[{role}]", toml_line("table", toml_text(table.name), "palpite")]
        fields = dict(known.fields)
        if role in ("customer", "order"):
            lines += self._main(role, table, known, parent)
        else:
            lines += self._child(table, known, fields, parent)
        lines += ["", f"[{role}.columns]"]
        if known.external_id:
            lines.append(
                toml_line(toml_key(known.external_id), '"id"', f"palpite: {table.columns[known.external_id].type}")
            )
        for column, field in fields.items():
            lines.append(self._column(role, table, column, field))
        return [*lines, *self._rest(table, known, fields, role)]

    def _main(self, role: str, table: DatabaseTable, known: Guess, parent: DatabaseTable | None) -> Iterator[str]:
        keys = table.key or (MISSING,)
        yield toml_line(
            "key", toml_names(keys), "palpite" if table.key else "preencher: a tabela não tem chave primária"
        )
        yield from self._number(table, keys[-1], known.fields)
        yield from _external(table, known)
        if role == "order":
            if parent is not None and known.parent:
                yield toml_line("customer", toml_names(known.parent), "palpite: recebe a chave do cliente")
            yield from self._state(table, known)
        else:
            yield from self._match(table, known)

    def _number(self, table: DatabaseTable, key: str, fields: Mapping[str, str]) -> Iterator[str]:
        column = table.columns.get(key)
        if column is None or column.is_identity or column.has_default or key in fields:
            return
        if table.has_insert_trigger and self._schema.triggers_fill_columns:
            yield f"# palpite: um gatilho preenche {key}; senão diga number, como abaixo"
        source = self._source(table, column)
        is_made = table.has_insert_trigger and self._schema.triggers_fill_columns
        yield f"# number = {source}" if is_made else toml_line("number", source, "palpite: de onde vem o número do ERP")
        if not is_made:
            yield from self._counters()

    def _counters(self) -> Iterator[str]:
        """Tables that look like counters, for a person to take one."""
        for table in self._schema.tables.values():
            if COUNTER.search(table.name.lower()) and not table.is_view:
                value = _by(table, LAST.pattern, LAST.kinds) or MISSING
                named = f'from = "counter", table = {toml_text(table.name)}, value = {toml_text(value)}'
                scope = ", ".join(f'{toml_key(name)} = {{ constant = "…" }}' for name in table.key if name != value)
                where = f", where = {{ {scope} }}" if scope else ""
                yield f"# ou, se o número sai deste contador: number = {{ {named}{where} }}"

    def _source(self, table: DatabaseTable, column: DatabaseColumn, named: str = "") -> str:
        """Return where a number comes from: a sequence with the table's name in it, else the highest there is."""
        near = [name for name in sorted(self._schema.sequences) if _is_of(name, table.name)]
        source = f'from = "sequence", name = {toml_text(near[0])}' if near else 'from = "max"'
        form = f', form = "zeros_left({column.length})"' if column.kind == "text" and column.length else ""
        return f"{{ {source}{named}{form} }}"

    def _state(self, table: DatabaseTable, known: Guess) -> Iterator[str]:
        if not known.state:
            return
        seen = table.columns[known.state].values or tuple(self._sample(table, known.state)[:_SHOWN])
        shown = ", ".join(value.strip() for value in seen) or "nenhum"
        yield f"# preencher: a situação do pedido; valores vistos em {known.state}: {shown}"
        yield f'# state = {{ column = {toml_text(known.state)}, open = "…", cancelled = "…" }}'

    def _match(self, table: DatabaseTable, known: Guess) -> Iterator[str]:
        column = next((name for name, field in known.fields.items() if field == "document"), "")
        if column:
            stored = "masked" if self._is_masked(table, column) else "plain"
            yield toml_line(
                "match", f'{{ column = {toml_text(column)}, stored_as = "{stored}" }}', "palpite: o CNPJ/CPF"
            )

    def _child(
        self, table: DatabaseTable, known: Guess, fields: dict[str, str], parent: DatabaseTable | None
    ) -> Iterator[str]:
        columns = known.parent or (MISSING,)
        yield toml_line("parent", toml_names(columns), "palpite: recebe a chave do pedido")
        if parent is not None and len(parent.key) > len(columns):
            yield f"# preencher: a chave do pedido tem {len(parent.key)} colunas: {', '.join(parent.key)}"
        line = next((name for name, field in fields.items() if field == "line"), "")
        if known.external_id:
            yield toml_line("external_id", toml_text(known.external_id), "palpite: guarda o código do OmniForce")
        elif line:
            yield 'identity = "line"'
            yield toml_line("line", toml_text(line), "palpite: o número da linha")
        else:
            yield toml_line("identity", '"replace"', "palpite: a cada alteração as linhas são gravadas de novo")
        own = [name for name in table.key if name not in (*columns, *fields, known.external_id)]
        if len(own) == 1 and not table.columns[own[0]].is_filled:
            near = [name for name in sorted(self._schema.sequences) if _is_of(name, table.name)]
            source = f'from = "sequence", name = {toml_text(near[0])}' if near else 'from = "max"'
            yield toml_line(
                "number", f"{{ {source}, column = {toml_text(own[0])} }}", "palpite: de onde vem a chave da linha"
            )

    def _column(self, role: str, table: DatabaseTable, name: str, field: str) -> str:
        column = table.columns[name]
        value, remark = self._value(role, table, column, field)
        return toml_line(toml_key(name), value, f"palpite: {column.type}{remark}")

    def _value(self, role: str, table: DatabaseTable, column: DatabaseColumn, field: str) -> tuple[str, str]:
        looked_up = self._lookup(table, column, field)
        if looked_up[0]:
            return looked_up
        is_letter = column.kind == "text" and column.length is not None and column.length < 6
        if is_letter and field in ("person_kind", "type"):
            return _PEOPLE if field == "person_kind" else _TYPES, ""
        if field in _MAPPED_ALWAYS:
            return f'{{ field = "{field}", de_para = "{_DE_PARA[field]}", missing = "same" }}', ""
        text, remark = self._text(role, table, column, field), ""
        given = path_bounds(role, text)
        if given.is_optional and not column.is_nullable:
            remark = ", não aceita vazio e o campo pode faltar"
            if column.kind == "text":
                text += ' | default("")'
        if column.kind in ("integer", "decimal") and given.kind == "text":
            remark = ", só aceita números"
        return json.dumps(text, ensure_ascii=False) if '"' not in text else f"'{text}'", remark

    def _text(self, role: str, table: DatabaseTable, column: DatabaseColumn, field: str) -> str:
        """Return the path with the converters that the column's type asks for."""
        given = path_bounds(role, field)
        if given.kind == "bool":
            return self._yes_no(column, field)
        if field == "document":
            return "document | document_masked" if self._is_masked(table, column.name) else field
        if field.endswith("postal_code") and (column.length or 0) == 9:
            return f"{field} | cep_masked"
        if given.kind == "decimal":
            return self._amount(column, given, field)
        if given.kind == "datetime" and (column.kind == "date"):
            return f"{field} | date"
        if column.kind == "text" and column.length is not None and given.length is not None:
            zeros = self._zeros(table, column) if given.is_code else 0
            if zeros:
                return f"{field} | zeros_left({zeros})"
            if given.length > column.length and not given.is_code:
                return f"{field} | cut({column.length})"
        return field

    def _yes_no(self, column: DatabaseColumn, field: str) -> str:
        is_inverted = bool(IS_INVERTED.search("_".join(column_words([column.name]).values())))
        words = {"text": ("S", "N"), "bool": ("true", "false")}.get(column.kind, ("1", "0"))
        if column.kind in ("text", "bool") or is_inverted:
            yes, no = reversed(words) if is_inverted else words
            return f"{field} | yes_no({yes}, {no})"
        return field

    @staticmethod
    def _amount(column: DatabaseColumn, given: ValueBounds, field: str) -> str:
        if column.kind == "integer":
            return f"{field} | decimal(0)"
        if column.scale is not None and (given.scale or 0) > column.scale:
            return f"{field} | decimal({column.scale})"
        return field

    def _lookup(self, table: DatabaseTable, column: DatabaseColumn, field: str) -> tuple[str, str]:
        """Return a code whose column takes its values from another table: found there by the table's own code, or its
        key.

        Without it an unknown product would meet the reference, and the database's own words for that.
        """
        reference = reference_of(table, column.name)
        other = self._schema.table(reference.table) if reference is not None else None
        remark = ""
        if reference is None or other is None:
            return "", ""
        if field.endswith((".city", ".city_code")):
            by, asked, missing = _by(other, IS_IBGE.pattern), field.rpartition(".")[0] + ".city_code", "null"
        elif field in _LOOKED_UP:
            by, asked, missing = _code_of(other, reference), field, _LOOKED_UP[field]
            if not by and field in _BY_KEY:
                by, asked = reference.to[0], self._filled(table, column, other, reference, field)
                remark = f", se o código no OmniForce é a chave de {other.name}"
        else:
            return "", ""
        if not by or (by == reference.to[0] and not remark):
            return "", ""
        missing = missing if column.is_nullable or missing == "refuse" else "refuse"
        de_para = f', de_para = "{_DE_PARA[field]}"' if field in _DE_PARA else ""
        return (
            f"{{ lookup = {toml_text(other.name)}, by = {toml_text(by)}, field = {toml_text(asked)}, "
            f'take = {toml_text(reference.to[0])}{de_para}, missing = "{missing}" }}'
        ), remark

    def _filled(
        self, table: DatabaseTable, column: DatabaseColumn, other: DatabaseTable, reference: ForeignKey, field: str
    ) -> str:
        """Return the field as the other table's key is written: filled up with zeros where those seen there are."""
        key = other.columns.get(reference.to[0])
        if key is None or key.kind != "text":
            return field
        zeros = self._zeros(other, key) or self._zeros(table, column)
        return f"{field} | zeros_left({zeros})" if zeros else field

    def _is_masked(self, table: DatabaseTable, column: str) -> bool:
        seen = self._sample(table, column)
        if seen:
            return sum("." in text or "/" in text for text in seen) * 2 > len(seen)
        return 18 <= (table.columns[column].length or 0) <= 20

    def _zeros(self, table: DatabaseTable, column: DatabaseColumn) -> int:
        """Return how many digits the codes seen are filled up to; none where they are not."""
        seen = [text.strip() for text in self._sample(table, column.name)]
        lengths = {len(text) for text in seen}
        is_filled = (
            len(lengths) == 1 and all(text.isdigit() for text in seen) and any(text.startswith("0") for text in seen)
        )
        return lengths.pop() if is_filled else 0

    def _rest(self, table: DatabaseTable, known: Guess, fields: dict[str, str], role: str) -> Iterator[str]:
        used = {*fields, *known.parent, *table.key[-1:], known.external_id, known.state}
        bare = [column for column in table.columns.values() if column.name not in used and not column.is_computed]
        for column in (column for column in bare if not column.is_filled):
            seen = ", ".join(text.strip() for text in self._sample(table, column.name)[:5])
            yield f"# preencher: {column.name} ({column.type}) não aceita vazio" + (
                f"; valores vistos: {seen}" if seen else ""
            )
            yield f"# {toml_key(column.name)} = {self._suggested(column)}"
        free = [column.name for column in bare if column.is_filled]
        if free:
            more = ", …" if len(free) > _SHOWN * 2 else ""
            yield f"# sem uso: {', '.join(free[: _SHOWN * 2])}{more}"

    def _suggested(self, column: DatabaseColumn) -> str:
        """Return a suggestion for a column without a guess: today, or a value of the ERP's."""
        if column.kind not in ("date", "datetime"):
            return '{ constant = "" }'
        today = "CURRENT_DATE" if column.kind == "date" else "CURRENT_TIMESTAMP"
        source = f" FROM {self._schema.dual_table}" if self._schema.dual_table else ""
        return f'{{ sql = "SELECT {today}{source}" }}'  # noqa: S608  # two words


def _external(table: DatabaseTable, known: Guess) -> Iterator[str]:
    if known.external_id:
        is_unique = table.is_unique(known.external_id)
        yield toml_line(
            "external_id", toml_text(known.external_id), "palpite" + ("" if is_unique else ": falta a chave única")
        )
    else:
        yield "# preencher: a coluna, de 40 letras e única, que guarda o código do OmniForce; se não há, crie-a"
        yield '# external_id = "…"'


def _code_of(table: DatabaseTable, reference: ForeignKey) -> str:
    """Return the table's own code, beside the key that others refer to."""
    key = table.columns.get(reference.to[0])
    found = _by(table, IS_CODE.pattern, {"text"}, set(reference.to))
    # A key of letters may be the very code the app has; only another unique one speaks against it.
    is_text = key is not None and key.kind == "text"
    return found if not is_text or (found and table.is_unique(found)) else ""


def _by(
    table: DatabaseTable, pattern: re.Pattern[str], kinds: Collection[str] = (), taken: set[str] | None = None
) -> str:
    names = column_words(table.columns)
    fitting = [
        name
        for name, words in names.items()
        if pattern.match(words) and name not in (taken or set()) and (not kinds or table.columns[name].kind in kinds)
    ]
    return min(fitting, key=lambda name: (not table.is_unique(name), len(names[name])), default="")


def _is_of(sequence: str, table: str) -> bool:
    """GEN_PEDIDO_ID, PEDIDO_SEQ, SEQ_PEDIDO: a sequence with the table's name in it."""
    bare = re.sub(r"[^a-z0-9]", "", table.lower())
    return bare in re.sub(r"[^a-z0-9]", "", sequence.lower())
