-- The tables of the layout `padrao` on SQLite, as an ERP would have them. Money and quantities are exact decimal text.
CREATE TABLE clientes (
    codigo INTEGER PRIMARY KEY AUTOINCREMENT,
    id_externo TEXT NOT NULL UNIQUE,
    tipo_pessoa TEXT NOT NULL,
    tipo_documento TEXT NOT NULL,
    documento TEXT,
    nome TEXT NOT NULL,
    nome_fantasia TEXT,
    contribuinte_icms TEXT NOT NULL,
    inscricao_estadual TEXT,
    email TEXT,
    telefone TEXT,
    logradouro TEXT,
    numero_endereco TEXT,
    complemento TEXT,
    bairro TEXT,
    cidade_ibge TEXT,
    cidade TEXT,
    uf TEXT,
    cep TEXT,
    vendedor TEXT,
    tabela_preco TEXT,
    condicao_pagamento TEXT,
    ativo INTEGER NOT NULL,
    observacoes TEXT
);
CREATE TABLE pedidos (
    numero INTEGER PRIMARY KEY AUTOINCREMENT,
    id_externo TEXT NOT NULL UNIQUE,
    numero_omniforce TEXT NOT NULL,
    cliente INTEGER NOT NULL REFERENCES clientes (codigo),
    situacao TEXT NOT NULL DEFAULT 'aberto' CHECK (situacao IN ('aberto', 'faturado', 'cancelado')),
    tipo TEXT NOT NULL,
    estabelecimento TEXT NOT NULL,
    vendedor TEXT,
    tabela_preco TEXT,
    condicao_pagamento TEXT,
    emitido_em TEXT NOT NULL,
    entrega_em TEXT,
    pedido_cliente TEXT,
    frete_modo TEXT NOT NULL,
    transportadora TEXT,
    valor_itens TEXT NOT NULL,
    desconto TEXT NOT NULL,
    acrescimo TEXT NOT NULL,
    frete TEXT NOT NULL,
    seguro TEXT NOT NULL,
    outras_despesas TEXT NOT NULL,
    total TEXT NOT NULL,
    observacoes TEXT
);
CREATE TABLE itens_pedido (
    pedido INTEGER NOT NULL REFERENCES pedidos (numero),
    id_externo TEXT NOT NULL,
    linha INTEGER NOT NULL,
    produto TEXT NOT NULL,
    descricao TEXT NOT NULL,
    gtin TEXT,
    ncm TEXT,
    unidade TEXT NOT NULL,
    quantidade TEXT NOT NULL,
    preco TEXT NOT NULL,
    valor_bruto TEXT NOT NULL,
    desconto TEXT NOT NULL,
    acrescimo TEXT NOT NULL,
    ipi TEXT NOT NULL,
    st TEXT NOT NULL,
    total TEXT NOT NULL,
    bonificacao INTEGER NOT NULL,
    observacoes TEXT,
    PRIMARY KEY (pedido, id_externo)
) WITHOUT ROWID;
CREATE TABLE formas_pagamento (
    pedido INTEGER NOT NULL REFERENCES pedidos (numero),
    id_externo TEXT NOT NULL,
    linha INTEGER NOT NULL,
    meio TEXT NOT NULL,
    tipo_nfe TEXT NOT NULL,
    valor TEXT NOT NULL,
    vencimento TEXT NOT NULL,
    parcela INTEGER NOT NULL,
    parcelas INTEGER NOT NULL,
    bandeira TEXT,
    autorizacao TEXT,
    PRIMARY KEY (pedido, id_externo)
) WITHOUT ROWID;
-- What only goes out: the catalogue, the balances, what is owed and what was invoiced.
CREATE TABLE estabelecimentos (
    codigo TEXT NOT NULL,
    nome TEXT NOT NULL,
    cnpj TEXT,
    ativo INTEGER NOT NULL,
    PRIMARY KEY (codigo)
) WITHOUT ROWID;
CREATE TABLE produtos (
    codigo TEXT NOT NULL,
    descricao TEXT NOT NULL,
    unidade TEXT NOT NULL,
    ncm TEXT,
    gtin TEXT,
    marca TEXT,
    grupo TEXT,
    embalagem TEXT,
    ativo INTEGER NOT NULL,
    PRIMARY KEY (codigo)
) WITHOUT ROWID;
CREATE TABLE tabelas_preco (
    codigo TEXT NOT NULL,
    descricao TEXT NOT NULL,
    valida_de TEXT,
    valida_ate TEXT,
    estabelecimento TEXT,
    PRIMARY KEY (codigo)
) WITHOUT ROWID;
CREATE TABLE precos (
    tabela TEXT NOT NULL,
    produto TEXT NOT NULL,
    preco TEXT NOT NULL,
    preco_minimo TEXT,
    desconto_maximo TEXT,
    PRIMARY KEY (tabela, produto)
) WITHOUT ROWID;
CREATE TABLE estoque (
    estabelecimento TEXT NOT NULL,
    produto TEXT NOT NULL,
    saldo TEXT NOT NULL,
    reservado TEXT,
    disponivel TEXT,
    apurado_em TEXT,
    PRIMARY KEY (estabelecimento, produto)
) WITHOUT ROWID;
CREATE TABLE meios_pagamento (
    codigo TEXT NOT NULL,
    descricao TEXT NOT NULL,
    tipo_nfe TEXT,
    ativo INTEGER NOT NULL,
    PRIMARY KEY (codigo)
) WITHOUT ROWID;
CREATE TABLE condicoes_pagamento (
    codigo TEXT NOT NULL,
    descricao TEXT NOT NULL,
    dias TEXT,
    pedido_minimo TEXT,
    entrada TEXT,
    ativo INTEGER NOT NULL,
    PRIMARY KEY (codigo)
) WITHOUT ROWID;
CREATE TABLE vendedores (
    codigo TEXT NOT NULL,
    nome TEXT NOT NULL,
    email TEXT,
    supervisor TEXT,
    ativo INTEGER NOT NULL,
    PRIMARY KEY (codigo)
) WITHOUT ROWID;
CREATE TABLE titulos_receber (
    documento TEXT NOT NULL,
    parcela TEXT NOT NULL,
    cliente INTEGER NOT NULL,
    emissao TEXT,
    vencimento TEXT NOT NULL,
    valor TEXT NOT NULL,
    saldo TEXT NOT NULL,
    tipo TEXT,
    situacao TEXT NOT NULL,
    PRIMARY KEY (documento, parcela)
) WITHOUT ROWID;
CREATE TABLE notas_fiscais (
    numero TEXT NOT NULL,
    pedido INTEGER,
    cliente INTEGER,
    estabelecimento TEXT NOT NULL,
    vendedor TEXT,
    tipo TEXT NOT NULL,
    emitida_em TEXT NOT NULL,
    chave_acesso TEXT,
    PRIMARY KEY (numero)
) WITHOUT ROWID;
CREATE TABLE itens_nota (
    nota TEXT NOT NULL,
    item INTEGER NOT NULL,
    produto TEXT NOT NULL,
    quantidade TEXT NOT NULL,
    valor_bruto TEXT NOT NULL,
    desconto TEXT NOT NULL,
    valor_liquido TEXT NOT NULL,
    custo TEXT,
    PRIMARY KEY (nota, item)
) WITHOUT ROWID;
