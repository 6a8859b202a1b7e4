"""Compile a layout file for one company into the tables of its plan.

Everything a file can say wrong of itself is met here, before a database is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from hashlib import sha1
from itertools import combinations, permutations
from typing import Any

import msgspec

from omnisync.agent.erp.layout.compiler import Compiler, Mappings, constant_fill
from omnisync.agent.erp.layout.export_queries import compile_queries
from omnisync.agent.erp.layout.field_paths import nearest, paths_of
from omnisync.agent.erp.layout.plan import (
    ExtraPlan,
    ForeignKeyColumn,
    Layout,
    MainPlan,
    NumberFrom,
    RoundedColumns,
    Statement,
    TablePlan,
)
from omnisync.agent.erp.layout.row_builder import ColumnPlan
from omnisync.agent.erp.layout.schema import (
    ChildTable,
    CustomerTable,
    ExtraTable,
    LayoutFile,
    Match,
    Number,
    OrderState,
    OrderTable,
    OutcomeQuery,
)
from omnisync.agent.errors import LayoutError


def compile_layout(file: LayoutFile, zone: tzinfo, mappings: Mappings) -> Layout:
    """Return the layout as fast row makers. Raises LayoutError naming the place of what cannot be."""
    compiler = Compiler(zone, mappings)
    order, state = file.order, file.order.state
    is_queue = order.landing == "staging"
    customer = _main(compiler, "customer", file.customer, is_queue=is_queue) if file.customer is not None else None
    opened = _text(state.open) if state is not None else ""
    names = _tuple(order.customer)
    _expect(not names or customer is not None, "order.customer: este layout não tem a tabela de clientes")
    if customer is not None and names:
        n = len(customer.table.keys)
        _expect(len(names) == n, f"order.customer: a chave do cliente tem {n} colunas")
    _expect(order.landing == "staging" or order.outcome is None, "order.outcome: só com landing = 'staging'")
    if file.state == "agent":
        _check_kept_here(file)
    main = _with_state(_main(compiler, "order", order, names, is_queue=is_queue), state)
    shown = order.shown or (order.number.column if order.number is not None else "") or main.table.keys[-1]
    return Layout(
        name=file.name,
        file=file,
        fingerprint=sha1(msgspec.json.encode((file, mappings), order="sorted"), usedforsecurity=False).hexdigest(),
        customer=customer,
        order=main,
        item=_child(compiler, "item", file.item, main),
        payment=_child(compiler, "payment", file.payment, main) if file.payment is not None else None,
        match=_matched(file.customer),
        without_document=file.customer.without_document if file.customer is not None else "accept",
        is_kept_here=file.state == "agent",
        shown=shown,
        is_staged=is_queue,
        state=state.column if state is not None else "",
        state_open=opened,
        state_cancelled=_text(state.cancelled) if state is not None and state.cancelled is not None else None,
        update_while=frozenset(map(_text, state.update_while)) or frozenset({opened})
        if state is not None
        else frozenset(),
        outcome=_outcome(order.outcome, main.table.keys),
        exports=compile_queries(file.export, zone),
    )


def with_rounding(layout: Layout, rounded: RoundedColumns) -> Layout:
    """Return the layout whose tables know which of their columns round what is written into them."""

    def of_table(table: TablePlan, where: str) -> TablePlan:
        return msgspec.structs.replace(table, rounded=rounded.get(where, {}))

    def of_extra(extra: ExtraPlan, where: str) -> ExtraPlan:
        return msgspec.structs.replace(extra, table=of_table(extra.table, f"{where}.{extra.label}"))

    def of_main(main: MainPlan, kind: str) -> MainPlan:
        return msgspec.structs.replace(
            main,
            table=of_table(main.table, kind),
            before=tuple(of_extra(extra, f"{kind}.before") for extra in main.before),
            after=tuple(of_extra(extra, f"{kind}.after") for extra in main.after),
        )

    return msgspec.structs.replace(
        layout,
        customer=of_main(layout.customer, "customer") if layout.customer is not None else None,
        order=of_main(layout.order, "order"),
        item=of_table(layout.item, "item"),
        payment=of_table(layout.payment, "payment") if layout.payment is not None else None,
    )


def _main(
    compiler: Compiler,
    kind: str,
    file: CustomerTable | OrderTable,
    customer: tuple[str, ...] = (),
    *,
    is_queue: bool,
) -> MainPlan:
    keys = _tuple(file.key)
    columns = compiler.columns(kind, file.columns, f"{kind}.columns")
    late = _foreign_key_columns(compiler, file.columns, f"{kind}.columns")
    befores = [extra.name for extra in file.before]
    known = [*befores, *(["customer"] if kind == "order" else [])]
    _check_foreign_keys(late, known, f"{kind}.columns")
    table = TablePlan(
        kind=kind,
        name=file.table,
        columns=columns,
        foreign_key_columns=(*(ForeignKeyColumn(name, "customer", i) for i, name in enumerate(customer)), *late),
        keys=keys,
        external_id=file.external_id,
        number=_number(compiler, kind, file.number, keys[-1], f"{kind}.number"),
        only_on_create=_only(file.only_on_create, file.columns, kind),
        is_queue=is_queue,
    )
    _check_keys(table, kind)
    afters = [*known, kind]
    main = MainPlan(
        table=table,
        before=tuple(_extra(compiler, kind, extra, befores[:i], "before") for i, extra in enumerate(file.before)),
        after=tuple(
            _extra(compiler, kind, extra, [*afters, *(e.name for e in file.after)], "after") for extra in file.after
        ),
        after_sql=_statement(compiler, kind, file.after_sql, f"{kind}.after_sql", _of_the_row(len(keys))),
    )
    _check_apart(kind, main)
    return main


def _of_the_row(n_keys: int) -> set[str]:
    return {"key", "number", *(f"key{place}" for place in range(1, n_keys + 1))}


def _with_state(main: MainPlan, state: OrderState | None) -> MainPlan:
    """Return the table with its state as a column like another: an order written is an open one."""
    if state is None:
        return main
    _expect(state.column not in main.table.names, f"order.columns.{state.column}: é a coluna de order.state")
    column = ColumnPlan(state.column, constant_fill(state.open), constant=_text(state.open))
    own = "" if main.table.is_queue else state.column
    table = msgspec.structs.replace(main.table, columns=(column, *main.table.columns), state=own)
    return msgspec.structs.replace(main, table=table)


def _extra(compiler: Compiler, kind: str, file: ExtraTable, known: Sequence[str], when: str) -> ExtraPlan:
    where = f"{kind}.{when}.{file.name}"
    late = _foreign_key_columns(compiler, file.columns, f"{where}.columns")
    _check_foreign_keys(late, known, f"{where}.columns")
    keys = _tuple(file.key)
    _expect(when == "after" or bool(keys), f"{where}: falta a chave key, que a tabela principal recebe")
    _expect(when == "before" or bool(late), f"{where}: falta uma coluna com key_of, que a liga ao registro")
    table = TablePlan(
        kind=kind,
        name=file.table,
        columns=compiler.columns(kind, file.columns, f"{where}.columns"),
        foreign_key_columns=late,
        keys=keys,
        external_id=file.external_id,
        number=_number(compiler, kind, file.number, keys[-1] if keys else "", f"{where}.number"),
        only_on_create=_only(file.only_on_create, file.columns, where),
    )
    _check_keys(table, where)
    is_marked = not file.external_id or table.carries_ids
    _expect(is_marked, f"{where}.external_id: a coluna {file.external_id} precisa ser preenchida com 'id'")
    return ExtraPlan(file.name, table, _when(kind, file.when, where))


def _check_apart(kind: str, main: MainPlan) -> None:
    """Check that no row of a record is taken for another in its table: an edit would overwrite or delete that one."""
    for extra in (*main.before, *main.after):
        is_alone = not extra.table.carries_ids or extra.table.name.lower() != main.table.name.lower()
        _expect(
            is_alone, f"{kind}.{extra.label}: está na tabela {main.table.name}, e external_id diz só uma linha dela"
        )
    for one, other in permutations((*main.before, *main.after), 2):
        is_read_back = one in main.before and one.table.carries_ids and not one.table.is_key_known
        _expect(
            not (is_read_back and other.table.carries_ids and _is_same_table(one, other)),
            f"{kind}.{one.label}: está na tabela {one.table.name}, com {other.label}, e a sua chave, feita pelo banco, "
            "só se lê por external_id; tire external_id de uma delas",
        )
    for one, other in combinations(main.after, 2):
        _expect(
            not _is_same_table(one, other)
            or (_leaves_out(one.table, other.table) and _leaves_out(other.table, one.table)),
            f"{kind}.{other.label}: está na tabela {other.table.name}, com {one.label}; dê a cada uma coluna com "
            "constant, que as distinga",
        )


def _is_same_table(one: ExtraPlan, other: ExtraPlan) -> bool:
    return one.table.name.lower() == other.table.name.lower()


def _leaves_out(one: TablePlan, other: TablePlan) -> bool:
    """Return whether what a row is found by leaves the other row out: its key, or a constant that the other lacks."""
    theirs = {late.column: None for late in other.foreign_key_columns} | {c.name: c.constant for c in other.columns}
    if one.carries_ids:
        found_by = {one.external_id}
    elif one.keys and {*one.keys} <= {*one.names, *(late.column for late in one.foreign_key_columns)}:
        return True
    else:
        found_by = {late.column for late in one.foreign_key_columns if late.whose == one.kind}
    if not found_by <= theirs.keys():
        return True
    own = ((c.name, c.constant) for c in one.columns if c.constant is not None and c.name not in one.only_on_create)
    return any(name not in theirs or theirs[name] not in (None, constant) for name, constant in own)


def _when(kind: str, path: str, where: str) -> Callable[[Any], Any] | None:
    if not path:
        return None
    known = paths_of(kind)
    _expect(path in known, f"{where}.when: o campo {path} não existe{nearest(path, known)}")
    return known[path].read


def _child(compiler: Compiler, kind: str, file: ChildTable, order: MainPlan) -> TablePlan:
    parent, n_keys = _tuple(file.parent), len(order.table.keys)
    _expect(len(parent) == n_keys, f"{kind}.parent: a chave do pedido tem {n_keys} colunas")
    late = _foreign_key_columns(compiler, file.columns, f"{kind}.columns")
    _check_foreign_keys(late, ["order", "customer"], f"{kind}.columns")
    identity = {"item_id": file.external_id, "line": file.line, "replace": ""}[file.identity]
    wanted = {"item_id": "external_id", "line": "line"}.get(file.identity)
    _expect(wanted is None or identity in file.columns, f"{kind}.{wanted}: diga qual coluna identifica a linha")
    _expect(file.number is None or bool(file.number.column), f"{kind}.number: falta a chave column")
    return TablePlan(
        kind=kind,
        name=file.table,
        columns=compiler.columns(kind, file.columns, f"{kind}.columns"),
        foreign_key_columns=late,
        parent=parent,
        external_id=file.external_id,
        number=_number(compiler, kind, file.number, "", f"{kind}.number"),
        only_on_create=_only(file.only_on_create, file.columns, kind),
        identity=identity,
        others=tuple(
            _constants_of(extra, parent)
            for extra in (*order.before, *order.after)
            if extra.table.name.lower() == file.table.lower() and _may_be_line(extra.table, identity)
        ),
    )


def _may_be_line(table: TablePlan, identity: str) -> bool:
    """Return whether a row of this table may pass for a line: one without what a line is known by is never deleted."""
    number = [table.number.column] if table.number is not None else []
    filled = {*table.names, *table.keys, *(late.column for late in table.foreign_key_columns), *number}
    return not identity or identity.lower() in {name.lower() for name in filled}


def _constants_of(extra: ExtraPlan, parent: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return what tells a row beside the order from the order's lines in the same table."""
    constants = tuple((c.name, c.constant) for c in extra.table.columns if c.constant is not None)
    apart = tuple(pair for pair in constants if pair[0] not in {*parent, *extra.table.only_on_create})
    _expect(
        bool(apart),
        f"order.{extra.label}: está na tabela {extra.table.name}, com as linhas do pedido; dê a ela uma coluna com "
        "constant, que a distinga delas",
    )
    return apart


def _number(compiler: Compiler, kind: str, file: Number | None, key: str, where: str) -> NumberFrom | None:
    if file is None:
        return None
    needed = {
        "sequence": {"name": file.name},
        "procedure": {"sql": file.sql},
        "counter": {"table": file.table, "value": file.value},
        "max": {},
    }[file.source]
    for word, text in needed.items():
        _expect(bool(text), f"{where}: falta a chave {word}")
    where_columns = compiler.columns(kind, file.where, f"{where}.where") if file.where else ()
    _expect(
        len(where_columns) == len(file.where) and not any(column.query for column in where_columns),
        f"{where}.where: só campos, de/para e constantes",
    )
    return NumberFrom(
        source=file.source,
        column=file.column or key,
        name=file.name,
        statement=_statement(compiler, kind, file.sql, f"{where}.sql"),
        table=file.table,
        value=file.value,
        where=tuple((column.name, column.fill) for column in where_columns),
        form=compiler.form(file.form, f"{where}.form"),
    )


def _statement(compiler: Compiler, kind: str, sql: str, where: str, own: Collection[str] = ()) -> Statement | None:
    """Return the statement; `own` are the words of ours that are known where it runs."""
    if not sql:
        return None
    statement = Statement(*compiler.parameters(kind, sql, where))
    for word, fill in statement.parameters:
        _expect(fill is not None or word in own, f"{where}: aqui não se sabe o que é :{word}")
    return statement


def _matched(file: CustomerTable | None) -> Match | None:
    match = file.match if file is not None else None
    if file is not None and match is not None:
        for name in match.update:
            _expect(
                name in file.columns, f"customer.match.update: a coluna {name} não existe{nearest(name, file.columns)}"
            )
    return match


def _check_kept_here(file: LayoutFile) -> None:
    """Check that external ids are there: the agent's memory may be lost, and the ERP's own rows must then tell what
    is in it.
    """
    for kind, main in (("customer", file.customer), ("order", file.order)):
        if main is None:
            continue
        _expect(bool(main.external_id), f"{kind}.external_id: com state = 'agent', diga que coluna guarda o id")
        source = main.columns.get(main.external_id)
        _expect(source == "id", f"{kind}.columns.{main.external_id}: com state = 'agent', é 'id', sem conversores")
    outcome = file.order.outcome
    _expect(
        file.order.landing == "direct" or (outcome is not None and ":ids" in outcome.sql),
        "order.outcome: com state = 'agent', uma fila precisa de outcome com IN (:ids)",
    )


def _outcome(file: OutcomeQuery | None, keys: tuple[str, ...]) -> OutcomeQuery | None:
    if file is not None:
        _expect(":ids" in file.sql or ":keys" in file.sql, "order.outcome.sql: termine com IN (:ids) ou IN (:keys)")
        is_matched_whole = len(keys) == 1 or ":keys" not in file.sql
        _expect(is_matched_whole, f"order.outcome.sql: a chave do pedido tem {len(keys)} colunas; use IN (:ids)")
    return file


def _only(names: Sequence[str], columns: Mapping[str, Any], where: str) -> frozenset[str]:
    for name in names:
        _expect(name in columns, f"{where}.only_on_create: a coluna {name} não existe{nearest(name, columns)}")
    return frozenset(names)


def _check_keys(table: TablePlan, where: str) -> None:
    for name in table.keys[:-1]:
        _expect(name in table.names, f"{where}.key: a coluna {name} precisa estar em columns")


def _foreign_key_columns(compiler: Compiler, written: Mapping[str, Any], where: str) -> tuple[ForeignKeyColumn, ...]:
    return tuple(ForeignKeyColumn(column, whose) for column, whose in compiler.foreign_key_columns(written, where))


def _check_foreign_keys(late: Sequence[ForeignKeyColumn], known: Sequence[str], where: str) -> None:
    for one in late:
        _expect(one.whose in known, f"{where}.{one.column}: key_of = {one.whose} não existe{nearest(one.whose, known)}")


def _expect(is_so: bool, motive: str) -> None:
    if not is_so:
        raise LayoutError(motivo=motive)


def _tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _text(value: object) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)
