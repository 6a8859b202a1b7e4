"""RFC 9457 problems: every refusal the hub knows, by code. People read the pt-BR; programs decide by `code`.

Source: docs/contract.md "Problems".
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

CONTENT_TYPE = "application/problem+json"
BASE = "https://omnisync.dev/problems/"
"""What a problem's `type` begins with; it names, nothing has to be fetched there."""


class FieldError(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field and the rule it breaks. `pointer` is a JSON Pointer into the body, or `/name` of a query parameter."""

    pointer: str
    code: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of every answer that is not a success."""

    type: str
    title: str
    status: int
    code: str
    request_id: str
    detail: str | None = None
    instance: str | None = None
    errors: tuple[FieldError, ...] = ()
    holder: str | None = None
    """Who has what is busy: the name of the other computer's token."""
    since: datetime | None = None
    """Since when it is theirs."""


class ProblemKind(Struct, frozen=True):
    """One line of the table below."""

    code: str
    status: int
    title: str
    detail: str

    @property
    def type(self) -> str:
        """The problem's `type`: an address that names it."""
        return BASE + self.code.replace("_", "-")


_LINES = (
    ("unauthorized", 401, "Chave de acesso recusada", "Informe uma chave de acesso válida."),
    ("token_revoked", 401, "Chave de acesso revogada", "Esta chave foi revogada. Gere uma nova chave no OmniForce."),
    ("scope_missing", 403, "Chave sem permissão", "Esta chave de acesso não permite esta operação."),
    ("company_suspended", 403, "Empresa suspensa", "O acesso da empresa à central está suspenso. Fale com o suporte."),
    ("agent_too_old", 426, "Versão não aceita", "Esta versão do Omnisync não é mais aceita. Atualize o Omnisync."),
    ("establishment_unknown", 404, "Estabelecimento desconhecido", "O estabelecimento não está cadastrado na central."),
    ("establishment_busy", 409, "Estabelecimento em uso", "Outro computador está importando este estabelecimento."),
    ("cursor_invalid", 400, "Ponto de retomada inválido", "O ponto de retomada não foi dado por esta central."),
    ("cursor_expired", 410, "Ponto de retomada expirado", "Recomece a leitura sem ponto de retomada."),
    ("cursor_filter_mismatch", 400, "Ponto de outra leitura", "O ponto de retomada foi dado para outros filtros."),
    ("not_found", 404, "Não encontrado", "Não há nada neste endereço para esta empresa."),
    ("method_not_allowed", 405, "Método não aceito", "Este endereço não aceita este método."),
    ("gone", 410, "Registro apagado", "Este registro foi apagado no OmniForce."),
    ("batch_conflict", 409, "Lote diferente", "Já existe um lote com este nome e outro conteúdo."),
    ("batch_damaged", 422, "Lote danificado", "O lote chegou diferente do que foi anunciado. Envie-o de novo."),
    ("batch_too_large", 413, "Envio grande demais", "O envio passa do tamanho aceito. Divida-o em partes."),
    ("unsupported_media", 415, "Formato não aceito", "Envie JSON, sem compressão ou em gzip."),
    ("validation", 400, "Pedido inválido", "O pedido não segue o contrato. Veja os campos indicados."),
    ("rate_limited", 429, "Muitas tentativas", "Aguarde antes de tentar de novo."),
    ("maintenance", 503, "Central em manutenção", "A central volta em instantes. Nada se perdeu."),
    ("internal", 500, "Falha na central", "A central falhou. Informe o número do pedido ao suporte."),
)

PROBLEMS = {code: ProblemKind(code, status, title, detail) for code, status, title, detail in _LINES}
"""Every problem by its code."""


def problem(
    code: str,
    *,
    request_id: str,
    instance: str | None = None,
    detail: str | None = None,
    errors: tuple[FieldError, ...] = (),
    holder: str | None = None,
    since: datetime | None = None,
) -> Problem:
    """Return the problem of that code, ready to be sent; without `detail` the table's own sentence. KeyError: no
    such code.
    """
    kind = PROBLEMS[code]
    return Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        code=code,
        request_id=request_id,
        detail=detail or kind.detail,
        instance=instance,
        errors=errors,
        holder=holder,
        since=since,
    )
