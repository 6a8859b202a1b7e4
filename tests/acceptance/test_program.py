"""The program at the command line: its exit statuses, its sentences, two at once, told to stop."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from omnisync.agent.config.settings import Home
from omnisync.agent.journal.connection_lock import connection_lock
from omnisync.agent.journal.journal import Journal
from tests.support.hub_server import RunningHub, running_hub
from tests.support.import_runs import send
from tests.support.imported_modules import imported_modules
from tests.support.installed_program import Program, installed
from tests.support.record_samples import NOW, change, customer, order


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as running:
        send(running, change(customer()))
        yield running


@pytest.fixture
def program(tmp_path: Path, hub: RunningHub) -> Program:
    return installed(tmp_path / "a", hub)


def _fill(hub: RunningHub, n: int) -> None:
    for start in range(0, n, 500):
        send(hub, *(change(order(f"ord_{i:05}")) for i in range(start, min(n, start + 500))))


def test_an_import_that_brings_all_ends_with_0(program: Program, hub: RunningHub) -> None:
    send(hub, change(order()))
    done = program.run("import")
    assert (done.status, "1 cliente, 1 pedido, 2 itens e 1 forma de pagamento importados." in done.err) == (0, True)


def test_an_import_with_nothing_new_ends_with_0_and_says_so(program: Program) -> None:
    program.run("import")
    done = program.run("import")
    assert (done.status, done.err.strip().splitlines()[-1]) == (0, "Não há dados novos no OmniForce.")


def test_an_import_with_nothing_new_imports_only_what_it_uses(program: Program) -> None:
    program.run("import")
    found = imported_modules(program.environ, "import")
    assert "httpx" in found
    unused = {
        "sqlalchemy",
        "alembic",
        "litestar",
        "uvicorn",
        "jinja2",
        "argon2",
        "omnisync.hub",
        "omnisync.agent.pages",
        "omnisync.agent.erp.layout_draft",
        "omnisync.agent.erp.layout_check.check",
    }
    assert found & unused == set()
    assert len(found) < 520


def test_an_import_with_a_refusal_ends_with_3_and_tells_which(program: Program, hub: RunningHub) -> None:
    send(hub, change(order(paid="1.00")))
    assert program.run("import").status == 3
    told = program.run("refused")
    assert told.out.startswith("Recusado   Pedido OF-1: As formas de pagamento do pedido OF-1 somam R$\u00a01,00")


def test_an_import_where_something_only_waits_ends_with_0(program: Program, hub: RunningHub) -> None:
    send(hub, change(order(customer_id="cus_late")))
    assert program.run("import").status == 0
    told = program.run("refused").out
    assert re.match(r"Aguardando Pedido OF-1 \(há [^)]+\): O pedido OF-1 aguarda o cadastro", told)


def test_status_counts_the_orders_of_an_establishment_the_hub_does_not_know(program: Program, hub: RunningHub) -> None:
    send(hub, change(order("ord_9", establishment_code="0009")))
    sentence = "Há 1 pedido do estabelecimento 0009, que não está cadastrado na central."
    assert sentence in program.run("status").out
    assert program.run("status", "--json").json()["unknown_establishments"] == {"0009": 1}
    hub.store.add_establishment("aurora", "0009", "LOJA NOVA")
    assert sentence not in program.run("status").out


def test_an_import_leaves_for_the_pages_which_orders_nobody_reads_until_one_finds_them_registered(
    program: Program, hub: RunningHub
) -> None:
    send(hub, change(order("ord_9", establishment_code="0009")))
    assert program.run("import").status == 0
    with closing(Journal(Home(program.home).journal)) as journal:
        assert journal.connections.unread_orders("producao") == {"0009": 1}
        hub.store.add_establishment("aurora", "0009", "LOJA NOVA")
        assert program.run("import").status == 0
        assert journal.connections.unread_orders("producao") == {}


def test_one_establishment_alone_can_be_imported(program: Program, hub: RunningHub) -> None:
    send(hub, change(order("ord_1")), change(order("ord_2", establishment_code="0002")))
    program.run("import", "--establishment", "0002")
    assert program.keeper.query("SELECT id_externo FROM pedidos") == [("ord_2",)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("impot",), "O comando impot não existe. Veja os comandos com omnisync --help."),
        (("import", "--estab", "1"), "A opção --estab não existe. Veja as opções com --help."),
        (("runs", "--limit", "many"), "O valor de '--limit' não é aceito. Veja os valores com --help."),
        (("import", "sobra"), "O comando não foi entendido. Veja como com --help."),
    ],
)
def test_wrong_use_ends_with_2_and_one_sentence(program: Program, arguments: tuple[str, ...], sentence: str) -> None:
    done = program.run(*arguments)
    assert (done.status, done.err.strip(), done.out) == (2, sentence, "")


def test_an_establishment_that_is_not_here_is_never_silently_all(program: Program) -> None:
    done = program.run("import", "--establishment", "0009")
    assert done.status == 1
    assert "O estabelecimento 0009 não está mais configurado neste computador." in done.err


def test_a_refused_token_ends_with_1_and_what_to_do(program: Program, hub: RunningHub) -> None:
    for token in hub.store.tokens("aurora"):
        hub.store.revoke_token("aurora", token.prefix, NOW)
    done = program.run("import")
    assert done.status == 1
    assert "A chave de acesso não foi aceita pela central. Gere uma nova chave" in done.err
    assert "Traceback" not in done.err
    assert hub.token not in done.err + done.out


def test_a_database_that_is_not_there_is_one_sentence(program: Program, tmp_path: Path) -> None:
    Path(program.keeper.database).rename(tmp_path / "moved.db")
    done = program.run("import")
    assert done.status == 1
    assert f"O arquivo {program.keeper.database} não existe neste computador" in done.err
    assert not Path(program.keeper.database).exists()


def test_without_a_connection_the_program_says_how_to_make_one(tmp_path: Path, program: Program) -> None:
    stranger = Program(tmp_path / "nobody", program.keeper)
    done = stranger.run("import")
    assert done.status == 1
    assert "omnisync connection set" in done.err


def test_an_import_while_another_goes_ends_with_1_and_its_sentence(program: Program) -> None:
    with connection_lock(Home(program.home), "producao"):
        done = program.run("import")
    assert done.status == 1
    assert "Já existe uma sincronização em andamento. Aguarde o término" in done.err


def test_two_imports_at_once_leave_what_one_leaves(program: Program, hub: RunningHub) -> None:
    _fill(hub, 6000)
    children = [program.start("import") for _ in range(2)]
    ends = [(child.communicate(timeout=100)[1], child.returncode) for child in children]
    # The one that came second waits a second for the lock: it may find all done, or be told to wait.
    assert sorted(status for _, status in ends) in ([0, 0], [0, 1])
    assert all("Já existe uma sincronização em andamento" in err for err, status in ends if status == 1)
    assert program.keeper.open().records.rows()["orders"] == 6000


def test_sigterm_ends_the_slice_and_the_next_import_goes_on(program: Program, hub: RunningHub) -> None:
    _fill(hub, 6000)
    child = program.start("import")
    for _ in range(600):
        if (
            program.keeper.query("SELECT count(*) FROM sqlite_master WHERE name = 'omnisync_binding'")[0][0]
            and (program.keeper.query("SELECT count(*) FROM pedidos")[0][0])
        ):
            break
        time.sleep(0.01)  # noqa: TID251  # a real process is waited for
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=10)
    assert child.returncode == 4
    assert "Execução cancelada" in err or "interrompida" in err
    assert 0 < program.keeper.open().records.rows()["orders"] < 6000
    assert program.run("import").status == 0
    assert program.keeper.open().records.rows()["orders"] == 6000
    assert program.run("runs", "--json").json()[1]["state"] == "interrupted"


def test_no_document_and_no_token_is_in_what_the_program_leaves_behind(program: Program, hub: RunningHub) -> None:
    send(hub, change(customer("cus_2", person_kind="person", document_kind="cpf", document="11144477736")))
    send(hub, change(order(customer_id="cus_2")))
    done = program.run("import", "--verbose")
    told = program.run("refused", "--json")
    journal = (program.home / "journal.db").read_bytes()
    for text in ("11144477736", hub.token):
        assert text not in done.out + done.err + told.out
        assert text.encode() not in journal
