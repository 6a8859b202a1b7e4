-- The tables of the layout `padrao` on SQL Server, as an ERP would have them. Not run against a live server.
CREATE TABLE clientes (
    codigo INTEGER NOT NULL IDENTITY(1, 1) PRIMARY KEY,
    id_externo VARCHAR(40) COLLATE Latin1_General_BIN2 NOT NULL UNIQUE,
    tipo_pessoa NVARCHAR(20) NOT NULL,
    tipo_documento NVARCHAR(20) NOT NULL,
    documento NVARCHAR(40),
    nome NVARCHAR(200) NOT NULL,
    nome_fantasia NVARCHAR(200),
    contribuinte_icms NVARCHAR(20) NOT NULL,
    inscricao_estadual NVARCHAR(40),
    email NVARCHAR(320),
    telefone NVARCHAR(40),
    logradouro NVARCHAR(200),
    numero_endereco NVARCHAR(60),
    complemento NVARCHAR(200),
    bairro NVARCHAR(100),
    cidade_ibge NVARCHAR(7),
    cidade NVARCHAR(100),
    uf NVARCHAR(2),
    cep NVARCHAR(10),
    vendedor NVARCHAR(60),
    tabela_preco NVARCHAR(60),
    condicao_pagamento NVARCHAR(60),
    ativo SMALLINT NOT NULL,
    observacoes NVARCHAR(MAX)
);
CREATE TABLE pedidos (
    numero INTEGER NOT NULL IDENTITY(1, 1) PRIMARY KEY,
    id_externo VARCHAR(40) COLLATE Latin1_General_BIN2 NOT NULL UNIQUE,
    numero_omniforce NVARCHAR(60) NOT NULL,
    cliente INTEGER NOT NULL,
    situacao NVARCHAR(20) NOT NULL DEFAULT 'aberto' CHECK (situacao IN ('aberto', 'faturado', 'cancelado')),
    tipo NVARCHAR(20) NOT NULL,
    estabelecimento NVARCHAR(10) NOT NULL,
    vendedor NVARCHAR(60),
    tabela_preco NVARCHAR(60),
    condicao_pagamento NVARCHAR(60),
    emitido_em DATETIME2(3) NOT NULL,
    entrega_em DATE,
    pedido_cliente NVARCHAR(60),
    frete_modo NVARCHAR(20) NOT NULL,
    transportadora NVARCHAR(200),
    valor_itens NUMERIC(15,2) NOT NULL,
    desconto NUMERIC(15,2) NOT NULL,
    acrescimo NUMERIC(15,2) NOT NULL,
    frete NUMERIC(15,2) NOT NULL,
    seguro NUMERIC(15,2) NOT NULL,
    outras_despesas NUMERIC(15,2) NOT NULL,
    total NUMERIC(15,2) NOT NULL,
    observacoes NVARCHAR(MAX),
    FOREIGN KEY (cliente) REFERENCES clientes (codigo)
);
CREATE TABLE itens_pedido (
    pedido INTEGER NOT NULL,
    id_externo VARCHAR(40) COLLATE Latin1_General_BIN2 NOT NULL,
    linha INTEGER NOT NULL,
    produto NVARCHAR(60) NOT NULL,
    descricao NVARCHAR(200) NOT NULL,
    gtin NVARCHAR(14),
    ncm NVARCHAR(8),
    unidade NVARCHAR(20) NOT NULL,
    quantidade NUMERIC(15,4) NOT NULL,
    preco NUMERIC(21,10) NOT NULL,
    valor_bruto NUMERIC(15,2) NOT NULL,
    desconto NUMERIC(15,2) NOT NULL,
    acrescimo NUMERIC(15,2) NOT NULL,
    ipi NUMERIC(15,2) NOT NULL,
    st NUMERIC(15,2) NOT NULL,
    total NUMERIC(15,2) NOT NULL,
    bonificacao SMALLINT NOT NULL,
    observacoes NVARCHAR(MAX),
    PRIMARY KEY (pedido, id_externo),
    FOREIGN KEY (pedido) REFERENCES pedidos (numero)
);
CREATE TABLE formas_pagamento (
    pedido INTEGER NOT NULL,
    id_externo VARCHAR(40) COLLATE Latin1_General_BIN2 NOT NULL,
    linha INTEGER NOT NULL,
    meio NVARCHAR(60) NOT NULL,
    tipo_nfe NVARCHAR(20) NOT NULL,
    valor NUMERIC(15,2) NOT NULL,
    vencimento DATE NOT NULL,
    parcela INTEGER NOT NULL,
    parcelas INTEGER NOT NULL,
    bandeira NVARCHAR(60),
    autorizacao NVARCHAR(128),
    PRIMARY KEY (pedido, id_externo),
    FOREIGN KEY (pedido) REFERENCES pedidos (numero)
);
-- What only goes out: the catalogue, the balances, what is owed and what was invoiced.
CREATE TABLE estabelecimentos (
    codigo NVARCHAR(10) COLLATE Latin1_General_BIN2 NOT NULL,
    nome NVARCHAR(200) NOT NULL,
    cnpj NVARCHAR(20),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE produtos (
    codigo NVARCHAR(60) COLLATE Latin1_General_BIN2 NOT NULL,
    descricao NVARCHAR(200) NOT NULL,
    unidade NVARCHAR(20) NOT NULL,
    ncm NVARCHAR(8),
    gtin NVARCHAR(14),
    marca NVARCHAR(60),
    grupo NVARCHAR(60),
    embalagem NUMERIC(15,4),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE tabelas_preco (
    codigo NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    descricao NVARCHAR(200) NOT NULL,
    valida_de DATE,
    valida_ate DATE,
    estabelecimento NVARCHAR(10),
    PRIMARY KEY (codigo)
);
CREATE TABLE precos (
    tabela NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    produto NVARCHAR(60) COLLATE Latin1_General_BIN2 NOT NULL,
    preco NUMERIC(21,10) NOT NULL,
    preco_minimo NUMERIC(21,10),
    desconto_maximo NUMERIC(7,4),
    PRIMARY KEY (tabela, produto)
);
CREATE TABLE estoque (
    estabelecimento NVARCHAR(10) COLLATE Latin1_General_BIN2 NOT NULL,
    produto NVARCHAR(60) COLLATE Latin1_General_BIN2 NOT NULL,
    saldo NUMERIC(15,4) NOT NULL,
    reservado NUMERIC(15,4),
    disponivel NUMERIC(15,4),
    apurado_em DATETIME2(0),
    PRIMARY KEY (estabelecimento, produto)
);
CREATE TABLE meios_pagamento (
    codigo NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    descricao NVARCHAR(200) NOT NULL,
    tipo_nfe NVARCHAR(2),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE condicoes_pagamento (
    codigo NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    descricao NVARCHAR(200) NOT NULL,
    dias NVARCHAR(200),
    pedido_minimo NUMERIC(15,2),
    entrada NUMERIC(7,4),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE vendedores (
    codigo NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    nome NVARCHAR(200) NOT NULL,
    email NVARCHAR(254),
    supervisor NVARCHAR(20),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE titulos_receber (
    documento NVARCHAR(40) COLLATE Latin1_General_BIN2 NOT NULL,
    parcela NVARCHAR(10) COLLATE Latin1_General_BIN2 NOT NULL,
    cliente INTEGER NOT NULL,
    emissao DATE,
    vencimento DATE NOT NULL,
    valor NUMERIC(15,2) NOT NULL,
    saldo NUMERIC(15,2) NOT NULL,
    tipo NVARCHAR(20),
    situacao NVARCHAR(20) NOT NULL,
    PRIMARY KEY (documento, parcela)
);
CREATE TABLE notas_fiscais (
    numero NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    pedido INTEGER,
    cliente INTEGER,
    estabelecimento NVARCHAR(10) NOT NULL,
    vendedor NVARCHAR(20),
    tipo NVARCHAR(20) NOT NULL,
    emitida_em DATETIME2(0) NOT NULL,
    chave_acesso NVARCHAR(44),
    PRIMARY KEY (numero)
);
CREATE TABLE itens_nota (
    nota NVARCHAR(20) COLLATE Latin1_General_BIN2 NOT NULL,
    item INTEGER NOT NULL,
    produto NVARCHAR(60) NOT NULL,
    quantidade NUMERIC(15,4) NOT NULL,
    valor_bruto NUMERIC(15,2) NOT NULL,
    desconto NUMERIC(15,2) NOT NULL,
    valor_liquido NUMERIC(15,2) NOT NULL,
    custo NUMERIC(15,2),
    PRIMARY KEY (nota, item)
);
