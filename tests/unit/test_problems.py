"""Problems: one shape, one line for each code."""

from __future__ import annotations

import msgspec
import pytest

from omnisync.contract.problems import BASE, PROBLEMS, FieldError, problem


def test_a_problem_has_every_member_of_rfc_9457_and_ours() -> None:
    body = problem(
        "cursor_expired",
        request_id="req_1",
        instance="/v1/changes",
        errors=(FieldError(pointer="/receipts/3/version", code="required"),),
    )
    expected = {
        "type": f"{BASE}cursor-expired",
        "title": "Ponto de retomada expirado",
        "status": 410,
        "code": "cursor_expired",
        "request_id": "req_1",
        "detail": "Recomece a leitura sem ponto de retomada.",
        "instance": "/v1/changes",
        "errors": [{"pointer": "/receipts/3/version", "code": "required"}],
    }
    assert expected == msgspec.json.decode(msgspec.json.encode(body))


def test_a_problem_may_say_its_own_detail() -> None:
    assert problem("gone", request_id="r", detail="Apagado ontem.").detail == "Apagado ontem."


def test_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        problem("nope", request_id="r")


def test_the_contract_s_types_are_all_there() -> None:
    words = (
        "unauthorized token-revoked scope-missing company-suspended agent-too-old establishment-unknown "
        "establishment-busy cursor-invalid cursor-expired cursor-filter-mismatch not-found gone batch-conflict "
        "batch-too-large unsupported-media validation rate-limited maintenance internal"
    )
    assert set(words.split()) <= {kind.type.removeprefix(BASE) for kind in PROBLEMS.values()}


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_an_error_with_words_for_a_person(code: str) -> None:
    kind = PROBLEMS[code]
    assert 400 <= kind.status < 600
    assert kind.title
    assert kind.detail.endswith(".")
