"""An outbox or a hub that was put back from an older copy: the next export finds it out and sends everything anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnisync.agent.hub_api.client import HubClient, HubUploads
from omnisync.agent.hub_api.transport import Transport
from omnisync.agent.progress import ExportCounts
from omnisync.agent.sync.outbox import Outbox
from omnisync.contract.batches import BatchAnswer, UploadState
from tests.support.export_setup import ExportSetup, as_before, fill, sent, with_queries
from tests.support.hub_server import COMPANY
from tests.support.import_runs import client
from tests.support.record_samples import NOW

PRODUCTS = ("omniforce", "products")
HUB_TABLES = ("export_row", "export_batch", "export_snapshot", "export_last_batch", "export_source", "export_set")


class OfContract10(HubClient):
    """A client whose hub is of before GET /v1/exports."""

    def uploads(self) -> HubUploads:
        return HubUploads(epoch=self.streams(()).epoch)


def file_of(folder: Path) -> Path:
    return folder / "exports" / "producao.db"


def products(*codes: str) -> dict[str, list[tuple[Any, ...]]]:
    return {"produtos": [(code, f"Produto {code}", "UN", *[None] * 5, 1) for code in codes]}


def many(n: int) -> dict[str, list[tuple[Any, ...]]]:
    return products(*(f"P{i:04}" for i in range(n)))


def rename(office: ExportSetup, code: str, name: str) -> None:
    office.keeper.run(f"UPDATE produtos SET descricao = '{name}' WHERE codigo = '{code}'")  # noqa: S608  # our own


def told(office: ExportSetup) -> UploadState:
    with client(office.hub) as opened:
        states = opened.uploads().states
    assert states is not None
    return states[PRODUCTS]


@pytest.mark.parametrize("is_full", [False, True])
def test_case_c2_an_outbox_put_back_from_an_older_copy(office: ExportSetup, tmp_path: Path, is_full: bool) -> None:
    fill(office.keeper)
    office.export()
    older = file_of(tmp_path).read_bytes()
    rename(office, "000101", "Nome do meio")
    office.keeper.run("INSERT INTO produtos (codigo, descricao, unidade, ativo) VALUES ('NOVO', 'Novo', 'UN', 1)")
    office.export()
    file_of(tmp_path).write_bytes(older)
    rename(office, "000101", "Tinta acrílica fosca gelo 18 L")
    office.keeper.run("DELETE FROM produtos WHERE codigo = 'NOVO'")  # what the copy never knew of
    counts = office.export(is_full=is_full).exports["omniforce.products"]
    office.agreed = {"products": counts.held}
    office.export()
    assert office.at_hub() == office.in_erp()
    assert sent(office.export()) == {}


def test_case_c2_a_hub_put_back_without_a_word_is_noticed_by_an_export_alone(office: ExportSetup) -> None:
    fill(office.keeper)
    office.export()
    with office.hub.store.reading() as db:
        older = {name: db.exec_driver_sql(f"SELECT * FROM {name}").all() for name in HUB_TABLES}
    rename(office, "000101", "Outro nome")
    office.export()
    with office.hub.store.writing() as db:
        for name in HUB_TABLES:
            db.exec_driver_sql(f"DELETE FROM {name}")
        for name, rows in reversed(older.items()):
            marks = ", ".join("?" * len(rows[0])) if rows else ""
            for row in rows:
                db.exec_driver_sql(f"INSERT INTO {name} VALUES ({marks})", tuple(row))
    office.export()
    assert office.at_hub() == office.in_erp()
    assert sent(office.export()) == {}


def test_case_c2_rows_that_went_from_the_hub_alone_are_sent_again(office: ExportSetup) -> None:
    fill(office.keeper)
    office.export()
    with office.hub.store.writing() as db:
        db.exec_driver_sql("DELETE FROM export_row WHERE key = '000101'")
        db.exec_driver_sql("UPDATE export_set SET living = living - 1 WHERE dataset = 'products'")
    office.export()
    assert office.at_hub() == office.in_erp()


def test_what_another_computer_sends_is_not_taken_for_a_copy(office: ExportSetup) -> None:
    fill(office.keeper)
    office.export()
    with office.hub.store.writing() as db:  # a batch of another token's name
        db.exec_driver_sql("UPDATE export_set SET sequence = sequence + 1, living = living + 7")
    assert sent(office.export()) == {}
    assert told(office).living is None


def test_a_batch_that_the_hub_took_without_an_answer_is_not_taken_for_a_copy(office: ExportSetup) -> None:
    fill(office.keeper)
    office.export()
    rename(office, "000101", "Outro nome")

    class Lost(HubClient):
        def send_batch(self, *words: Any, **more: Any) -> BatchAnswer:
            super().send_batch(*words, **more)
            raise KeyboardInterrupt

    opened = Lost(Transport(office.hub.url, office.hub.token, clock=lambda: NOW, monotonic=lambda: 0.0))
    erp = office.keeper.open(layout=office.layout)
    with closing(erp), closing(opened), pytest.raises(KeyboardInterrupt):
        office.exporter(erp, opened).run()
    office.outbox.close()
    assert sent(office.export()) == {"omniforce.products": 1}
    assert sent(office.export()) == {}


def test_a_hub_of_contract_1_0_is_asked_for_its_epoch_alone(office: ExportSetup) -> None:
    fill(office.keeper)
    erp = office.keeper.open(layout=office.layout)
    opened = OfContract10(Transport(office.hub.url, office.hub.token, clock=lambda: NOW, monotonic=lambda: 0.0))
    with closing(erp), closing(opened):
        office.exporter(erp, opened).run()
        assert sent(office.exporter(erp, opened).run()) == {}
    office.outbox.close()
    assert office.at_hub() == office.in_erp()


def test_an_outbox_and_a_hub_of_before_contract_1_1_go_on_as_they_are(office: ExportSetup, tmp_path: Path) -> None:
    fill(office.keeper)
    office.export()
    with closing(sqlite3.connect(file_of(tmp_path), isolation_level=None)) as db:
        as_before(db, 4)
    with office.hub.store.writing() as db_:
        db_.exec_driver_sql("UPDATE export_last_batch SET batch = '', sequence = 0")
    assert sent(office.export()) == {}
    rename(office, "000101", "Outro nome")
    assert sent(office.export()) == {"omniforce.products": 1}
    assert told(office).last_batch
    with closing(sqlite3.connect(file_of(tmp_path), isolation_level=None)) as db:
        as_before(db, 4)
    assert sent(office.export()) == {}
    with closing(sqlite3.connect(file_of(tmp_path))) as db:
        known = dict(db.execute("SELECT name, last_batch FROM dataset"))
    assert known["products"] == told(office).last_batch


def test_case_h14_a_dataset_that_left_the_layout_is_emptied_at_a_restored_hub_too(
    office: ExportSetup, tmp_path: Path
) -> None:
    fill(office.keeper)
    office.export(datasets=("products",))
    with_queries(office, tmp_path, "")
    office.hub.store.new_epoch(COMPANY)
    assert office.export().exports == {"omniforce.products": ExportCounts(held=3)}
    assert office.export().exports == {"omniforce.products": ExportCounts(held=3)}
    assert len(office.at_hub()[PRODUCTS]) == 3
    office.agreed = {"products": 3}
    assert office.export().exports == {"omniforce.products": ExportCounts(deleted=3)}
    assert office.export().exports == {}
    assert office.at_hub()[PRODUCTS] == {}


def test_case_h14_a_dataset_that_left_the_layout_in_the_middle_of_a_snapshot_is_emptied(
    office: ExportSetup, tmp_path: Path
) -> None:
    fill(office.keeper)
    office.export(datasets=("products",))
    office.hub.store.new_epoch(COMPANY)
    office.keeper.run("DELETE FROM produtos WHERE codigo = '000101'")
    assert office.export(datasets=("products",)).exports["omniforce.products"].held == 1
    with_queries(office, tmp_path, "")
    assert office.export().exports == {"omniforce.products": ExportCounts(held=3)}
    office.agreed = {"products": 3}
    assert office.export().exports == {"omniforce.products": ExportCounts(deleted=3)}
    assert office.at_hub()[PRODUCTS] == {}


def test_a_confirmation_of_before_a_copy_is_not_for_what_the_snapshot_lacks(
    office: ExportSetup, tmp_path: Path
) -> None:
    fill(office.keeper, many(60))
    office.export(datasets=("products",))
    older = file_of(tmp_path).read_bytes()
    newer = products(*(f"N{n:04}" for n in range(20)))
    fill(office.keeper, newer)
    office.export(datasets=("products",))
    office.keeper.run("DELETE FROM produtos WHERE codigo BETWEEN 'P0000' AND 'P0019'")
    office.agreed = {"products": office.export(datasets=("products",)).exports["omniforce.products"].held}
    assert office.agreed == {"products": 20}
    file_of(tmp_path).write_bytes(older)
    fill(office.keeper, products(*(f"P{n:04}" for n in range(20))))
    office.keeper.run("DELETE FROM produtos WHERE codigo LIKE 'N%'")  # as many others

    def hold(dataset: str, n: int, is_other: bool) -> None:
        if is_other or not n:
            office.agreed.pop(dataset, None)

    counts = office.export(datasets=("products",), hold=hold)
    assert counts.exports["omniforce.products"] == ExportCounts(read=60, prepared=60, sent=60, held=20)
    assert office.agreed == {}
    assert len(office.at_hub()[PRODUCTS]) == 80
    office.agreed = {"products": 20}
    assert office.export(datasets=("products",)).exports["omniforce.products"].deleted == 20


def test_two_connections_with_one_token_and_one_dataset_do_not_begin_it_at_every_run(
    office: ExportSetup, tmp_path: Path
) -> None:
    fill(office.keeper, many(3))
    other = msgspec.structs.replace(office, outbox=Outbox(tmp_path / "exports" / "filial.db"))
    both = ((office, "matriz"), (other, "filial"))
    for one, name in both:
        one.export(datasets=("products",), sender=name)
    assert [sent(one.export(datasets=("products",), sender=name)) for one, name in both] == [{}, {}]


def test_deletes_held_by_the_hub_and_by_name_go_with_one_confirmation_of_their_sum(office: ExportSetup) -> None:
    fill(office.keeper, many(100))
    office.export(datasets=("products",))
    office.hub.store.new_epoch(COMPANY)
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0030'")
    assert office.export(datasets=("products",)).exports["omniforce.products"].held == 30
    office.keeper.run("DELETE FROM produtos WHERE codigo < 'P0055'")
    assert office.export(datasets=("products",)).exports["omniforce.products"].held == 55
    office.agreed = {"products": 55}
    counts = office.export(datasets=("products",)).exports["omniforce.products"]
    assert (counts.deleted, counts.held, len(office.at_hub()[PRODUCTS])) == (55, 0, 45)
