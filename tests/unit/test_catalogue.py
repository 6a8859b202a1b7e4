"""The way out on the wire: every dataset's rows, what names them, and the strict reading of one line."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omnisync.contract import batches, validation
from omnisync.contract.batches import RefusedLine, ValidRow
from omnisync.contract.datasets import DATASETS, Dataset, key
from tests.support.dataset_rows import PRODUCTS, ROWS, STOCK, key_of, line, product, stock

EACH = pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: f"{dataset.system}-{dataset.name}")
FACTS = DATASETS["dash", "sales-facts"]


def read(dataset: Dataset, *lines: bytes) -> list[ValidRow | RefusedLine]:
    return batches.line_reader(dataset)(lines, 1)


def refusal(dataset: Dataset, raw: bytes) -> tuple[str | None, str, str]:
    one = read(dataset, raw)[0]
    assert isinstance(one, RefusedLine)
    assert one.detail == batches.SENTENCES[one.code]
    return one.key, one.code, one.pointer


def changed(dataset: Dataset, **fields: Any) -> bytes:
    row = ROWS[dataset.system, dataset.name] | fields
    return batches.upsert_line(key_of(dataset, row), "v", json.dumps(row).encode())


def canonical(dataset: Dataset, raw: bytes) -> Any:
    one = read(dataset, raw)[0]
    assert isinstance(one, ValidRow)
    return json.loads(one.line)


def required_of(dataset: Dataset) -> list[str]:
    return [field.name for field in msgspec.structs.fields(dataset.kind) if field.required]


@EACH
def test_a_sound_row_travels_as_it_was_written(dataset: Dataset) -> None:
    row = ROWS[dataset.system, dataset.name]
    sent = line(dataset, row)
    assert canonical(dataset, sent) == json.loads(sent)


@EACH
def test_a_row_reads_into_its_struct_and_is_named_by_it(dataset: Dataset) -> None:
    row = ROWS[dataset.system, dataset.name]
    assert dataset.key_of(msgspec.convert(row, dataset.kind)) == key_of(dataset, row)


@EACH
def test_case_j6_every_optional_text_of_a_row_is_absent_when_empty(dataset: Dataset) -> None:
    bare = {name: ROWS[dataset.system, dataset.name][name] for name in required_of(dataset)}
    expected = canonical(dataset, line(dataset, bare))["data"]
    properties = msgspec.json.schema(validation.strict(dataset.kind))["$defs"][dataset.kind.__name__]["properties"]
    optional = {name: schema for name, schema in properties.items() if name not in bare}
    # A list, or a struct: their texts are not the field's own.
    texts = {
        name: ""
        for name, schema in optional.items()
        if '"array"' not in (told := json.dumps(schema)) and ('"string"' in told or '"enum"' in told)
    }
    assert canonical(dataset, line(dataset, bare | texts))["data"] == expected


@EACH
def test_a_row_without_what_it_needs_is_refused_with_its_place(dataset: Dataset) -> None:
    required = required_of(dataset)
    assert set(dataset.key) <= set(required)
    for name in required:
        row = {k: v for k, v in ROWS[dataset.system, dataset.name].items() if k != name}
        raw = batches.upsert_line("k", "v", json.dumps(row).encode())
        assert refusal(dataset, raw) == ("k", "required", f"/data/{name}")


@EACH
def test_unknown_fields_are_dropped_and_defaults_stay_off_the_wire(dataset: Dataset) -> None:
    row = ROWS[dataset.system, dataset.name]
    told = row | {field.name: field.default for field in msgspec.structs.fields(dataset.kind) if not field.required}
    sent = changed(dataset, **told, customer_name="Fábio D'Ávila", cpf="11144477735")
    kept = canonical(dataset, sent)["data"]
    required = {field.name for field in msgspec.structs.fields(dataset.kind) if field.required}
    assert set(kept) == required


def test_an_empty_text_is_an_absent_one() -> None:
    expected = {"code": "1", "name": "Pincel", "unit": "UN"}
    assert canonical(PRODUCTS, line(PRODUCTS, expected | {"brand": "", "gtin": ""}))["data"] == expected


def test_no_two_rows_are_named_alike() -> None:
    assert key("a/b", "c") == "a~1b/c"
    assert key("a", "b/c") == "a/b~1c"
    assert key("a~1b", "c") == "a~01b/c"


def test_a_code_with_a_slash_in_it_is_read_by_its_written_key() -> None:
    assert canonical(STOCK, line(STOCK, stock("A/B~C")))["key"] == "0001/A~1B~0C"


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"on_hand": "1,50"}, "pattern", "/data/on_hand"),
        ({"on_hand": "1e3"}, "pattern", "/data/on_hand"),
        ({"on_hand": "NaN"}, "pattern", "/data/on_hand"),
        ({"on_hand": "1.00000"}, "pattern", "/data/on_hand"),
        ({"on_hand": "\uff11.00"}, "pattern", "/data/on_hand"),
        ({"on_hand": "1.00\n"}, "pattern", "/data/on_hand"),
        ({"on_hand": "1.00\n1.00"}, "pattern", "/data/on_hand"),
        ({"reserved": "1.00\n1.00"}, "pattern", "/data/reserved"),
        ({"on_hand": 1}, "type", "/data/on_hand"),
        ({"on_hand": None}, "type", "/data/on_hand"),
        ({"establishment_code": "x" * 11}, "length", "/data/establishment_code"),
        ({"measured_at": "2026-11-24T11:52:07"}, "format", "/data/measured_at"),
        ({"measured_at": "ontem"}, "format", "/data/measured_at"),
    ],
)
def test_what_breaks_the_shape_is_refused_with_the_field(fields: dict[str, Any], code: str, pointer: str) -> None:
    raw = changed(STOCK, **fields)
    assert refusal(STOCK, raw) == (json.loads(raw)["key"], code, pointer)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", (None, "json", "")),
        (b"oi", (None, "json", "")),
        (b"[]", (None, "type", "")),
        (b'{"op":"upsert","key":"a","version":"v"}', ("a", "required", "/data")),
        (b'{"op":"upsert","key":"a","data":{"code":"a","name":"b","unit":"UN"}}', ("a", "required", "/version")),
        (b'{"op":"delete"}', (None, "required", "/key")),
        (b'{"op":"delete","key":""}', (None, "length", "/key")),
        (b'{"op":"delete","key":"a\\u0000"}', ("a\0", "text", "/key")),
        (b'{"op":"delete","key":"\\ud800"}', (None, "text", "")),
        (b'{"op":"remove","key":"a"}', ("a", "enum", "/op")),
        (b'{"key":"a"}', ("a", "required", "/op")),
        (b"\xff", (None, "json", "")),
        (b'{"op":' * 5000, (None, "json", "")),
        (b'{"op":"delete","key":"a"} {"op":"delete","key":"b"}', (None, "json", "")),
    ],
)
def test_what_is_no_line_is_refused_by_itself(raw: bytes, expected: tuple[str | None, str, str]) -> None:
    assert refusal(PRODUCTS, raw) == expected


def test_a_lone_surrogate_is_refused_with_its_key() -> None:
    raw = b'{"op":"upsert","key":"a","version":"v","data":{"code":"a","name":"\\ud800","unit":"UN"}}'
    assert refusal(PRODUCTS, raw) == ("a", "text", "")


def test_a_key_that_is_not_its_row_s_is_refused() -> None:
    raw = batches.upsert_line("0001/000124", "v", json.dumps(stock("000123")).encode())
    assert refusal(STOCK, raw) == ("0001/000124", "mismatch", "/key")


@pytest.mark.parametrize("document", ["11144477735", "12ABC34501DE35", "11222333000181"])
@pytest.mark.parametrize("name", FACTS.anonymous)
def test_a_document_is_no_code_among_the_facts(name: str, document: str) -> None:
    assert refusal(FACTS, changed(FACTS, **{name: document})) == ("4821/1", "document", f"/data/{name}")


@pytest.mark.parametrize("code", [
    "52998224725-JOAO", "JOAO52998224725", "C:529.982.247-25", "529 982 247 25 J", "1-52998224725", "00052998224725",
    "５２９９８２２４７２５", "٥٢٩٩٨٢٢٤٧٢٥", "529_982_247_25", "11222333000181-A", "CLI11222333000181",
    "11-222-333-0001-81",
    "X 12ABC34501DE35", "12.abc.345/01de-35 X", "52998224725\u200b", "529\u200b982\u200b247\u200b25",
])  # fmt: skip
def test_case_j9_a_document_in_any_clothes_is_no_code_among_the_facts(code: str) -> None:
    assert refusal(FACTS, changed(FACTS, customer_code=code))[1:] == ("document", "/data/customer_code")


@pytest.mark.parametrize("code", ["52998224726-JOAO", "7898357410015", "00000000042", "VENDEDOR-LOJA-12"])
def test_case_j9_a_code_that_is_no_document_enters(code: str) -> None:
    assert canonical(FACTS, changed(FACTS, customer_code=code))["data"]["customer_code"] == code


def test_facts_know_no_field_for_a_name_or_a_document() -> None:
    assert not {"name", "document"} & {part for name in FACTS.kind.__struct_fields__ for part in name.split("_")}


def test_one_bad_line_refuses_only_itself() -> None:
    sent = [line(PRODUCTS, product(str(n))) for n in range(5)]
    sent[2] = b'{"op":"upsert","key":"2","version":"v","data":{"code":"2","name":"Pincel"}}'
    read_lines = batches.line_reader(PRODUCTS)(sent, 11)
    assert [one.line for one in read_lines if isinstance(one, RefusedLine)] == [13]
    assert [one.key for one in read_lines] == ["0", "1", "2", "3", "4"]


VALUES = st.sampled_from(
    ["1.00", "", "1", "x", "-1.00", "1.00\n1.00", "0001", "a/b", "a~b", "11144477735", "\0", 1, None, True, [30]]
)


@given(st.data())
def test_reading_at_once_is_reading_one_by_one(data: st.DataObject) -> None:
    dataset = data.draw(st.sampled_from(list(DATASETS.values())))
    names = st.sampled_from(dataset.kind.__struct_fields__)
    rows = [
        ROWS[dataset.system, dataset.name] | data.draw(st.dictionaries(names, VALUES, max_size=2))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    keys = [data.draw(st.sampled_from([key(*(str(row[name]) for name in dataset.key)), "x", ""])) for row in rows]
    sent = [batches.upsert_line(k, "v", json.dumps(row).encode()) for k, row in zip(keys, rows, strict=True)]
    assert read(dataset, *sent) == read(dataset, *sent, b"no line")[:-1]


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.binary(max_size=8))))
def test_lines_made_at_once_are_those_made_one_by_one(rows: list[tuple[str, bytes]]) -> None:
    data = [json.dumps({"code": own}).encode() for own, _ in rows]
    one_by_one = [batches.upsert_line(own, hash_.hex(), told) for (own, hash_), told in zip(rows, data, strict=True)]
    assert batches.upsert_lines([own for own, _ in rows], [hash_ for _, hash_ in rows], data) == one_by_one


def test_a_content_digest_is_what_the_standard_says() -> None:
    expected = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"  # RFC 9530, B.2
    assert batches.content_digest(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    assert batches.content_digest(b'{"hello": "world"}') == expected


def test_a_code_of_the_erp_is_no_id_of_the_hub() -> None:
    dataset = DATASETS["omniforce", "receivables"]
    row = {"document": "NF 881", "installment": "1", "customer_erp_code": "Nº 12", "due_on": "2026-11-01"}
    data = json.dumps(row | {"amount": "10.00", "balance": "10.00"}).encode()
    [read] = batches.line_reader(dataset)([batches.upsert_line("NF 881/1", "v", data)], 1)
    assert isinstance(read, batches.ValidRow)
    status = DATASETS["omniforce", "order-status"]
    data = json.dumps({"order_id": "ord 1", "status": "received", "at": "2026-11-24T12:00:00Z"}).encode()
    [refused] = batches.line_reader(status)([batches.upsert_line("ord 1", "v", data)], 1)
    assert isinstance(refused, batches.RefusedLine)
