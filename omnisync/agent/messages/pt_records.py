"""Sentences of one record: why it was refused or waits, and what had to be changed for it. In pt-BR, by code."""

from __future__ import annotations

from collections.abc import Mapping

from omnisync.agent.messages.message import Message

RECORDS: Mapping[str, Message] = {
    "record": Message("Há um registro com problema.", "Confira no OmniForce e envie de novo."),
    "refused": Message("O registro foi recusado.", "Confira no OmniForce e envie de novo."),
    "tax_id_invalid": Message(
        "O CNPJ/CPF do cliente {codigo} está incorreto.",
        "Corrija no OmniForce; os pedidos dele entram na próxima importação.",
    ),
    "customer_missing": Message(
        "O pedido {numero} aguarda o cadastro do cliente {nome}.",
        "Ele será importado assim que o cliente chegar.",
    ),
    "customer_waiting": Message("O pedido {numero} aguarda o cliente {nome}, que foi recusado: {motivo}"),
    "customer_deleted": Message(
        "O cliente do pedido {numero} foi apagado no OmniForce antes de entrar no ERP.",
        "Cadastre o cliente de novo e envie o pedido.",
    ),
    "customer_gone": Message(
        "O pedido {numero} aguarda o cliente {nome}, que não está mais no ERP com o código que tinha.",
        "Para criá-lo outra vez use omnisync import --again {cliente}; o pedido entra com ele.",
    ),
    "value_rounded": Message(
        "O campo {campo} do {registro} tem mais casas decimais do que a coluna {coluna} do ERP guarda ({casas}), e foi "
        "arredondado.",
        "Confira o valor no ERP.",
    ),
    "extra_rows_alike": Message(
        "Há mais de uma linha de {registro} em {tabela} ({linha}), e nenhuma foi alterada.",
        "Confira-as no ERP, ou dê ao layout um external_id para essa linha.",
    ),
    "extra_row_stays": Message(
        "O {registro} não tem mais {linha}, e a linha dele em {tabela} ficou.",
        "Confira-a no ERP.",
    ),
    "extra_row_unreadable": Message(
        "O código de {linha} que o ERP guarda no {registro} não pode ser lido, e a linha dele em {tabela} ficou como "
        "estava.",
        "Peça a quem cuida do ERP que o corrija.",
    ),
    "customer_other_document": Message(
        "O cliente {nome} estava ligado ao cliente {chave} do ERP, que tem outro CNPJ/CPF.",
        "Escolha-o em Pendências se é a mesma empresa, ou importe o cliente de novo para que seja cadastrado.",
    ),
    "customer_chosen": Message(
        "O cliente {nome} usa o cliente {chave} do ERP, que tem outro CNPJ/CPF, como foi escolhido em Pendências.",
        "Confira o CNPJ/CPF no ERP.",
    ),
    "customer_duplicate": Message(
        "Há {n} clientes no ERP com o mesmo CNPJ do cliente {nome}.",
        "Escolha qual deles usar em Pendências.",
    ),
    "product_unknown": Message(
        "O produto {codigo} não existe no ERP.",
        "Cadastre o produto ou corrija o código no OmniForce e envie o pedido de novo.",
    ),
    "establishment_unknown": Message(
        "Há {pedidos} do estabelecimento {codigo}, que não está cadastrado na central.",
        "Cadastre o estabelecimento ou corrija os pedidos no OmniForce.",
    ),
    "establishment_differs": Message(
        "O pedido {numero} diz ser do estabelecimento {codigo}, mas chegou por outro.",
        "Abra o pedido no OmniForce, salve e envie de novo.",
    ),
    "payment_method_unmapped": Message(
        "A forma de pagamento {codigo} ainda não tem correspondente no ERP.",
        "Informe em De/Para e clique em Tentar de novo.",
    ),
    "totals_mismatch": Message(
        "O total dos itens do pedido {numero} ({total}) não fecha com a soma dos itens ({soma}).",
        "Abra o pedido no OmniForce, salve e envie de novo.",
    ),
    "total_not_explained": Message(
        "O total do pedido {numero} ({total}) não fecha com itens, descontos e frete ({soma}).",
        "Abra o pedido no OmniForce, salve e envie de novo.",
    ),
    "payments_mismatch": Message(
        "As formas de pagamento do pedido {numero} somam {soma}, mas o pedido é de {total}.",
        "Ajuste as parcelas no OmniForce.",
    ),
    "quantity_invalid": Message(
        "O item {linha} do pedido {numero} está com quantidade zero.",
        "Informe a quantidade ou retire o item no OmniForce.",
    ),
    "price_zero": Message(
        "O item {linha} do pedido {numero} está com preço zero e não é bonificação.",
        "Informe o preço ou marque o item como bonificação no OmniForce.",
    ),
    "discount_above_gross": Message(
        "O desconto do item {linha} do pedido {numero} é maior que o valor do item.",
        "Corrija o desconto no OmniForce.",
    ),
    "discount_percent_only": Message(
        "O item {linha} do pedido {numero} tem desconto em percentual sem o valor em reais.",
        "Abra o pedido no OmniForce, salve e envie de novo.",
    ),
    "line_mismatch": Message(
        "O valor do item {linha} do pedido {numero} não fecha com quantidade, preço e desconto.",
        "Abra o pedido no OmniForce, salve e envie de novo.",
    ),
    "amount_invalid": Message(
        "O pedido {numero} tem um valor que não é aceito ({campo}).",
        "Corrija no OmniForce e envie de novo.",
    ),
    "moment_invalid": Message(
        "O pedido {numero} tem uma data e hora que não existe em nenhum calendário ({campo}).",
        "Corrija no OmniForce e envie de novo.",
    ),
    "value_uncountable": Message(
        "O {registro} tem uma data ou um valor fora do que se pode calcular ({campo}).",
        "Corrija no OmniForce e envie de novo.",
    ),
    "item_repeated": Message(
        "O pedido {numero} tem dois itens com a mesma identificação.",
        "Abra o pedido no OmniForce, salve e envie de novo.",
    ),
    "quote_not_imported": Message("O pedido {numero} é um orçamento e não entra no ERP.", "Gere a venda no OmniForce."),
    "record_unreadable": Message(
        "O {registro} não pode ser lido ({campo}).",
        "Abra no OmniForce, salve e envie de novo.",
    ),
    "order_locked": Message(
        "O pedido {numero} foi alterado no OmniForce depois de {situacao} no ERP ({numero_erp}).",
        "Mantivemos o ERP como está; trate a diferença com o vendedor.",
    ),
    "order_found": Message(
        "O pedido {numero} já está no ERP ({numero_erp}), que o tem em andamento, e este computador não lembra com "
        "que conteúdo ele entrou.",
        "Mantivemos o ERP como está; confira se o pedido mudou depois no OmniForce.",
    ),
    "order_removed": Message(
        "O pedido {numero} não está mais no ERP ({numero_erp}).",
        "Não o criamos de novo; para trazê-lo outra vez use Tentar de novo com confirmação (omnisync import --again).",
    ),
    "order_taken": Message(
        "O pedido {numero} foi alterado no OmniForce depois de entrar no ERP ({numero_erp}).",
        "Mantivemos o ERP como está; trate a diferença com o vendedor.",
    ),
    "order_renumbered": Message(
        "O pedido {numero} mudou de estabelecimento no OmniForce, e o número dele no ERP ({numero_erp}) é de outra "
        "filial.",
        "Mantivemos o ERP como está; refaça o pedido no ERP.",
    ),
    "customer_removed": Message(
        "O cliente {nome} não está mais no ERP ({numero_erp}).",
        "Não o criamos de novo; para trazê-lo outra vez use omnisync import --again.",
    ),
    "payment_terms_unmapped": Message(
        "A condição de pagamento {codigo} ainda não tem correspondente no ERP.",
        "Informe em De/Para e clique em Tentar de novo.",
    ),
    "seller_unmapped": Message(
        "O vendedor {codigo} ainda não tem correspondente no ERP.",
        "Informe em De/Para e clique em Tentar de novo.",
    ),
    "establishment_unmapped": Message(
        "O estabelecimento {codigo} ainda não tem correspondente no ERP.",
        "Informe em De/Para e clique em Tentar de novo.",
    ),
    "price_table_unmapped": Message(
        "A tabela de preços {codigo} ainda não tem correspondente no ERP.",
        "Informe em De/Para e clique em Tentar de novo.",
    ),
    "code_unmapped": Message(
        "O {registro} tem um código que o ERP não conhece ({campo}: {codigo}).",
        "Cadastre no ERP ou corrija no OmniForce e clique em Tentar de novo.",
    ),
    "lookup_ambiguous": Message(
        "O {registro} tem um código que está repetido no ERP ({codigo}).",
        "Acerte o cadastro no ERP e clique em Tentar de novo.",
    ),
    "default_used": Message(
        "O {registro} tem um código que o ERP não conhece ({campo}: {codigo}). Gravamos {padrao} no lugar.",
    ),
    "document_missing": Message(
        "O cliente {codigo} está sem CNPJ/CPF, e este ERP só aceita clientes com documento.",
        "Informe o documento no OmniForce.",
    ),
    "order_not_cancelled": Message(
        "O pedido {numero} foi cancelado no OmniForce, mas este ERP não recebe cancelamentos.",
        "Cancele o pedido {numero_erp} no ERP.",
    ),
    "erp_job_refused": Message(
        "O ERP recusou o pedido depois de recebê-lo: {motivo}.",
        "Corrija no OmniForce e envie de novo.",
    ),
    "customer_shares_row": Message(
        "O cliente {nome} tem o mesmo CNPJ/CPF de outro cliente do OmniForce, e no ERP os dois são o cadastro {chave}: "
        "{colunas} fica como o outro enviou.",
        "Se são a mesma empresa, una os dois no OmniForce.",
    ),
    "erp_row_in_use": Message(
        "O {registro} aguarda: o que ele muda no ERP está aberto lá por outra pessoa ou por outro programa.",
        "Entra na próxima importação, depois que for liberado no ERP.",
    ),
    "erp_refused": Message(
        "O banco do ERP não aceitou o {registro}: {motivo}.",
        "Corrija no OmniForce ou fale com quem cuida do ERP.",
    ),
    "letter_refused": Message(
        "O {registro} tem uma letra que o ERP não guarda ({letra}, {onde}).",
        "Troque essa letra no OmniForce e envie de novo, ou use o conversor plain no layout.",
    ),
    "erp_unreadable": Message(
        "Há um valor no ERP que não pode ser lido ({onde}).",
        "Peça a quem cuida do ERP que o corrija e clique em Tentar de novo.",
    ),
    "erp_row_missing": Message(
        "O banco do ERP não guardou o {registro} na tabela {tabela}, embora não o tenha recusado: um gatilho deixou a "
        "linha de fora ou trocou o código do OmniForce.",
        "Peça a quem cuida do ERP que o corrija e clique em Tentar de novo.",
    ),
    "erp_no_number": Message(
        "O ERP não deu um número ao {registro}: {motivo}.",
        "Peça a quem cuida do ERP que o corrija e clique em Tentar de novo.",
    ),
    "lookup_refused": Message(
        "O ERP não aceitou a pergunta por um código do {registro} ({campo}: {codigo}).",
        "Confira esse código no OmniForce e no ERP e clique em Tentar de novo.",
    ),
    "text_shortened": Message(
        "O nome do cliente {codigo} tem {n} letras e o ERP aceita {max}. Gravamos o nome reduzido.",
    ),
    "field_shortened": Message(
        "O {registro} tem um texto de {n} letras ({campo}) e o ERP aceita {max}. Gravamos o texto reduzido.",
    ),
    "letters_dropped": Message("O {registro} tem letras que o ERP não guarda ({campo}). Gravamos o texto sem elas."),
    "name_dropped": Message(
        "O nome do {registro} só tem letras que o ERP não guarda.",
        "Gravamos Sem nome; corrija no OmniForce.",
    ),
    "name_empty": Message("O cliente {codigo} veio sem nome.", "Gravamos Sem nome; corrija no OmniForce."),
    "phone_in_notes": Message(
        "O telefone do cliente {codigo} veio com mais do que um número. O resto ficou em observações.",
    ),
    "items_many": Message("O pedido {numero} tem {n} itens e uma nota leva 990: serão necessárias {notas} notas."),
    "centavo_adjusted": Message(
        "O total do pedido {numero} diferia da soma dos itens por 1 centavo ({total} e {soma}).",
        "Ajustamos o item {linha}; confira no ERP.",
    ),
    "payment_before_issue": Message(
        "O pedido {numero} tem uma parcela que vence antes da emissão.",
        "Gravamos como veio; confira se foi uma entrada já paga.",
    ),
    "payment_kind_new": Message(
        "O pedido {numero} traz uma forma de pagamento nova ({codigo}).",
        "Gravamos como veio; confira no ERP.",
    ),
    "customer_merged": Message(
        "O cliente {codigo} foi unificado com outro no OmniForce. Os pedidos novos vão para o outro.",
    ),
}
