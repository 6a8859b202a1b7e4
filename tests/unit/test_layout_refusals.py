"""What a layout may not say: each refusal names its place. A small layout is good, and each case spoils one thing."""

from __future__ import annotations

import pytest

from omnisync.agent.erp.layout.plan import ForeignKeyColumn
from omnisync.agent.errors import LayoutError
from tests.support.layout_samples import GOOD, HEAD, ITEM, ORDER, compiled
from tests.support.layout_samples import with_changes as spoiled


def motive(text: str) -> str:
    with pytest.raises(LayoutError) as raised:
        compiled(text)
    assert raised.value.code == "layout"
    return str(raised.value.words["motivo"])


def before(kind: str, rest: str, columns: str = "a = 'id'") -> str:
    return f"[[{kind}.before]]\nname = 'pessoa'\ntable = 'pes'\n{rest}\n[{kind}.before.columns]\n{columns}\n"


def after(kind: str, rest: str, columns: str) -> str:
    return f"[[{kind}.after]]\nname = 'extra'\ntable = 'ext'\n{rest}\n[{kind}.after.columns]\n{columns}\n"


ORDER_COLUMNS = "[order.columns]\n"
CUSTOMER_COLUMNS = "[customer.columns]\n"
ITEM_COLUMNS = "[item.columns]\n"

CASES = {
    # the file
    "no TOML": (HEAD + "[order", "o arquivo não é TOML"),
    "unknown key": (spoiled(('table = "ped"', 'tabel = "ped"')), "order: a chave tabel não existe; seria table?"),
    "missing key": (spoiled(('table = "ped"\n', "")), "order: falta a chave table"),
    "wrong type": (spoiled(('table = "ped"', "table = 7")), "order.table: aqui se espera str, não int"),
    "wrong word": (
        spoiled(('identity = "line"', 'identity = "lines"')),
        "item.identity: o valor lines não existe",
    ),
    "no form": (
        spoiled(('nome = "name"', "nome = { constante = 1 }")),
        "customer.columns.nome: falta field, constant, lookup, sql ou key_of",
    ),
    "form's key": (
        spoiled(('nome = "name"', "nome = { field = 'name', mapa = { a = 'b' } }")),
        "customer.columns.nome: a chave mapa não existe; seria map?",
    ),
    "form's missing key": (
        spoiled(('nome = "name"', "nome = { lookup = 'T', by = 'A', field = 'name' }")),
        "customer.columns.nome: falta a chave take",
    ),
    # paths and converters
    "unknown field": (
        spoiled(('nome = "name"', 'nome = "nam"')),
        "customer.columns.nome: o campo nam não existe; seria name?",
    ),
    "field of another kind": (spoiled(('nome = "name"', 'nome = "totals.total_amount"')), "totals.total_amount não"),
    "unknown converter": (spoiled(('"name"', '"name | uper"')), "o conversor uper não existe; seria upper?"),
    "converter that is no call": (spoiled(('"name"', '"name | cut(1"')), "não foi entendido"),
    "wrong argument": (spoiled(('"name"', '"name | cut(0)"')), "o conversor cut(0) não foi entendido"),
    "too many arguments": (spoiled(('"name"', '"name | upper(1)"')), "o conversor upper(1) não foi entendido"),
    "cut document": (spoiled(('"name"', '"document | cut(5)"')), "document é código, documento ou número"),
    "digits of a CNPJ": (spoiled(('"name"', '"document | digits"')), "digits estraga o CNPJ"),
    "amount of a text": (spoiled(('"name"', '"name | decimal(2)"')), "o conversor decimal não serve para name"),
    "join without fields": (spoiled(('"name"', "\"name | join(', ')\"")), "join pede o separador e ao menos um campo"),
    "unknown word": (
        spoiled(('nome = "name"', "nome = { sql = 'SELECT 1 FROM t WHERE a = :key' }")),
        "customer.columns.nome: aqui não se sabe o que é :key",
    ),
    "unknown field in a query": (
        spoiled(('nome = "name"', "nome = { sql = 'SELECT 1 FROM t WHERE a = :nam' }")),
        "customer.columns.nome: o campo nam não existe; seria name?",
    ),
    # keys
    "key's first column": (spoiled(('key = "num"', 'key = ["filial", "num"]')), "order.key: a coluna filial precisa"),
    "parent's columns": (
        spoiled(('key = "num"', 'key = ["total", "num"]')),
        "item.parent: a chave do pedido tem 2 colunas",
    ),
    "customer's key": (
        spoiled(('key = "num"', 'key = "num"\ncustomer = ["a", "b"]')),
        "order.customer: a chave do cliente tem 1 colunas",
    ),
    "customer without a table": (
        HEAD + ORDER.replace('key = "num"', 'key = "num"\ncustomer = "cli"') + ITEM,
        "order.customer: este layout não tem a tabela de clientes",
    ),
    "key_of nothing": (
        spoiled(('total = "totals.total_amount"', "c = { key_of = 'custome' }")),
        "order.columns.c: key_of = custome não existe; seria customer?",
    ),
    "key of itself": (
        spoiled(('nome = "name"', "c = { key_of = 'customer' }")),
        "customer.columns.c: key_of = customer não existe",
    ),
    # lines
    "identity without a column": (
        spoiled(('line = "seq"', 'line = "outra"')),
        "item.line: diga qual coluna identifica a linha",
    ),
    "identity by id without a column": (
        spoiled(('identity = "line"', 'identity = "item_id"')),
        "item.external_id: diga qual coluna identifica a linha",
    ),
    "line's number": (
        spoiled((ITEM_COLUMNS, "[item.number]\nfrom = 'sequence'\nname = 's'\n" + ITEM_COLUMNS)),
        "item.number: falta a chave column",
    ),
    # state and queue
    "state's column twice": (
        spoiled((ORDER_COLUMNS, "[order.state]\ncolumn = 'total'\nopen = 'A'\n" + ORDER_COLUMNS)),
        "order.columns.total: é a coluna de order.state",
    ),
    "outcome without a queue": (
        spoiled((ORDER_COLUMNS, "[order.outcome]\nsql = 'x IN (:ids)'\nstates = {}\n" + ORDER_COLUMNS)),
        "order.outcome: só com landing = 'staging'",
    ),
    "outcome without ids": (
        spoiled(
            ('key = "num"', 'key = "num"\nlanding = "staging"'),
            (ORDER_COLUMNS, "[order.outcome]\nsql = 'SELECT 1'\nstates = {}\n" + ORDER_COLUMNS),
        ),
        "order.outcome.sql: termine com IN (:ids) ou IN (:keys)",
    ),
    # numbers
    "sequence without a name": (
        spoiled((ORDER_COLUMNS, "[order.number]\nfrom = 'sequence'\n" + ORDER_COLUMNS)),
        "order.number: falta a chave name",
    ),
    "procedure without a query": (
        spoiled((ORDER_COLUMNS, "[order.number]\nfrom = 'procedure'\n" + ORDER_COLUMNS)),
        "order.number: falta a chave sql",
    ),
    "counter without a table": (
        spoiled((ORDER_COLUMNS, "[order.number]\nfrom = 'counter'\nvalue = 'v'\n" + ORDER_COLUMNS)),
        "order.number: falta a chave table",
    ),
    "counter without a value": (
        spoiled((ORDER_COLUMNS, "[order.number]\nfrom = 'counter'\ntable = 't'\n" + ORDER_COLUMNS)),
        "order.number: falta a chave value",
    ),
    "counter's row by a lookup": (
        spoiled(
            (
                ORDER_COLUMNS,
                "[order.number]\nfrom = 'counter'\ntable = 't'\nvalue = 'v'\n"
                "where = { a = { sql = 'SELECT 1' } }\n" + ORDER_COLUMNS,
            )
        ),
        "order.number.where: só campos, de/para e constantes",
    ),
    "number's form": (
        spoiled((ORDER_COLUMNS, "[order.number]\nfrom = 'max'\nform = 'zeros(6)'\n" + ORDER_COLUMNS)),
        "order.number.form: o conversor zeros não existe; seria zeros_left?",
    ),
    # what is named must be there
    "written once": (
        spoiled(('key = "cod"', 'key = "cod"\nonly_on_create = ["nom"]')),
        "customer.only_on_create: a coluna nom não existe; seria nome?",
    ),
    "match's columns": (
        spoiled((CUSTOMER_COLUMNS, "[customer.match]\ncolumn = 'doc'\nupdate = ['nom']\n" + CUSTOMER_COLUMNS)),
        "customer.match.update: a coluna nom não existe; seria nome?",
    ),
    "after_sql's words": (
        spoiled(('key = "cod"', 'key = "cod"\nafter_sql = "UPDATE t SET a = :key2"')),
        "customer.after_sql: aqui não se sabe o que é :key2",
    ),
    # rows before and after
    "before without a key": (GOOD + before("customer", ""), "customer.before.pessoa: falta a chave key"),
    "before that takes a later key": (
        GOOD + before("customer", "key = 'p'", "a = { key_of = 'customer' }"),
        "customer.before.pessoa.columns.a: key_of = customer não existe",
    ),
    "when": (
        GOOD + before("customer", "key = 'p'\nwhen = 'documento'"),
        "customer.before.pessoa.when: o campo documento não existe; seria document?",
    ),
    "after without a link": (
        GOOD + after("order", "", "a = 'id'"),
        "order.after.extra: falta uma coluna com key_of, que a liga ao registro",
    ),
    "after beside another, alike": (
        GOOD
        + after("customer", "when = 'email'", "cli = { key_of = 'customer' }\ne = 'email'")
        + after("customer", "", "cli = { key_of = 'customer' }\ne = 'name'").replace("'extra'", "'nome'"),
        "customer.nome: está na tabela ext, com extra; dê a cada uma coluna com constant, que as distinga",
    ),
    "after in the main table, marked": (
        GOOD + after("order", "external_id = 'a'", "p = { key_of = 'order' }\na = 'id'").replace("'ext'", "'PED'"),
        "order.extra: está na tabela ped, e external_id diz só uma linha dela",
    ),
    "two before, marked, of one table whose keys the database makes": (
        GOOD
        + before("customer", "key = 'p'\nexternal_id = 'a'", "a = 'id'")
        + before("customer", "key = 'p'\nexternal_id = 'a'", "a = 'id'").replace("'pessoa'", "'outra'"),
        "customer.pessoa: está na tabela pes, com outra, e a sua chave, feita pelo banco, só se lê por external_id",
    ),
    "after among the lines": (
        GOOD + after("order", "", "num = { key_of = 'order' }\nseq = 'number'").replace("'ext'", "'ite'"),
        "order.extra: está na tabela ite, com as linhas do pedido; dê a ela uma coluna com constant",
    ),
    # bindings kept by the agent
    "kept by the agent without ids": (
        spoiled((HEAD, HEAD + "state = 'agent'\n"), ('external_id = "id_app"\n', "")),
        "customer.external_id: com state = 'agent', diga que coluna guarda o id",
    ),
    "kept by the agent with changed ids": (
        spoiled((HEAD, HEAD + "state = 'agent'\n"), ('id_app = "id"', 'id_app = "id | upper"')),
        "customer.columns.id_app: com state = 'agent', é 'id', sem conversores",
    ),
    "kept by the agent with a queue": (
        spoiled((HEAD, HEAD + "state = 'agent'\n"), ('key = "num"', 'key = "num"\nlanding = "staging"')),
        "order.outcome: com state = 'agent', uma fila precisa de outcome com IN (:ids)",
    ),
    # exports
    "unknown dataset": (GOOD + "[export.produtos]\nsql = 'SELECT 1'", "export.produtos: este conjunto de dados não"),
    "word of an export": (
        GOOD + "[export.products]\nsql = 'SELECT :since'",
        "export.products.sql: :since não existe; a única palavra é :today",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_is_refused_naming_its_place(case: str) -> None:
    text, words = CASES[case]
    assert words in motive(text)


def test_the_layout_that_every_case_spoils_is_good() -> None:
    layout = compiled(GOOD)
    assert [table.name for table in layout.tables] == ["cli", "ped", "ite"]
    assert (layout.payment, layout.is_staged, layout.is_kept_here, layout.needs_database) == (None, False, False, False)
    assert layout.item.parent == ("num",)
    assert layout.item.identity == "seq"


def test_the_state_is_the_first_column_of_an_order_and_decides_what_may_be_changed() -> None:
    state = "[order.state]\ncolumn = 'sit'\nopen = 1\nupdate_while = [1, true, 'A']\ncancelled = 9\n"
    layout = compiled(spoiled((ORDER_COLUMNS, state + ORDER_COLUMNS)))
    assert layout.order.table.names == ["sit", "id_app", "total"]
    assert (layout.state, layout.state_open, layout.state_cancelled) == ("sit", "1", "9")
    assert layout.update_while == {"1", "A"}


def test_without_other_words_only_an_open_order_may_be_changed() -> None:
    layout = compiled(spoiled((ORDER_COLUMNS, "[order.state]\ncolumn = 'sit'\nopen = 'A'\n" + ORDER_COLUMNS)))
    assert layout.update_while == {"A"}
    assert layout.state_cancelled is None


def test_a_key_of_several_columns_is_taken_part_by_part() -> None:
    layout = compiled(
        spoiled(('key = "cod"', 'key = ["nome", "cod"]'), ('key = "num"', 'key = "num"\ncustomer = ["cli1", "cli2"]'))
    )
    assert layout.order.table.foreign_key_columns == (
        ForeignKeyColumn("cli1", "customer", 0),
        ForeignKeyColumn("cli2", "customer", 1),
    )


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ((), "num"),
        (((ORDER_COLUMNS, "[order.number]\nfrom = 'max'\ncolumn = 'nro'\n" + ORDER_COLUMNS),), "nro"),
        ((('key = "num"', 'key = "num"\nshown = "total"'),), "total"),
    ],
)
def test_people_know_an_order_by_what_is_shown_its_number_or_its_key(
    changes: tuple[tuple[str, str], ...], shown: str
) -> None:
    assert compiled(spoiled(*changes)).shown == shown


def test_a_row_beside_the_order_is_told_from_its_lines_by_its_constant() -> None:
    extra = after("order", "", "num = { key_of = 'order' }\nseq = { constant = 0 }").replace("'ext'", "'ITE'")
    assert compiled(GOOD + extra).item.others == ((("seq", "0"),),)


def test_the_fingerprint_changes_with_the_layout_and_with_de_para_and_with_nothing_else() -> None:
    def fingerprint(text: str, mappings: dict[str, dict[str, str]]) -> str:
        return compiled(text, mappings).fingerprint

    plain = fingerprint(GOOD, {})
    assert plain == fingerprint(GOOD + "\n# a comment\n", {})
    assert plain != fingerprint(GOOD.replace('"name"', '"name | upper"'), {})
    assert plain != fingerprint(GOOD, {"seller": {"V1": "7"}})
    assert fingerprint(GOOD, {"seller": {"a": "1", "b": "2"}}) == fingerprint(GOOD, {"seller": {"b": "2", "a": "1"}})


@pytest.mark.parametrize("mark", ["", "external_id = 'a'"], ids=["unmarked", "marked"])
def test_rows_after_the_main_one_in_one_table_are_told_apart_by_a_constant(mark: str) -> None:
    rows = [
        after("customer", mark, f"cli = {{ key_of = 'customer' }}\na = 'id'\ntipo = {{ constant = '{kind}' }}").replace(
            "'extra'", f"'{kind}'"
        )
        for kind in "AB"
    ]
    assert compiled(GOOD + "".join(rows)).customer is not None
