"""Every sentence a person reads, in pt-BR: what happened, then what to do. No document, no stack, no "Erro 500".

Source: the project's list of sentences; the words in braces are filled by `texts.sentence`.
"""

from __future__ import annotations

from collections.abc import Mapping

SENTENCES: Mapping[str, str] = {
    # the hub
    "hub_unreachable": "Não foi possível falar com a central do OmniForce. Verifique a internet deste computador. "
    "Vamos tentar de novo às {hora}.",
    "hub_other_page": "A rede respondeu outra página no lugar da central do OmniForce ({host}). "
    "Verifique a internet ou o proxy deste computador.",
    "hub_corrupt": "A resposta da central chegou corrompida. Verifique a rede deste computador e tente de novo.",
    "batch_damaged": "O envio chegou danificado à central. Verifique a rede deste computador e exporte de novo.",
    "hub_certificate": "O certificado da central do OmniForce não é confiável ({motivo}). "
    "Confira a data deste computador e o endereço em Conexão.",
    "hub_redirect": "A central mandou para outro endereço ({host}), e a chave de acesso não foi enviada para lá. "
    "Confira o endereço em Conexão.",
    "hub_address": "O endereço da central não é aceito ({motivo}). Informe um endereço https:// em Conexão.",
    "hub_broken": "A central respondeu algo que esta versão não entende ({motivo}). Atualize o Omnisync ou "
    "fale com o suporte do OmniForce.",
    "hub_repeats": "A importação parou: o OmniForce repetiu a mesma página. Fale com o suporte do OmniForce.",
    "hub_said_no": "A central não aceitou o pedido deste computador: {motivo}",
    "token_refused": "A chave de acesso não foi aceita pela central. Gere uma nova chave no OmniForce e informe "
    "em Conexão.",
    "scope_missing": "A chave de acesso não permite esta operação na central. Gere no OmniForce uma chave com essa "
    "permissão e informe em Conexão.",
    "company_suspended": "O acesso da sua empresa à central está suspenso. Fale com o suporte do OmniForce.",
    "agent_too_old": "Esta versão do Omnisync ({versao}) não é mais aceita pela central. Atualize o Omnisync neste "
    "computador.",
    "rate_limited": "A central pediu uma pausa. A importação continua sozinha em {n} segundos; não é preciso fazer "
    "nada.",
    "maintenance": "A central está em manutenção. Nada se perdeu: a importação será refeita às {hora}.",
    "establishment_busy": "O estabelecimento {codigo} está sendo importado por outro computador ({nome}). Os demais "
    "foram importados; tente de novo em alguns minutos, ou assuma o estabelecimento neste computador em Pendências.",
    "establishment_not_at_hub": "O estabelecimento {codigo} não está cadastrado na central. Cadastre o estabelecimento "
    "no OmniForce ou confira o código.",
    "hub_changed_shape": "A central enviou um dado que esta versão não conhece ({campo}). O {registro} ficou separado. "
    "Atualize o Omnisync.",
    # the ERP's database
    "destination_unreachable": "Não foi possível abrir o banco {banco} no servidor {servidor}. Verifique se o "
    "servidor está ligado e na rede.",
    "destination_missing_file": "O arquivo {banco} não existe neste computador, ou este usuário não o vê. Confira o "
    "caminho do banco em Conexão.",
    "destination_missing_table": "O banco {banco} não tem a tabela {tabela}. Confira o banco e o layout em Conexão.",
    "destination_missing_column": "O banco {banco} não tem uma coluna que o layout usa ({motivo}). Confira o banco e o "
    "layout em Conexão.",
    "destination_login": "O banco {banco} recusou o usuário ou a senha. Confira os dados em Conexão.",
    "destination_permission": "O usuário do banco não pode gravar na tabela {tabela}. Peça ao administrador a "
    "permissão de gravação.",
    "destination_read_only": "O banco {banco} só pode ser lido por este usuário. Peça ao administrador a permissão de "
    "gravação.",
    "destination_undone": "O banco do ERP desfez a gravação inteira por causa de um registro ({motivo}). Nada se "
    "perdeu. Peça a quem cuida do ERP que o gatilho recuse sem ROLLBACK e sem THROW (RAISERROR basta).",
    "destination_full": "O disco do servidor {servidor} está cheio. Libere espaço e clique em Importar de novo.",
    "destination_corrupt": "O arquivo {banco} não é um banco de dados válido. Confira o banco em Conexão.",
    "driver_missing": 'Falta o driver do banco {tipo} neste computador. Instale com: pip install "omnisync[{extra}]".',
    "destination_kind": "O banco do tipo {tipo} não é conhecido por esta versão. Confira o banco em Conexão.",
    "test_late": "{quem} não respondeu em {n} segundos. Verifique se o servidor está ligado e na rede.",
    "test_going": "O teste anterior ainda espera uma resposta. Aguarde um minuto e teste de novo.",
    "layout": "O layout não pode ser usado: {motivo}. Corrija o arquivo do layout.",
    "erp_busy": "O banco do ERP está ocupado. Aguarde alguns minutos e tente de novo; nada se perdeu.",
    "cnpj_column_numeric": "A coluna {coluna} guarda só números e não aceita os novos CNPJ com letras. Altere a "
    "coluna para texto de 14 posições antes de importar.",
    # omnisync layout check
    "check_database": "O layout não é para bancos do tipo {tipo}. Escolha outro layout, ou acrescente o tipo em "
    "databases.",
    "check_missing_table": "A tabela {tabela} não existe neste banco, ou o usuário não a vê{perto}. Corrija o nome no "
    "layout ou confira o banco.",
    "check_missing_column": "A tabela {tabela} não tem a coluna {coluna}{perto}. Corrija o nome no layout.",
    "check_engine": "A tabela {tabela} é {motor}, que não desfaz uma gravação pela metade. Converta-a: ALTER TABLE "
    "{tabela} ENGINE = InnoDB.",
    "check_computed": "A coluna {onde} é calculada pelo banco e não pode ser gravada. Retire-a do layout.",
    "check_may_be_empty": "A coluna {onde} não aceita vazio, e {campo} pode faltar: o registro sem ele será recusado. "
    'Acrescente | default("…") no layout.',
    "check_unfilled": "A coluna {onde} ({tipo}) não aceita vazio e nada no layout a preenche. Acrescente em {tabela} "
    "um campo para ela, ou um valor fixo (constant).",
    "check_value_unknown": "A coluna {onde} não aceita o valor {valor}; aceita: {valores}. Corrija o valor no layout.",
    "check_value_type": "A coluna {onde} é {tipo} e não aceita o valor {valor}. Corrija o valor no layout.",
    "check_value_long": "O valor {valor} não cabe na coluna {onde}, de {n} letras. Corrija o valor no layout.",
    "check_boolean": "A coluna {onde} é {tipo} e só aceita verdadeiro ou falso. Use | yes_no(true, false) no layout.",
    "check_type": "A coluna {onde} é {tipo} e não aceita {campo}. Escolha outra coluna ou outro campo no layout.",
    "check_code_into_number": "A coluna {onde} é {tipo}: um código com letras em {campo} será recusado. Se os códigos "
    "do OmniForce têm letras, use um de/para (map) no layout.",
    "check_whole_only": "A coluna {onde} é {tipo} e não guarda centavos de {campo}. Use | decimal(0) ou | scale(2) no "
    "layout, ou outra coluna.",
    "check_float": "A coluna {onde} é {tipo}, que guarda valores aproximados: somas podem diferir em centavos. "
    "Prefira uma coluna NUMERIC.",
    "check_datetime": "A coluna {onde} é {tipo} e não aceita data com hora. Use | {conversor} no layout.",
    "check_id_short": "A coluna {onde} guarda {max} letras e o código do OmniForce tem até {n}. Aumente a coluna.",
    "check_document_short": "A coluna {onde} guarda {max} letras e um CNPJ ocupa {n}. Aumente a coluna, ou grave o "
    "CNPJ sem pontuação.",
    "check_date_short": "A coluna {onde} guarda {max} letras e uma data ocupa {n}. Use o formato do ERP no layout, "
    'por exemplo | date("%Y%m%d").',
    "check_number_short": "A coluna {onde} guarda {max} letras e {campo} pode ocupar {n}: valores grandes serão "
    "recusados. Confira a coluna.",
    "check_short": "A coluna {onde} guarda {max} letras e {campo} tem até {n}: textos maiores serão recusados. Use | "
    "cut({max}) no layout.",
    "check_codes_short": "Em {onde} há colunas mais curtas que os códigos do OmniForce: {colunas}. Códigos maiores "
    "serão recusados; confira se os seus cabem.",
    "check_digits": "A coluna {onde} guarda {n} dígitos antes da vírgula: valores maiores de {campo} serão recusados. "
    "Confira a coluna.",
    "check_rounded": "A coluna {onde} guarda {max} casas e {campo} tem até {n}: o banco arredonda. Escreva | "
    "decimal({max}) no layout se é assim que deve ser.",
    "check_key_not_unique": "A chave {onde} pode se repetir no banco, e uma alteração atingiria outras linhas. Crie a "
    "chave única ou corrija key no layout.",
    "check_key_unmade": "Ninguém preenche a chave {onde}: nem o banco nem o layout. Diga em {tabela}.number de onde "
    "vem o número.",
    "check_external_id_not_unique": "A coluna {onde} guarda o código do OmniForce e não tem chave única. Crie: CREATE "
    "UNIQUE INDEX uk_omnisync_{tabela} ON {tabela} ({coluna}).",
    "check_no_external_id": "O layout não guarda o código do OmniForce em {tabela}: se o ERP apagar uma linha e der o "
    "número dela a outra, a outra seria alterada no lugar. Diga em external_id uma coluna com chave única.",
    "check_collation": "A coluna {onde} não distingue maiúsculas de minúsculas ({collation}): dois códigos do "
    "OmniForce podem parecer um. Use uma collation binária nesta coluna.",
    "check_no_index": "A coluna {onde} não tem índice: cada lote lerá a tabela inteira. Crie um índice nela.",
    "check_missing_sequence": "A sequência {nome} não existe neste banco{perto}. Corrija number no layout.",
    "check_missing_procedure": "A procedure {nome} não existe neste banco{perto}. Corrija number no layout.",
    "check_max_not_unique": "O número {onde} vem do maior da tabela {tabela} mais um e não tem chave única: dois "
    "pedidos poderiam ter o mesmo. Crie a chave única.",
    "check_max_text": "O número {onde} vem do maior mais um, e a coluna é {tipo}: como texto, 9 é maior que 10. "
    'Escreva form = "zeros_left(6)" em number, ou use outra fonte.',
    "check_counter_type": "O contador {onde} é {tipo} e não pode ser somado. Corrija number no layout.",
    "check_counter_rows": "O contador {onde} tem {n} linhas e precisa de exatamente uma. Diga qual em number.where.",
    "check_query": "A consulta de {onde} não roda neste banco: {motivo}",
    "check_export_unknown": "A consulta de {onde} tem a coluna {coluna}, que não é um campo de {conjunto}{perto}. Dê a "
    "ela o nome de um campo, com AS, ou retire-a.",
    "check_export_twice": "A consulta de {onde} tem duas colunas chamadas {coluna}. Retire uma delas.",
    "check_export_missing": "A consulta de {onde} não tem {colunas}, que {conjunto} exige. Acrescente uma coluna do "
    "ERP com esse nome, depois de AS.",
    "check_export_changed_at": "{onde} é {coluna}, e a consulta não tem essa coluna. Acrescente-a à consulta ou retire "
    "changed_at.",
    "check_export_changed_at_type": "{onde} é {coluna}, que não é data, número inteiro nem texto. Escolha outra coluna "
    "ou retire changed_at.",
    "check_export_value": "Em {onde}, valores da coluna {coluna} serão recusados, como em {n} das {de} primeiras "
    "linhas: {motivo} Corrija-os no ERP ou na consulta.",
    "check_rights": "O usuário do banco não pode {direitos} em {tabela}. Peça ao administrador a permissão.",
    "check_charset_none_utf8": "{onde} guarda textos sem charset (NONE) e a conexão fala UTF8: o ERP mostraria AÃ‡ÃƒO "
    "no lugar de AÇÃO. Informe na conexão o charset do ERP, quase sempre WIN1252. Nomes lidos: {nomes}.",
    "check_charset_none": "{onde} guarda textos sem charset (NONE). Confira se os nomes lidos com {charset} estão "
    "certos: {nomes}.",
    "check_garbled": "Os nomes de {onde} vieram ilegíveis com o charset {charset}: {nomes}. Informe na conexão o "
    "charset com que o ERP grava.",
    "check_unreadable": "Os nomes de {onde} não puderam ser lidos: {motivo}",
    # a run
    "run_in_progress": "Já existe uma sincronização em andamento, iniciada às {hora}. Aguarde o término para importar "
    "de novo.",
    "overtaken": "Outra importação passou à frente desta. Nada se perdeu: importe de novo se ainda houver dados.",
    "cancelled": "Execução cancelada. O que foi gravado ou enviado ficou; a próxima continua daí.",
    "interrupted": "A execução foi interrompida. O que foi gravado ou enviado ficou; a próxima continua daí.",
    "internal": "Algo inesperado aconteceu ({motivo}). Nada se perdeu: tente de novo e, se repetir, fale com o "
    "suporte.",
    "display_failed": "O andamento deixou de ser mostrado ({motivo}). A execução continua: acompanhe em Sincronização "
    "ou com omnisync status.",
    "temporary": "Não foi possível agora. Tente de novo em alguns minutos.",
    "setup": "Falta uma configuração. Confira os dados em Conexão.",
    "settings": "A configuração não é aceita ({motivo}). Confira os dados em Conexão.",
    "zone_unknown": "O fuso horário {fuso} não é conhecido. Use o nome de um fuso, como America/Sao_Paulo (Brasília), "
    "America/Manaus ou America/Rio_Branco.",
    "zone_unanswered": "Informe o fuso horário da empresa. Este computador está no fuso {fuso}, onde agora são {hora}, "
    "e é nessa hora que os pedidos entram no ERP; em Brasília são {brasilia}. Escolha o fuso {onde}.",
    "zone_default": "O fuso horário deste computador ({fuso}) não é um dos do Brasil: as horas desta conexão são as de "
    "Brasília (America/Sao_Paulo), onde agora são {brasilia}. Se a empresa está em outro fuso, escolha-o {onde}.",
    "layout_name": "O layout {layout} não é conhecido. Escolha um destes: {prontos}. Um layout próprio é um arquivo "
    ".toml na pasta {pasta}, escolhido pelo nome; o de outra pasta, só com omnisync connection set --layout.",
    "not_configured": "A conexão {nome} ainda não existe neste computador. Crie-a com omnisync connection set ou em "
    "Conexão.",
    "no_connection": "Este computador ainda não tem uma conexão. Crie-a com omnisync connection set ou em Conexão.",
    "no_hub": "A conexão {nome} ainda não tem o endereço da central. Informe o endereço e a chave em Conexão.",
    "no_token": "A conexão {nome} ainda não tem chave de acesso. Informe a chave em Conexão.",
    "ports_busy": "As portas de {de} a {ate} deste computador estão ocupadas. Feche o programa que as usa e tente de "
    "novo.",
    "which_connection": "Há mais de uma conexão neste computador. Diga qual com --connection: {nomes}.",
    "dataset_not_in_layout": "O layout desta conexão não envia {dados}. Confira o layout em Conexão.",
    "choice_not_asked": "O cliente {codigo} não espera uma escolha. Veja os que esperam com omnisync pending list.",
    "choice_not_offered": "O código {chave} não é um dos que o ERP tem para o cliente {codigo}. Escolha um destes: "
    "{chaves}.",
    "confirmation_not_asked": "Nada espera confirmação em {dados}. Veja o que espera com omnisync pending list.",
    "confirmation_changed": "Em {dados} são {n} agora, e nada foi confirmado. Confira e confirme esse número.",
    "establishment_not_here": "O estabelecimento {codigo} não está mais configurado neste computador. Confira em "
    "Conexão.",
    "pages_without_password": "As telas não abrem em {endereco} sem senha: de outros computadores qualquer um chegaria "
    "a elas. Defina uma com omnisync password set, ou use 127.0.0.1.",
    "pages_without_tls": "As telas não abrem em {endereco} sem TLS: a senha passaria à vista pela rede. Informe o "
    "certificado e a chave (--certificate e --key), ou use 127.0.0.1.",
    "pages_certificate": "O certificado das telas não pode ser usado ({motivo}). Confira {certificado} e {chave}.",
    "pages_address": "As telas não podem abrir em {endereco}, porta {porta}. Use um endereço IPv4 deste computador e "
    "uma porta acima de 1023.",
    "page_password_short": "A senha das telas tem de {n} a {max} letras. Escolha outra.",
    "page_password_differs": "As duas senhas digitadas não são iguais. Nada mudou; tente de novo.",
    "page_password_wrong": "A senha não confere. Digite de novo.",
    "page_password_wait": "Houve muitas tentativas com a senha errada. Aguarde {minutos} e tente de novo.",
    "page_session_over": "É preciso entrar com a senha; nada foi feito. Volte ao início e entre.",
    "pages_port_busy": "A porta {porta} deste computador está ocupada. Feche o programa que a usa ou escolha outra com "
    "--port.",
    "journal_rebuilt": "O histórico deste computador estava danificado e foi refeito. Clientes e pedidos não foram "
    "afetados; o arquivo antigo ficou guardado como {arquivo}. Confira Conexão e Agendamento.",
    "outbox_lost": "O registro do que já foi enviado estava danificado e foi refeito. Exporte de novo: tudo será "
    "enviado outra vez, e nada se perde.",
    "disk_full": "O disco deste computador está cheio ({pasta}). Libere espaço e tente de novo.",
    "folder_read_only": "Não é possível gravar na pasta {pasta}. Dê permissão de gravação a este usuário.",
    # a record
    "record": "Há um registro com problema. Confira no OmniForce e envie de novo.",
    "refused": "O registro foi recusado. Confira no OmniForce e envie de novo.",
    "tax_id_invalid": "O CNPJ/CPF do cliente {codigo} está incorreto. Corrija no OmniForce; os pedidos dele entram na "
    "próxima importação.",
    "customer_missing": "O pedido {numero} aguarda o cadastro do cliente {nome}. Ele será importado assim que o "
    "cliente chegar.",
    "customer_waiting": "O pedido {numero} aguarda o cliente {nome}, que foi recusado: {motivo}",
    "customer_deleted": "O cliente do pedido {numero} foi apagado no OmniForce antes de entrar no ERP. Cadastre o "
    "cliente de novo e envie o pedido.",
    "customer_gone": "O pedido {numero} aguarda o cliente {nome}, que não está mais no ERP com o código que tinha. "
    "Para criá-lo outra vez use omnisync import --again {cliente}; o pedido entra com ele.",
    "extra_rows_alike": "Há mais de uma linha de {registro} em {tabela} ({linha}), e nenhuma foi alterada. Confira-as "
    "no ERP, ou dê ao layout um external_id para essa linha.",
    "extra_row_stays": "{registro} não tem mais {linha}, e a linha dele em {tabela} ficou. Confira-a no ERP.",
    "customer_other_document": "O cliente {nome} estava ligado ao cliente {chave} do ERP, que tem outro CNPJ/CPF. "
    "Escolha-o em Pendências se é a mesma empresa, ou importe o cliente de novo para que seja cadastrado.",
    "customer_duplicate": "Há {n} clientes no ERP com o mesmo CNPJ do cliente {nome}. Escolha qual deles usar em "
    "Pendências.",
    "product_unknown": "O produto {codigo} não existe no ERP. Cadastre o produto ou corrija o código no OmniForce e "
    "envie o pedido de novo.",
    "establishment_unknown": "Há {pedidos} do estabelecimento {codigo}, que não está cadastrado na central. "
    "Cadastre o estabelecimento ou corrija os pedidos no OmniForce.",
    "establishment_differs": "O pedido {numero} diz ser do estabelecimento {codigo}, mas chegou por outro. Abra o "
    "pedido no OmniForce, salve e envie de novo.",
    "payment_method_unmapped": "A forma de pagamento {codigo} ainda não tem correspondente no ERP. Informe em De/Para "
    "e clique em Tentar de novo.",
    "totals_mismatch": "O total dos itens do pedido {numero} ({total}) não fecha com a soma dos itens ({soma}). Abra "
    "o pedido no OmniForce, salve e envie de novo.",
    "total_not_explained": "O total do pedido {numero} ({total}) não fecha com itens, descontos e frete ({soma}). "
    "Abra o pedido no OmniForce, salve e envie de novo.",
    "payments_mismatch": "As formas de pagamento do pedido {numero} somam {soma}, mas o pedido é de {total}. Ajuste as "
    "parcelas no OmniForce.",
    "quantity_invalid": "O item {linha} do pedido {numero} está com quantidade zero. Informe a quantidade ou retire o "
    "item no OmniForce.",
    "price_zero": "O item {linha} do pedido {numero} está com preço zero e não é bonificação. Informe o preço ou "
    "marque o item como bonificação no OmniForce.",
    "discount_above_gross": "O desconto do item {linha} do pedido {numero} é maior que o valor do item. Corrija o "
    "desconto no OmniForce.",
    "discount_percent_only": "O item {linha} do pedido {numero} tem desconto em percentual sem o valor em reais. Abra "
    "o pedido no OmniForce, salve e envie de novo.",
    "line_mismatch": "O valor do item {linha} do pedido {numero} não fecha com quantidade, preço e desconto. Abra o "
    "pedido no OmniForce, salve e envie de novo.",
    "amount_invalid": "O pedido {numero} tem um valor que não é aceito ({campo}). Corrija no OmniForce e envie de "
    "novo.",
    "moment_invalid": "O pedido {numero} tem uma data e hora que não existe em nenhum calendário ({campo}). Corrija no "
    "OmniForce e envie de novo.",
    "value_uncountable": "O {registro} tem uma data ou um valor fora do que se pode calcular ({campo}). Corrija no "
    "OmniForce e envie de novo.",
    "item_repeated": "O pedido {numero} tem dois itens com a mesma identificação. Abra o pedido no OmniForce, salve e "
    "envie de novo.",
    "quote_not_imported": "O pedido {numero} é um orçamento e não entra no ERP. Gere a venda no OmniForce.",
    "record_unreadable": "O {registro} não pode ser lido ({campo}). Abra no OmniForce, salve e envie de novo.",
    "order_locked": "O pedido {numero} foi alterado no OmniForce depois de {situacao} no ERP ({numero_erp}). "
    "Mantivemos o ERP como está; trate a diferença com o vendedor.",
    "order_found": "O pedido {numero} já está no ERP ({numero_erp}), que o tem em andamento, e este computador não "
    "lembra com que conteúdo ele entrou. Mantivemos o ERP como está; confira se o pedido mudou depois no OmniForce.",
    "order_removed": "O pedido {numero} não está mais no ERP ({numero_erp}). Não o criamos de novo; para trazê-lo "
    "outra vez use Tentar de novo com confirmação (omnisync import --again).",
    "order_taken": "O pedido {numero} foi alterado no OmniForce depois de entrar no ERP ({numero_erp}). Mantivemos o "
    "ERP como está; trate a diferença com o vendedor.",
    "order_renumbered": "O pedido {numero} mudou de estabelecimento no OmniForce, e o número dele no ERP "
    "({numero_erp}) é de outra filial. Mantivemos o ERP como está; refaça o pedido no ERP.",
    "customer_removed": "O cliente {nome} não está mais no ERP ({numero_erp}). Não o criamos de novo; para trazê-lo "
    "outra vez use omnisync import --again.",
    "payment_terms_unmapped": "A condição de pagamento {codigo} ainda não tem correspondente no ERP. Informe em "
    "De/Para e clique em Tentar de novo.",
    "seller_unmapped": "O vendedor {codigo} ainda não tem correspondente no ERP. Informe em De/Para e clique em "
    "Tentar de novo.",
    "establishment_unmapped": "O estabelecimento {codigo} ainda não tem correspondente no ERP. Informe em De/Para e "
    "clique em Tentar de novo.",
    "price_table_unmapped": "A tabela de preços {codigo} ainda não tem correspondente no ERP. Informe em De/Para e "
    "clique em Tentar de novo.",
    "code_unmapped": "O {registro} tem um código que o ERP não conhece ({campo}: {codigo}). Cadastre no ERP ou "
    "corrija no OmniForce e clique em Tentar de novo.",
    "lookup_ambiguous": "O {registro} tem um código que está repetido no ERP ({codigo}). Acerte o cadastro no ERP e "
    "clique em Tentar de novo.",
    "default_used": "O {registro} tem um código que o ERP não conhece ({campo}: {codigo}). Gravamos {padrao} no lugar.",
    "document_missing": "O cliente {codigo} está sem CNPJ/CPF, e este ERP só aceita clientes com documento. Informe o "
    "documento no OmniForce.",
    "order_not_cancelled": "O pedido {numero} foi cancelado no OmniForce, mas este ERP não recebe cancelamentos. "
    "Cancele o pedido {numero_erp} no ERP.",
    "erp_job_refused": "O ERP recusou o pedido depois de recebê-lo: {motivo}. Corrija no OmniForce e envie de novo.",
    "erp_refused": "O banco do ERP não aceitou o {registro}: {motivo}. Corrija no OmniForce ou fale com quem cuida do "
    "ERP.",
    "erp_unreadable": "Há um valor no ERP que não pode ser lido ({onde}). Peça a quem cuida do ERP que o corrija e "
    "clique em Tentar de novo.",
    "erp_row_missing": "O banco do ERP não guardou o {registro} na tabela {tabela}, embora não o tenha recusado: um "
    "gatilho deixou a linha de fora ou trocou o código do OmniForce. Peça a quem cuida do ERP que o corrija e clique "
    "em Tentar de novo.",
    "erp_no_number": "O ERP não deu um número ao {registro}: {motivo}. Peça a quem cuida do ERP que o corrija e "
    "clique em Tentar de novo.",
    "lookup_refused": "O ERP não aceitou a pergunta por um código do {registro} ({campo}: {codigo}). Confira esse "
    "código no OmniForce e no ERP e clique em Tentar de novo.",
    "text_shortened": "O nome do cliente {codigo} tem {n} letras e o ERP aceita {max}. Gravamos o nome reduzido.",
    "field_shortened": "O {registro} tem um texto de {n} letras ({campo}) e o ERP aceita {max}. Gravamos o texto "
    "reduzido.",
    "letters_dropped": "O {registro} tem letras que o ERP não guarda ({campo}). Gravamos o texto sem elas.",
    "name_dropped": "O nome do {registro} só tem letras que o ERP não guarda. Gravamos Sem nome; corrija no OmniForce.",
    "name_empty": "O cliente {codigo} veio sem nome. Gravamos Sem nome; corrija no OmniForce.",
    "phone_in_notes": "O telefone do cliente {codigo} veio com mais do que um número. O resto ficou em observações.",
    "items_many": "O pedido {numero} tem {n} itens e uma nota leva 990: serão necessárias {notas} notas.",
    "centavo_adjusted": "O total do pedido {numero} diferia da soma dos itens por 1 centavo ({total} e {soma}). "
    "Ajustamos o item {linha}; confira no ERP.",
    "payment_before_issue": "O pedido {numero} tem uma parcela que vence antes da emissão. Gravamos como veio; confira "
    "se foi uma entrada já paga.",
    "payment_kind_new": "O pedido {numero} traz uma forma de pagamento nova ({codigo}). Gravamos como veio; confira no "
    "ERP.",
    "customer_merged": "O cliente {codigo} foi unificado com outro no OmniForce. Os pedidos novos vão para o outro.",
    # the schedule and the clock
    "clock_skew": "O relógio deste computador está {n} minutos {direcao}. Acerte a data e a hora para o agendamento "
    "funcionar na hora certa.",
    "schedule_no_day": "Escolha ao menos um dia da semana para salvar o agendamento.",
    "schedule_interval_short": "O menor intervalo é de 5 minutos. Para uma exportação por dia, deixe 0 hora(s) e 0 "
    "minuto(s).",
    "schedule_interval_invalid": "O intervalo vai de 0 a 23 hora(s) e de 0 a 59 minuto(s). Corrija o intervalo.",
    "schedule_start_invalid": "A hora de início vai de 0 a 23 hora(s) e de 0 a 59 minuto(s). Corrija o início.",
    "schedule_no_establishment": "Escolha o estabelecimento para salvar o agendamento.",
    "schedule_no_system": "Escolha ao menos um sistema para salvar o agendamento.",
    "schedule_never_saved": "Ainda não há agendamento salvo. Salve um em Agendamento ou com omnisync schedule set.",
    "many_rows_deleted": "{n} registros ({dados}) deixarão de existir no destino com esta exportação. Confira e clique "
    "em Confirmar para continuar.",
    "many_deleted": "{n} produtos deixarão de aparecer no OmniForce com esta exportação. Confira e clique em Confirmar "
    "para continuar.",
}

TIMELESS: Mapping[str, str] = {
    "hub_unreachable": "Não foi possível falar com a central do OmniForce. Verifique a internet deste computador.",
    "maintenance": "A central está em manutenção. Nada se perdeu: tente de novo em alguns minutos.",
    "run_in_progress": "Já existe uma sincronização em andamento. Aguarde o término para importar de novo.",
}
"""Sentences that name an hour, as they are said when nobody knows it: a command that failed tries no more."""

WAITED_OUT: Mapping[str, str] = {
    "erp_busy": "O banco do ERP está ocupado. Tentamos de novo em {n} segundos; não é preciso fazer nada.",
}
"""Sentences that ask a person to try again, as they are said while the run itself will."""

OF_EXPORTS: Mapping[str, str] = {
    "rate_limited": "A central pediu uma pausa. A exportação continua sozinha em {n} segundos; não é preciso fazer "
    "nada.",
    "maintenance": "A central está em manutenção. Nada se perdeu: a exportação será refeita às {hora}.",
}
"""Sentences that name the import, as they are said of an export."""
