"""Sentences of `omnisync layout check`, in pt-BR, by code."""

from __future__ import annotations

from collections.abc import Mapping

from omnisync.agent.messages.message import Message

LAYOUT_CHECK: Mapping[str, Message] = {
    "check_database": Message(
        "O layout não é para bancos do tipo {tipo}.",
        "Escolha outro layout, ou acrescente o tipo em databases.",
    ),
    "check_login_excess": Message(
        "O usuário do banco pode mais do que precisa no servidor inteiro ({direitos}).",
        "Crie outro só para o Omnisync, com leitura e gravação nas tabelas do layout.",
    ),
    "check_missing_table": Message(
        "A tabela {tabela} não existe neste banco, ou o usuário não a vê{perto}.",
        "Corrija o nome no layout ou confira o banco.",
    ),
    "check_missing_column": Message("A tabela {tabela} não tem a coluna {coluna}{perto}.", "Corrija o nome no layout."),
    "check_engine": Message(
        "A tabela {tabela} é {motor}, que não desfaz uma gravação pela metade.",
        "Converta-a: ALTER TABLE {tabela} ENGINE = InnoDB.",
    ),
    "check_computed": Message("A coluna {onde} é calculada pelo banco e não pode ser gravada.", "Retire-a do layout."),
    "check_may_be_empty": Message(
        "A coluna {onde} não aceita vazio, e {campo} pode faltar: o registro sem ele será recusado.",
        'Acrescente | default("…") no layout.',
    ),
    "check_unfilled": Message(
        "A coluna {onde} ({tipo}) não aceita vazio e nada no layout a preenche.",
        "Acrescente em {tabela} um campo para ela, ou um valor fixo (constant).",
    ),
    "check_value_unknown": Message(
        "A coluna {onde} não aceita o valor {valor}; aceita: {valores}.",
        "Corrija o valor no layout.",
    ),
    "check_value_type": Message("A coluna {onde} é {tipo} e não aceita o valor {valor}.", "Corrija o valor no layout."),
    "check_value_long": Message(
        "O valor {valor} não cabe na coluna {onde}, de {n} letras.",
        "Corrija o valor no layout.",
    ),
    "check_boolean": Message(
        "A coluna {onde} é {tipo} e só aceita verdadeiro ou falso.",
        "Use | yes_no(true, false) no layout.",
    ),
    "check_type": Message(
        "A coluna {onde} é {tipo} e não aceita {campo}.",
        "Escolha outra coluna ou outro campo no layout.",
    ),
    "check_code_into_number": Message(
        "A coluna {onde} é {tipo}: um código com letras em {campo} será recusado.",
        "Se os códigos do OmniForce têm letras, use um de/para (map) no layout.",
    ),
    "check_whole_only": Message(
        "A coluna {onde} é {tipo} e não guarda centavos de {campo}.",
        "Use | decimal(0) ou | scale(2) no layout, ou outra coluna.",
    ),
    "check_float": Message(
        "A coluna {onde} é {tipo}, que guarda valores aproximados: somas podem diferir em centavos.",
        "Prefira uma coluna NUMERIC.",
    ),
    "check_datetime": Message("A coluna {onde} é {tipo} e não aceita data com hora.", "Use | {conversor} no layout."),
    "check_id_short": Message(
        "A coluna {onde} guarda {max} letras e o código do OmniForce tem até {n}.",
        "Aumente a coluna.",
    ),
    "check_document_short": Message(
        "A coluna {onde} guarda {max} letras e um CNPJ ocupa {n}.",
        "Aumente a coluna, ou grave o CNPJ sem pontuação.",
    ),
    "check_date_short": Message(
        "A coluna {onde} guarda {max} letras e uma data ocupa {n}.",
        'Use o formato do ERP no layout, por exemplo | date("%Y%m%d").',
    ),
    "check_number_short": Message(
        "A coluna {onde} guarda {max} letras e {campo} pode ocupar {n}: valores grandes serão recusados.",
        "Confira a coluna.",
    ),
    "check_short": Message(
        "A coluna {onde} guarda {max} letras e {campo} tem até {n}: textos maiores serão recusados.",
        "Use | cut({max}) no layout.",
    ),
    "check_codes_short": Message(
        "Em {onde} há colunas mais curtas que os códigos do OmniForce: {colunas}.",
        "Códigos maiores serão recusados; confira se os seus cabem.",
    ),
    "check_digits": Message(
        "A coluna {onde} guarda {n} dígitos antes da vírgula: valores maiores de {campo} serão recusados.",
        "Confira a coluna.",
    ),
    "check_rounded": Message(
        "A coluna {onde} guarda {max} casas e {campo} tem até {n}: o banco arredonda.",
        "Escreva | decimal({max}) no layout se é assim que deve ser.",
    ),
    "check_key_not_unique": Message(
        "A chave {onde} pode se repetir no banco, e uma alteração atingiria outras linhas.",
        "Crie a chave única ou corrija key no layout.",
    ),
    "check_key_unmade": Message(
        "Ninguém preenche a chave {onde}: nem o banco nem o layout.",
        "Diga em {tabela}.number de onde vem o número.",
    ),
    "check_external_id_not_unique": Message(
        "A coluna {onde} guarda o código do OmniForce e não tem chave única.",
        "Crie: CREATE UNIQUE INDEX uk_omnisync_{tabela} ON {tabela} ({coluna}).",
    ),
    "check_no_external_id": Message(
        "O layout não guarda o código do OmniForce em {tabela}: se o ERP apagar uma linha e der o número dela a "
        "outra, a outra seria alterada no lugar.",
        "Diga em external_id uma coluna com chave única.",
    ),
    "check_collation": Message(
        "A coluna {onde} não distingue maiúsculas de minúsculas ({collation}): dois códigos do OmniForce podem "
        "parecer um.",
        "Use uma collation binária nesta coluna.",
    ),
    "check_no_index": Message(
        "A coluna {onde} não tem índice: cada lote lerá a tabela inteira.",
        "Crie um índice nela.",
    ),
    "check_missing_sequence": Message("A sequência {nome} não existe neste banco{perto}.", "Corrija number no layout."),
    "check_commits": Message(
        "A rotina {nome} confirma a gravação por conta própria (COMMIT).",
        "Peça a quem cuida do ERP uma rotina sem COMMIT, ou retire-a do layout.",
    ),
    "check_missing_procedure": Message(
        "A procedure {nome} não existe neste banco{perto}.",
        "Corrija number no layout.",
    ),
    "check_max_not_unique": Message(
        "O número {onde} vem do maior da tabela {tabela} mais um e não tem chave única: dois pedidos poderiam ter o "
        "mesmo.",
        "Crie a chave única.",
    ),
    "check_max_text": Message(
        "O número {onde} vem do maior mais um, e a coluna é {tipo}: como texto, 9 é maior que 10.",
        'Escreva form = "zeros_left(6)" em number, ou use outra fonte.',
    ),
    "check_counter_type": Message("O contador {onde} é {tipo} e não pode ser somado.", "Corrija number no layout."),
    "check_counter_rows": Message(
        "O contador {onde} tem {n} linhas e precisa de exatamente uma.",
        "Diga qual em number.where.",
    ),
    "check_query": Message("A consulta de {onde} não roda neste banco: {motivo}"),
    "check_export_unknown": Message(
        "A consulta de {onde} tem a coluna {coluna}, que não é um campo de {conjunto}{perto}.",
        "Dê a ela o nome de um campo, com AS, ou retire-a.",
    ),
    "check_export_twice": Message("A consulta de {onde} tem duas colunas chamadas {coluna}.", "Retire uma delas."),
    "check_export_missing": Message(
        "A consulta de {onde} não tem {colunas}, que {conjunto} exige.",
        "Acrescente uma coluna do ERP com esse nome, depois de AS.",
    ),
    "check_export_changed_at": Message(
        "{onde} é {coluna}, e a consulta não tem essa coluna.",
        "Acrescente-a à consulta ou retire changed_at.",
    ),
    "check_export_changed_at_type": Message(
        "{onde} é {coluna}, que não é data, número inteiro nem texto.",
        "Escolha outra coluna ou retire changed_at.",
    ),
    "check_export_changed_at_text": Message(
        "{onde} é {coluna}, cujos valores não dizem quando a linha mudou: todas as linhas são lidas a cada exportação.",
        "Escolha uma coluna com a data da alteração, como 2026-11-30 14:05, ou retire changed_at.",
    ),
    "check_session_zone": Message(
        "A coluna {onde} ({tipo}) guarda o momento pelo fuso da sessão, e o servidor {banco} não conhece {fuso} como "
        "este computador: vale a diferença de agora ({vale}), também para datas de outra época do ano.",
        "Peça ao administrador as tabelas de fuso do servidor (no MariaDB, mysql_tzinfo_to_sql).",
    ),
    "check_export_value": Message(
        "Em {onde}, valores da coluna {coluna} serão recusados, como em {n} das {de} primeiras linhas: {motivo}",
        "Corrija-os no ERP ou na consulta.",
    ),
    "check_rights": Message(
        "O usuário do banco não pode {direitos} em {tabela}.",
        "Peça ao administrador a permissão.",
    ),
    "check_charset_none_utf8": Message(
        "{onde} guarda textos sem charset (NONE) e a conexão fala UTF8: o ERP mostraria AÃ‡ÃƒO no lugar de AÇÃO.",
        "Informe na conexão o charset do ERP, quase sempre WIN1252. Nomes lidos: {nomes}.",
    ),
    "check_charset_none": Message(
        "{onde} guarda textos sem charset (NONE).",
        "Confira se os nomes lidos com {charset} estão certos: {nomes}.",
    ),
    "check_garbled": Message(
        "Os nomes de {onde} vieram ilegíveis com o charset {charset}: {nomes}.",
        "Informe na conexão o charset com que o ERP grava.",
    ),
    "check_export_zero_date": Message(
        "Em {onde}, {n} das {de} primeiras linhas têm na coluna {coluna} a data vazia do MariaDB (0000-00-00), que sai "
        "como data nenhuma."
    ),
    "check_unreadable": Message("Os nomes de {onde} não puderam ser lidos: {motivo}"),
}
