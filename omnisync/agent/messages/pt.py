"""Every sentence for people, in pt-BR, by code: what happened, and what to do. No document, no stack, no "Erro 500".

Source: the project's list of sentences. The words in braces are filled by `sentences.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from omnisync.agent.messages.message import Message
from omnisync.agent.messages.pt_layout_check import LAYOUT_CHECK
from omnisync.agent.messages.pt_records import RECORDS

_PROGRAM: Mapping[str, Message] = {
    # the hub
    "hub_unreachable": Message(
        "Não foi possível falar com a central do OmniForce.",
        "Verifique a internet deste computador. Vamos tentar de novo às {hora}.",
    ),
    "hub_other_page": Message(
        "A rede respondeu outra página no lugar da central do OmniForce ({host}).",
        "Verifique a internet ou o proxy deste computador.",
    ),
    "hub_corrupt": Message(
        "A resposta da central chegou corrompida.",
        "Verifique a rede deste computador e tente de novo.",
    ),
    "batch_damaged": Message(
        "O envio chegou danificado à central.",
        "Verifique a rede deste computador e exporte de novo.",
    ),
    "hub_certificate": Message(
        "O certificado da central do OmniForce não é confiável ({motivo}).",
        "Confira a data deste computador e o endereço em Conexão.",
    ),
    "hub_redirect": Message(
        "A central mandou para outro endereço ({host}), e a chave de acesso não foi enviada para lá.",
        "Confira o endereço em Conexão.",
    ),
    "hub_address": Message(
        "O endereço da central não é aceito ({motivo}).",
        "Informe um endereço https:// em Conexão.",
    ),
    "hub_broken": Message(
        "A central respondeu algo que esta versão não entende ({motivo}).",
        "Atualize o Omnisync ou fale com o suporte do OmniForce.",
    ),
    "hub_repeats": Message(
        "A importação parou: o OmniForce repetiu a mesma página.",
        "Fale com o suporte do OmniForce.",
    ),
    "hub_said_no": Message("A central não aceitou o pedido deste computador: {motivo}"),
    "token_refused": Message(
        "A chave de acesso não foi aceita pela central.",
        "Gere uma nova chave no OmniForce e informe em Conexão.",
    ),
    "scope_missing": Message(
        "A chave de acesso não permite esta operação na central.",
        "Gere no OmniForce uma chave com essa permissão e informe em Conexão.",
    ),
    "company_suspended": Message(
        "O acesso da sua empresa à central está suspenso.",
        "Fale com o suporte do OmniForce.",
    ),
    "agent_too_old": Message(
        "Esta versão do Omnisync ({versao}) não é mais aceita pela central.",
        "Atualize o Omnisync neste computador.",
    ),
    "rate_limited": Message(
        "A central pediu uma pausa.",
        "A importação continua sozinha em {n} segundos; não é preciso fazer nada.",
    ),
    "maintenance": Message("A central está em manutenção.", "Nada se perdeu: a importação será refeita às {hora}."),
    "establishment_busy": Message(
        "O estabelecimento {codigo} está sendo importado por outro computador ({nome}).",
        "Os demais foram importados; tente de novo em alguns minutos, ou assuma o estabelecimento neste computador em "
        "Pendências.",
    ),
    "establishment_not_at_hub": Message(
        "O estabelecimento {codigo} não está cadastrado na central.",
        "Cadastre o estabelecimento no OmniForce ou confira o código.",
    ),
    "hub_changed_shape": Message(
        "A central enviou um dado que esta versão não conhece ({campo}). O {registro} ficou separado.",
        "Atualize o Omnisync.",
    ),
    # the ERP's database
    "destination_unreachable": Message(
        "Não foi possível abrir o banco {banco} no servidor {servidor}.",
        "Verifique se o servidor está ligado e na rede.",
    ),
    "destination_missing_file": Message(
        "O arquivo {banco} não existe neste computador, ou este usuário não o vê.",
        "Confira o caminho do banco em Conexão.",
    ),
    "layout_not_chosen": Message(
        "O banco não tem as tabelas do layout {layout}, com que uma conexão começa.",
        "Veja os layouts com omnisync layout list e escolha o deste ERP com omnisync connection set --layout.",
    ),
    "destination_missing_table": Message(
        "O banco {banco} não tem a tabela {tabela}.",
        "Confira o banco e o layout em Conexão.",
    ),
    "destination_missing_column": Message(
        "O banco {banco} não tem uma coluna que o layout usa ({motivo}).",
        "Confira o banco e o layout em Conexão.",
    ),
    "destination_login": Message("O banco {banco} recusou o usuário ou a senha.", "Confira os dados em Conexão."),
    "destination_permission": Message(
        "O usuário do banco não pode gravar na tabela {tabela}.",
        "Peça ao administrador a permissão de gravação.",
    ),
    "destination_read_only": Message(
        "O banco {banco} só pode ser lido por este usuário.",
        "Peça ao administrador a permissão de gravação.",
    ),
    "erp_committed": Message(
        "O comando de {onde} do layout confirma a gravação por conta própria (COMMIT). O que ele confirmou ficou no "
        "ERP, e a importação parou.",
        "Peça a quem cuida do ERP uma rotina sem COMMIT, ou retire o comando do layout.",
    ),
    "destination_undone": Message(
        "O banco do ERP desfez a gravação inteira por causa de um registro ({motivo}). Nada se perdeu.",
        "Peça a quem cuida do ERP que o gatilho recuse sem ROLLBACK e sem THROW (RAISERROR basta).",
    ),
    "destination_full": Message(
        "O disco do servidor {servidor} está cheio.",
        "Libere espaço e clique em Importar de novo.",
    ),
    "destination_corrupt": Message("O arquivo {banco} não é um banco de dados válido.", "Confira o banco em Conexão."),
    "driver_missing": Message(
        "Falta o driver do banco {tipo} neste computador.",
        'Instale com: pip install "omnisync[{extra}]".',
    ),
    "destination_kind": Message(
        "O banco do tipo {tipo} não é conhecido por esta versão.",
        "Confira o banco em Conexão.",
    ),
    "test_late": Message("{quem} não respondeu em {n} segundos.", "Verifique se o servidor está ligado e na rede."),
    "test_going": Message("O teste anterior ainda espera uma resposta.", "Aguarde um minuto e teste de novo."),
    "layout": Message("O layout não pode ser usado: {motivo}.", "Corrija o arquivo do layout."),
    "erp_busy": Message("O banco do ERP está ocupado.", "Aguarde alguns minutos e tente de novo; nada se perdeu."),
    "cnpj_column_numeric": Message(
        "A coluna {coluna} guarda só números e não aceita os novos CNPJ com letras.",
        "Altere a coluna para texto de 14 posições antes de importar.",
    ),
    # a run
    "run_in_progress": Message(
        "Já existe uma sincronização em andamento, iniciada às {hora}.",
        "Aguarde o término para importar de novo.",
    ),
    "overtaken": Message(
        "Outra importação passou à frente desta.",
        "Nada se perdeu: importe de novo se ainda houver dados.",
    ),
    "cancelled": Message("Execução cancelada. O que foi gravado ou enviado ficou; a próxima continua daí."),
    "interrupted": Message("A execução foi interrompida. O que foi gravado ou enviado ficou; a próxima continua daí."),
    "step_without_end": Message(
        "O banco do ERP ou a rede não respondeu por {minutos} minutos, e a execução foi encerrada.",
        "Nada se perdeu: a próxima continua de onde esta parou. Se repetir, confira o servidor do banco e a rede.",
    ),
    "internal": Message(
        "Algo inesperado aconteceu ({motivo}).",
        "Nada se perdeu: tente de novo e, se repetir, fale com o suporte.",
    ),
    "display_failed": Message(
        "O andamento deixou de ser mostrado ({motivo}).",
        "A execução continua: acompanhe em Sincronização ou com omnisync status.",
    ),
    "temporary": Message("Não foi possível agora.", "Tente de novo em alguns minutos."),
    "setup": Message("Falta uma configuração.", "Confira os dados em Conexão."),
    "settings": Message("A configuração não é aceita ({motivo}).", "Confira os dados em Conexão."),
    "zone_unknown": Message(
        "O fuso horário {fuso} não é conhecido.",
        "Use o nome de um fuso, como America/Sao_Paulo (Brasília), America/Manaus ou America/Rio_Branco.",
    ),
    "zone_unanswered": Message(
        "Informe o fuso horário da empresa. Este computador está no fuso {fuso}, onde agora são {hora}, e é nessa "
        "hora que os pedidos entram no ERP; em Brasília são {brasilia}.",
        "Escolha o fuso {onde}.",
    ),
    "zone_default": Message(
        "O fuso horário deste computador ({fuso}) não é um dos do Brasil: as horas desta conexão são as de Brasília "
        "(America/Sao_Paulo), onde agora são {brasilia}.",
        "Se a empresa está em outro fuso, escolha-o {onde}.",
    ),
    "layout_name": Message(
        "O layout {layout} não é conhecido.",
        "Escolha um destes: {prontos}. Um layout próprio é um arquivo .toml na pasta {pasta}, escolhido pelo nome; o "
        "de outra pasta, só com omnisync connection set --layout.",
    ),
    "not_configured": Message(
        "A conexão {nome} ainda não existe neste computador.",
        "Crie-a com omnisync connection set ou em Conexão.",
    ),
    "no_connection": Message(
        "Este computador ainda não tem uma conexão.",
        "Crie-a com omnisync connection set ou em Conexão.",
    ),
    "no_hub": Message(
        "A conexão {nome} ainda não tem o endereço da central.",
        "Informe o endereço e a chave em Conexão.",
    ),
    "no_token": Message("A conexão {nome} ainda não tem chave de acesso.", "Informe a chave em Conexão."),
    "ports_busy": Message(
        "As portas de {de} a {ate} deste computador estão ocupadas.",
        "Feche o programa que as usa e tente de novo.",
    ),
    "which_connection": Message("Há mais de uma conexão neste computador.", "Diga qual com --connection: {nomes}."),
    "dataset_not_in_layout": Message("O layout desta conexão não envia {dados}.", "Confira o layout em Conexão."),
    "choice_not_asked": Message(
        "O cliente {codigo} não espera uma escolha.",
        "Veja os que esperam com omnisync pending list.",
    ),
    "choice_not_offered": Message(
        "O código {chave} não é um dos que o ERP tem para o cliente {codigo}.",
        "Escolha um destes: {chaves}.",
    ),
    "confirmation_not_asked": Message(
        "Nada espera confirmação em {dados}.",
        "Veja o que espera com omnisync pending list.",
    ),
    "confirmation_changed": Message(
        "Em {dados} são {n} agora, e nada foi confirmado.",
        "Confira e confirme esse número.",
    ),
    "establishments_missing": Message(
        "Os estabelecimentos desta conexão ainda não foram trazidos da central do OmniForce.",
        "Clique em Testar em Conexão, ou use omnisync connection test.",
    ),
    "question_unanswered": Message(
        "Este comando pergunta antes de continuar, e aqui não há quem responda.", "Use --yes para responder sim."
    ),
    "establishment_not_here": Message(
        "O estabelecimento {codigo} não está mais configurado neste computador.",
        "Confira em Conexão.",
    ),
    "pages_without_password": Message(
        "As telas não abrem em {endereco} sem senha: de outros computadores qualquer um chegaria a elas.",
        "Defina uma com omnisync password set, ou use 127.0.0.1.",
    ),
    "pages_without_tls": Message(
        "As telas não abrem em {endereco} sem TLS: a senha passaria à vista pela rede.",
        "Informe o certificado e a chave (--certificate e --key), ou use 127.0.0.1.",
    ),
    "pages_certificate": Message(
        "O certificado das telas não pode ser usado ({motivo}).",
        "Confira {certificado} e {chave}.",
    ),
    "pages_address": Message(
        "As telas não podem abrir em {endereco}, porta {porta}.",
        "Use um endereço IPv4 deste computador e uma porta acima de 1023.",
    ),
    "page_password_short": Message("A senha das telas tem de {n} a {max} letras.", "Escolha outra."),
    "page_password_differs": Message("As duas senhas digitadas não são iguais.", "Nada mudou; tente de novo."),
    "page_password_wrong": Message("A senha não confere.", "Digite de novo."),
    "page_password_wait": Message("Houve muitas tentativas com a senha errada.", "Aguarde {minutos} e tente de novo."),
    "page_password_missing": Message(
        "As telas ainda não têm senha.",
        "Defina uma com omnisync password set.",
    ),
    "page_code_wrong": Message(
        "O código não confere.", "Veja-o no terminal do Omnisync ou no arquivo {arquivo}, e digite de novo."
    ),
    "page_by_command": Message("Sem senha das telas, isto muda só pela linha de comando: {comando}. Nada foi feito."),
    "page_session_over": Message("É preciso entrar com a senha; nada foi feito.", "Entre e tente de novo."),
    "pages_port_busy": Message(
        "A porta {porta} deste computador está ocupada.",
        "Feche o programa que a usa ou escolha outra com --port.",
    ),
    "journal_restored": Message(
        "O histórico deste computador estava danificado e foi refeito; as conexões ({conexoes}), seus agendamentos e o "
        "De/Para voltaram da cópia. Clientes e pedidos não foram afetados; o arquivo antigo ficou guardado como "
        "{arquivo}.",
        "Confira Conexão e Agendamento.",
    ),
    "journal_rebuilt": Message(
        "O histórico deste computador estava danificado e foi refeito. Clientes e pedidos não foram afetados; o "
        "arquivo antigo ficou guardado como {arquivo}.",
        "Confira Conexão e Agendamento.",
    ),
    "outbox_lost": Message(
        "O registro do que já foi enviado estava danificado e foi refeito.",
        "Exporte de novo: tudo será enviado outra vez, e nada se perde.",
    ),
    "file_in_use": Message(
        "O arquivo {arquivo} está em uso por outro programa.",
        "Feche esse programa, ou aguarde, e tente de novo; nada se perdeu.",
    ),
    "disk_full": Message("O disco deste computador está cheio ({pasta}).", "Libere espaço e tente de novo."),
    "folder_read_only": Message("Não é possível gravar na pasta {pasta}.", "Dê permissão de gravação a este usuário."),
    "folder_of_another": Message(
        "A pasta {pasta} é do usuário {dono} deste computador.",
        "Rode o comando como ele: sudo -u {dono} --preserve-env=OMNISYNC_HOME omnisync …; ou informe outra pasta em "
        "OMNISYNC_HOME.",
    ),
    "folder_not_ours": Message(
        "Outros usuários deste computador podem gravar na pasta {pasta}, ou ela é um atalho (link) deles.",
        "Feche-a com chmod go-w {pasta}, ou informe uma só deste usuário em OMNISYNC_HOME.",
    ),
    "file_not_ours": Message(
        "O arquivo {arquivo} é um atalho (link) ou de outro usuário deste computador, e não foi aberto.",
        "Confira quem o pôs ali e apague-o.",
    ),
    # the schedule and the clock
    "clock_skew": Message(
        "O relógio deste computador está {n} minutos {direcao}.",
        "Acerte a data e a hora para o agendamento funcionar na hora certa.",
    ),
    "schedule_no_day": Message("Escolha ao menos um dia da semana para salvar o agendamento."),
    "schedule_interval_short": Message(
        "O menor intervalo é de 5 minutos.",
        "Para uma exportação por dia, deixe 0 hora(s) e 0 minuto(s).",
    ),
    "schedule_interval_invalid": Message(
        "O intervalo vai de 0 a 23 hora(s) e de 0 a 59 minuto(s).",
        "Corrija o intervalo.",
    ),
    "schedule_start_invalid": Message(
        "A hora de início vai de 0 a 23 hora(s) e de 0 a 59 minuto(s).",
        "Corrija o início.",
    ),
    "schedule_no_establishment": Message("Escolha o estabelecimento para salvar o agendamento."),
    "schedule_no_system": Message("Escolha ao menos um sistema para salvar o agendamento."),
    "schedule_never_saved": Message(
        "Ainda não há agendamento salvo.",
        "Salve um em Agendamento ou com omnisync schedule set.",
    ),
    "many_rows_deleted": Message(
        "{n} registros ({dados}) deixarão de existir no destino com esta exportação.",
        "Confira e clique em Confirmar para continuar.",
    ),
    "many_deleted": Message(
        "{n} produtos deixarão de aparecer no OmniForce com esta exportação.",
        "Confira e clique em Confirmar para continuar.",
    ),
}

MESSAGES: Mapping[str, Message] = {**_PROGRAM, **LAYOUT_CHECK, **RECORDS}

TIMELESS: Mapping[str, Message] = {
    "hub_unreachable": Message(
        "Não foi possível falar com a central do OmniForce.",
        "Verifique a internet deste computador.",
    ),
    "maintenance": Message("A central está em manutenção.", "Nada se perdeu: tente de novo em alguns minutos."),
    "run_in_progress": Message("Já existe uma sincronização em andamento.", "Aguarde o término para importar de novo."),
}
"""Sentences that name an hour, as they read when the hour is unknown: a command that failed does not try again."""

WAITED_OUT: Mapping[str, Message] = {
    "erp_busy": Message("O banco do ERP está ocupado.", "Tentamos de novo em {n} segundos; não é preciso fazer nada."),
}
"""Sentences that ask a person to try again, as they read while the run itself will."""

OF_EXPORTS: Mapping[str, Message] = {
    "rate_limited": Message(
        "A central pediu uma pausa.",
        "A exportação continua sozinha em {n} segundos; não é preciso fazer nada.",
    ),
    "maintenance": Message("A central está em manutenção.", "Nada se perdeu: a exportação será refeita às {hora}."),
}
"""Sentences that name the import, as they read of an export."""
