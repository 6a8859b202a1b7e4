-- The tables of the layout `padrao`, as an ERP would have them. A CODE is compared by its bytes.
CREATE TABLE clientes (
    codigo IDENTITY,
    id_externo APP_ID NOT NULL UNIQUE,
    tipo_pessoa VARCHAR(20) NOT NULL,
    tipo_documento VARCHAR(20) NOT NULL,
    documento VARCHAR(40),
    nome VARCHAR(200) NOT NULL,
    nome_fantasia VARCHAR(200),
    contribuinte_icms VARCHAR(20) NOT NULL,
    inscricao_estadual VARCHAR(40),
    email VARCHAR(320),
    telefone VARCHAR(40),
    logradouro VARCHAR(200),
    numero_endereco VARCHAR(60),
    complemento VARCHAR(200),
    bairro VARCHAR(100),
    cidade_ibge VARCHAR(7),
    cidade VARCHAR(100),
    uf VARCHAR(2),
    cep VARCHAR(10),
    vendedor VARCHAR(60),
    tabela_preco VARCHAR(60),
    condicao_pagamento VARCHAR(60),
    ativo SMALLINT NOT NULL,
    observacoes NOTE
);
CREATE TABLE pedidos (
    numero IDENTITY,
    id_externo APP_ID NOT NULL UNIQUE,
    numero_omniforce VARCHAR(60) NOT NULL,
    cliente INTEGER NOT NULL REFERENCES clientes (codigo),
    situacao VARCHAR(20) DEFAULT 'aberto' NOT NULL CHECK (situacao IN ('aberto', 'faturado', 'cancelado')),
    tipo VARCHAR(20) NOT NULL,
    estabelecimento VARCHAR(10) NOT NULL,
    vendedor VARCHAR(60),
    tabela_preco VARCHAR(60),
    condicao_pagamento VARCHAR(60),
    emitido_em MOMENT NOT NULL,
    entrega_em DATE,
    pedido_cliente VARCHAR(60),
    frete_modo VARCHAR(20) NOT NULL,
    transportadora VARCHAR(200),
    valor_itens NUMERIC(15,2) NOT NULL,
    desconto NUMERIC(15,2) NOT NULL,
    acrescimo NUMERIC(15,2) NOT NULL,
    frete NUMERIC(15,2) NOT NULL,
    seguro NUMERIC(15,2) NOT NULL,
    outras_despesas NUMERIC(15,2) NOT NULL,
    total NUMERIC(15,2) NOT NULL,
    observacoes NOTE
);
CREATE TABLE itens_pedido (
    pedido INTEGER NOT NULL REFERENCES pedidos (numero),
    id_externo APP_ID NOT NULL,
    linha INTEGER NOT NULL,
    produto VARCHAR(60) NOT NULL,
    descricao VARCHAR(200) NOT NULL,
    gtin VARCHAR(14),
    ncm VARCHAR(8),
    unidade VARCHAR(20) NOT NULL,
    quantidade NUMERIC(15,4) NOT NULL,
    preco PRICE NOT NULL,
    valor_bruto NUMERIC(15,2) NOT NULL,
    desconto NUMERIC(15,2) NOT NULL,
    acrescimo NUMERIC(15,2) NOT NULL,
    ipi NUMERIC(15,2) NOT NULL,
    st NUMERIC(15,2) NOT NULL,
    total NUMERIC(15,2) NOT NULL,
    bonificacao SMALLINT NOT NULL,
    observacoes NOTE,
    PRIMARY KEY (pedido, id_externo)
);
CREATE TABLE formas_pagamento (
    pedido INTEGER NOT NULL REFERENCES pedidos (numero),
    id_externo APP_ID NOT NULL,
    linha INTEGER NOT NULL,
    meio VARCHAR(60) NOT NULL,
    tipo_nfe VARCHAR(20) NOT NULL,
    valor NUMERIC(15,2) NOT NULL,
    vencimento DATE NOT NULL,
    parcela INTEGER NOT NULL,
    parcelas INTEGER NOT NULL,
    bandeira VARCHAR(60),
    autorizacao VARCHAR(128),
    PRIMARY KEY (pedido, id_externo)
);
-- What only goes out: the catalogue, the balances, what is owed and what was invoiced.
CREATE TABLE estabelecimentos (
    codigo CODE(10) NOT NULL,
    nome VARCHAR(200) NOT NULL,
    cnpj VARCHAR(20),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE produtos (
    codigo CODE(60) NOT NULL,
    descricao VARCHAR(200) NOT NULL,
    unidade VARCHAR(20) NOT NULL,
    ncm VARCHAR(8),
    gtin VARCHAR(14),
    marca VARCHAR(60),
    grupo VARCHAR(60),
    embalagem NUMERIC(15,4),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE tabelas_preco (
    codigo CODE(20) NOT NULL,
    descricao VARCHAR(200) NOT NULL,
    valida_de DATE,
    valida_ate DATE,
    estabelecimento VARCHAR(10),
    PRIMARY KEY (codigo)
);
CREATE TABLE precos (
    tabela CODE(20) NOT NULL,
    produto CODE(60) NOT NULL,
    preco PRICE NOT NULL,
    preco_minimo PRICE,
    desconto_maximo NUMERIC(7,4),
    PRIMARY KEY (tabela, produto)
);
CREATE TABLE estoque (
    estabelecimento CODE(10) NOT NULL,
    produto CODE(60) NOT NULL,
    saldo NUMERIC(15,4) NOT NULL,
    reservado NUMERIC(15,4),
    disponivel NUMERIC(15,4),
    apurado_em MOMENT,
    PRIMARY KEY (estabelecimento, produto)
);
CREATE TABLE meios_pagamento (
    codigo CODE(20) NOT NULL,
    descricao VARCHAR(200) NOT NULL,
    tipo_nfe VARCHAR(2),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE condicoes_pagamento (
    codigo CODE(20) NOT NULL,
    descricao VARCHAR(200) NOT NULL,
    dias VARCHAR(200),
    pedido_minimo NUMERIC(15,2),
    entrada NUMERIC(7,4),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE vendedores (
    codigo CODE(20) NOT NULL,
    nome VARCHAR(200) NOT NULL,
    email VARCHAR(254),
    supervisor VARCHAR(20),
    ativo SMALLINT NOT NULL,
    PRIMARY KEY (codigo)
);
CREATE TABLE titulos_receber (
    documento CODE(40) NOT NULL,
    parcela CODE(10) NOT NULL,
    cliente INTEGER NOT NULL,
    emissao DATE,
    vencimento DATE NOT NULL,
    valor NUMERIC(15,2) NOT NULL,
    saldo NUMERIC(15,2) NOT NULL,
    tipo VARCHAR(20),
    situacao VARCHAR(20) NOT NULL,
    PRIMARY KEY (documento, parcela)
);
CREATE TABLE notas_fiscais (
    numero CODE(20) NOT NULL,
    pedido INTEGER,
    cliente INTEGER,
    estabelecimento VARCHAR(10) NOT NULL,
    vendedor VARCHAR(20),
    tipo VARCHAR(20) NOT NULL,
    emitida_em MOMENT NOT NULL,
    chave_acesso VARCHAR(44),
    PRIMARY KEY (numero)
);
CREATE TABLE itens_nota (
    nota CODE(20) NOT NULL,
    item INTEGER NOT NULL,
    produto VARCHAR(60) NOT NULL,
    quantidade NUMERIC(15,4) NOT NULL,
    valor_bruto NUMERIC(15,2) NOT NULL,
    desconto NUMERIC(15,2) NOT NULL,
    valor_liquido NUMERIC(15,2) NOT NULL,
    custo NUMERIC(15,2),
    PRIMARY KEY (nota, item)
);
