"""What an ERP sends out, over every database: the same rows, the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from omnisync.agent.erp.base import Erp
from omnisync.agent.erp.layout.schema import shipped_text
from omnisync.contract.datasets import DATASETS
from tests.support.erp_databases import KEEPERS, SampleErp, make_erp, write
from tests.support.export_setup import WIRE, fill, outgoing
from tests.support.record_samples import change, customer, order


@pytest.fixture(params=list(KEEPERS))
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> SampleErp:
    made = make_erp(request.param, request, tmp_path)
    fill(made)
    return made


def test_padrao_sends_every_dataset_as_the_contract_says(erp: Erp) -> None:
    found = outgoing(erp)
    assert list(found) == list(DATASETS)
    for place, rows in WIRE.items():
        assert found[place] == rows, place


def test_customers_and_how_far_their_orders_are_go_out_as_the_erp_has_them(keeper: SampleErp, erp: Erp) -> None:
    write(erp, change(customer(email="compras@aurora.example", notes="Só à tarde")))
    write(erp, change(order()))
    found = outgoing(erp)
    assert found["omniforce", "customers"] == {
        "1": {
            "erp_code": "1",
            "hub_id": "cus_1",
            "name": "Padaria Aurora Ltda",
            "person_kind": "company",
            "document_kind": "cnpj",
            "document": "12ABC34501DE35",
            "icms_kind": "9",
            "email": "compras@aurora.example",
            "notes": "Só à tarde",
        }
    }
    received = {"order_id": "ord_1", "erp_number": "1", "status": "received", "at": "2026-11-24T12:00:00-03:00"}
    assert found["omniforce", "order-status"] == {"ord_1": received}
    keeper.run("UPDATE pedidos SET situacao = 'faturado'")
    keeper.run("UPDATE notas_fiscais SET pedido = 1, cliente = 1 WHERE numero = '4821'")
    found = outgoing(erp)
    invoiced = received | {"status": "invoiced", "invoice_number": "4821", "at": "2026-11-24T11:52:07-03:00"}
    assert found["omniforce", "order-status"] == {"ord_1": invoiced}
    assert found["dash", "sales-facts"]["4821/1"]["customer_code"] == "1"


def test_a_customers_telephone_and_whole_address_go_with_it_and_half_an_address_stays(
    keeper: SampleErp, erp: Erp
) -> None:
    write(erp, change(customer()))
    keeper.run("UPDATE clientes SET telefone = '11987654321', logradouro = 'Avenida Paulista', uf = 'SP'")
    [sent] = outgoing(erp)["omniforce", "customers"].values()
    assert (sent["phones"], "addresses" in sent) == ([{"kind": "other", "number": "11987654321"}], False)
    keeper.run("UPDATE clientes SET cidade_ibge = '3550308', numero_endereco = 'S/N'")
    [sent] = outgoing(erp)["omniforce", "customers"].values()
    assert sent["addresses"] == [
        {"kind": "main", "street": "Avenida Paulista", "number": "S/N", "city_code": "3550308", "state": "SP"}
    ]


def test_a_row_that_does_not_fit_stands_alone(keeper: SampleErp, erp: Erp) -> None:
    keeper.run("UPDATE produtos SET ativo = 7 WHERE codigo = '000104'")
    products = next(query for query in erp.exports() if query.dataset.name == "products")
    with erp.open_export(products) as rows:
        [lot] = rows.groups()
        made = lot.serialize(range(len(lot.keys)))
    assert [key for key, line in zip(lot.keys, made.lines, strict=True) if line] == ["000101", "A~17~0b"]
    assert [(lot.keys[n], why.code, field) for n, why, field in made.invalid] == [("000104", "type", "is_active")]


def test_the_hash_of_a_row_changes_with_it_and_with_nothing_else(keeper: SampleErp, erp: Erp) -> None:
    def hashes() -> dict[str | None, bytes]:
        with erp.open_export(stock) as rows:
            return {key: hash_ for lot in rows.groups() for key, hash_ in zip(lot.keys, lot.hashes, strict=True)}

    stock = next(query for query in erp.exports() if query.dataset.name == "stock")
    before = hashes()
    assert hashes() == before
    keeper.run("UPDATE estoque SET saldo = '-4.0000' WHERE estabelecimento = '0001' AND produto = '000101'")
    after = hashes()
    assert {key for key in after if after[key] != before[key]} == {"0001/000101"}


@pytest.mark.parametrize("column", ["apurado_em AS measured_at", "apurado_em AS measured_at, apurado_em AS alterado"])
def test_with_a_changed_at_column_only_what_changed_since_is_asked_for(
    keeper: SampleErp, tmp_path: Path, column: str
) -> None:
    layout = tmp_path / "erp.toml"
    before = shipped_text("padrao").replace("apurado_em AS measured_at", column)
    layout.write_text(before.replace("[export.stock]", f'[export.stock]\nchanged_at = "{column.split()[-1]}"'))
    erp = keeper.open(layout=str(layout))
    stock = next(query for query in erp.exports() if query.dataset.name == "stock")
    with erp.open_export(stock) as rows:
        everything = [key for lot in rows.groups() for key in lot.keys]
    assert sorted(map(str, everything)) == ["0001/000101", "0001/000104", "0002/000101"]
    assert rows.latest is not None
    keeper.run("UPDATE estoque SET apurado_em = '2026-11-25 08:00:00' WHERE produto = '000104'")
    with erp.open_export(stock, rows.latest) as later:
        lots = list(later.groups())
    assert sorted(str(key) for lot in lots for key in lot.keys) == ["0001/000101", "0001/000104"]
    assert b"alterado" not in b"".join(line for lot in lots for line in lot.serialize(range(len(lot.keys))).lines)
    with erp.open_export(stock, later.latest) as latest:
        assert [key for lot in latest.groups() for key in lot.keys] == ["0001/000104"]
    erp.close()
