"""The sentences: every error has one, each is one sentence or two, and none needs a word nobody gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from omnisync.agent import errors
from omnisync.agent.coded_message import coded
from omnisync.agent.errors import OmnisyncError
from omnisync.agent.messages import pt, sentences
from omnisync.agent.messages.format import format_integer, format_money
from omnisync.agent.progress import deletes_to_confirm
from omnisync.agent.record_ref import RecordLabel

ROOT = Path(__file__).parents[2]


AGREED = {
    "hub_unreachable": "Não foi possível falar com a central do OmniForce. Verifique a internet deste computador. "
    "Vamos tentar de novo às {hora}.",
    "token_refused": "A chave de acesso não foi aceita pela central. Gere uma nova chave no OmniForce e informe "
    "em Conexão.",
    "company_suspended": "O acesso da sua empresa à central está suspenso. Fale com o suporte do OmniForce.",
    "agent_too_old": "Esta versão do Omnisync ({versao}) não é mais aceita pela central. Atualize o Omnisync "
    "neste computador.",
    "rate_limited": "A central pediu uma pausa. A importação continua sozinha em {n} segundos; não é preciso "
    "fazer nada.",
    "maintenance": "A central está em manutenção. Nada se perdeu: a importação será refeita às {hora}.",
    "destination_unreachable": "Não foi possível abrir o banco {banco} no servidor {servidor}. Verifique se o "
    "servidor está ligado e na rede.",
    "destination_login": "O banco {banco} recusou o usuário ou a senha. Confira os dados em Conexão.",
    "destination_permission": "O usuário do banco não pode gravar na tabela {tabela}. Peça ao administrador a "
    "permissão de gravação.",
    "destination_full": "O disco do servidor {servidor} está cheio. Libere espaço e clique em Importar de novo.",
    "run_in_progress": "Já existe uma sincronização em andamento, iniciada às {hora}. Aguarde o término para "
    "importar de novo.",
    "cnpj_column_numeric": "A coluna {coluna} guarda só números e não aceita os novos CNPJ com letras. Altere a "
    "coluna para texto de 14 posições antes de importar.",
    "tax_id_invalid": "O CNPJ/CPF do cliente {codigo} está incorreto. Corrija no OmniForce; o pedido {numero} "
    "entra na próxima importação.",
    "customer_missing": "O pedido {numero} aguarda o cadastro do cliente {nome}. Ele será importado assim que o "
    "cliente chegar.",
    "customer_duplicate": "Há {n} clientes no ERP com o mesmo CNPJ do cliente {nome}. Escolha qual deles usar em "
    "Pendências.",
    "product_unknown": "O produto {codigo} não existe no ERP. Cadastre o produto ou corrija o código no OmniForce "
    "e envie o pedido de novo.",
    "establishment_unknown": "Há {pedidos} do estabelecimento {codigo}, que não está cadastrado na central. "
    "Cadastre o estabelecimento ou corrija os pedidos no OmniForce.",
    "payment_method_unmapped": "A forma de pagamento {codigo} ainda não tem correspondente no ERP. Informe em "
    "De/Para e clique em Tentar de novo.",
    "totals_mismatch": "O total do pedido {numero} ({total}) não fecha com a soma dos itens ({soma}). Abra o "
    "pedido no OmniForce, salve e envie de novo.",
    "payments_mismatch": "As formas de pagamento do pedido {numero} somam {soma}, mas o pedido é de {total}. "
    "Ajuste as parcelas no OmniForce.",
    "quantity_invalid": "O item {linha} do pedido {numero} está com quantidade zero. Informe a quantidade ou "
    "retire o item no OmniForce.",
    "order_locked": "O pedido {numero} foi alterado no OmniForce depois de {situacao} no ERP ({numero_erp}). "
    "Mantivemos o ERP como está; trate a diferença com o vendedor.",
    "text_shortened": "O nome do cliente {codigo} tem {n} letras e o ERP aceita {max}. Gravamos o nome reduzido.",
    "clock_skew": "O relógio deste computador está {n} minutos {direcao}. Acerte a data e a hora do Windows para "
    "o agendamento funcionar na hora certa.",
    "schedule_no_day": "Escolha ao menos um dia da semana para salvar o agendamento.",
    "schedule_interval_short": "O menor intervalo é de 5 minutos. Para uma exportação por dia, deixe 0 hora(s) e "
    "0 minuto(s).",
    "many_deleted": "{n} produtos deixarão de aparecer no OmniForce com esta exportação. Confira e clique em "
    "Confirmar para continuar.",
    "hub_changed_shape": "A central enviou um dado que esta versão não conhece ({campo}). O {registro} ficou "
    "separado. Atualize o Omnisync.",
}
"""The 28 sentences agreed with the project, in their order; `{pedidos}` is "2 pedidos", `{registro}` "pedido OF-1"."""

DEPARTURES = {
    # The customer is refused once, for all the orders that wait for it; each of these says its own number.
    "tax_id_invalid": ("o pedido {numero} entra na", "os pedidos dele entram na"),
    # With freight or a discount the items' total is not the order's, which the salesperson sees.
    "totals_mismatch": ("O total do pedido", "O total dos itens do pedido"),
    # The agent also runs where there is no Windows.
    "clock_skew": ("a hora do Windows para", "a hora para"),
}
"""Where ours reads otherwise, and why."""


def _errors(parent: type[OmnisyncError]) -> Iterator[type[OmnisyncError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from _errors(child)


def test_every_error_has_its_sentence() -> None:
    missing = {error.code for error in _errors(OmnisyncError)} - pt.MESSAGES.keys()
    assert missing == set()


def test_every_code_the_program_names_has_its_sentence() -> None:
    named = set()
    for path in (ROOT / "omnisync" / "agent").rglob("*.py"):
        source = path.read_text()
        named |= set(
            re.findall(r'(?:(?<!Field)Error|\.refuse|_keep|reason_of)\((?:verdict, |lot\[0\], )?"([a-z_]+)"', source)
        )
        named |= set(re.findall(r'Fault\(\s*code="([a-z_]+)"', source))
    named |= set(re.findall(r'Fault\(\s*code="([a-z_]+)"', (ROOT / "omnisync/contract/rules.py").read_text()))
    assert len(named) > 25
    assert named - pt.MESSAGES.keys() == set()


@pytest.mark.parametrize("code", AGREED)
def test_the_agreed_sentences_stand_word_for_word(code: str) -> None:
    agreed, ours = DEPARTURES.get(code, ("", ""))
    assert pt.MESSAGES[code].text == AGREED[code].replace(agreed, ours)
    assert len(AGREED) == 28


@pytest.mark.parametrize("code", pt.TIMELESS)
def test_a_sentence_that_names_an_hour_is_said_without_it_when_nobody_knows_it(code: str) -> None:
    assert "12:04" in sentences.of_code(code, hora="12:04")
    assert sentences.of_code(code) == pt.TIMELESS[code].text
    assert "–" not in sentences.of_code(code)


@pytest.mark.parametrize("code", pt.OF_EXPORTS)
def test_of_an_export_no_sentence_speaks_of_an_import(code: str) -> None:
    words = {"hora": "12:04", "n": 7}
    assert sentences.of_run(code, words, is_export=False) == sentences.of_code(code, **words)
    assert "importação" in sentences.of_code(code, **words)
    said = sentences.of_run(code, words, is_export=True)
    assert "exportação" in said
    assert "import" not in said
    for other in ("hub_corrupt", "erp_busy", "maintenance"):
        assert "import" not in sentences.of_code(other)


@pytest.mark.parametrize("code", pt.MESSAGES)
def test_a_sentence_ends_in_a_full_stop_and_is_filled_without_words(code: str) -> None:
    said = sentences.of_code(code)
    assert "{" not in said
    assert said.rstrip().endswith((".", "–"))


def test_an_unknown_code_still_says_something() -> None:
    assert sentences.of_code("no_such_code").startswith("Algo inesperado aconteceu")


def test_the_error_tree_is_drawn_at_the_top_of_its_module() -> None:
    drawn = errors.__doc__ or ""
    assert [
        error.__name__
        for error in _errors(OmnisyncError)
        if error.__module__ == errors.__name__ and error.__name__ not in drawn
    ] == []


def test_money_is_written_as_in_brazil() -> None:
    assert format_money("1234567.5") == "R$\u00a01.234.567,50"
    assert format_integer(1204) == "1.204"


@pytest.mark.parametrize("code", pt.MESSAGES)
def test_what_happened_and_the_remedy_are_two_fields(code: str) -> None:
    message = pt.MESSAGES[code]
    assert message.text == f"{message.sentence} {message.remedy}".rstrip()
    assert message.sentence.endswith((".", "{motivo}"))
    assert not message.remedy or message.remedy.endswith(".")


def test_a_word_that_is_a_message_is_filled_with_its_sentence() -> None:
    inner = coded("destination_missing_table", banco="erp", tabela="pedido")
    assert sentences.of_message(coded("check_query", onde="export.stock", motivo=inner)) == (
        "A consulta de export.stock não roda neste banco: O banco erp não tem a tabela pedido. "
        "Confira o banco e o layout em Conexão."
    )


@pytest.mark.parametrize(("label", "said"), [("OF-1", "O pedido OF-1"), ("", "O pedido sem identificação")])
def test_a_record_is_named_by_its_kind_and_label(label: str, said: str) -> None:
    words = {"registro": RecordLabel("order", label), "campo": "id"}
    assert sentences.of_words("record_unreadable", words).startswith(f"{said} não pode ser lido (id).")


def test_amounts_are_written_where_they_are_shown() -> None:
    said = sentences.of_code("payments_mismatch", numero="OF-1", total="1234.5", soma="1000")
    assert "somam R$\u00a01.000,00, mas o pedido é de R$\u00a01.234,50." in said


@pytest.mark.parametrize(
    "words",
    [
        {"n": "1.204", "dados": "preços"},
        {"n": "1204", "dados": "prices"},
        dict(deletes_to_confirm("prices", 1204).words),
    ],
)
def test_deletes_read_alike_however_a_row_of_the_journal_has_them(words: dict[str, object]) -> None:
    """An older version stored them as they are shown."""
    said = sentences.of_run("many_rows_deleted", words, is_export=True)
    assert said.startswith("1.204 registros (preços) deixarão de existir")
