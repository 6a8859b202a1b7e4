-- An ERP that takes orders from a queue: the layout `staging`.
CREATE TABLE produto (
    pro_codigo CHAR(6) NOT NULL PRIMARY KEY,
    pro_nome VARCHAR(60) NOT NULL,
    pro_unidade VARCHAR(6) DEFAULT 'UN' NOT NULL,
    pro_ncm VARCHAR(8),
    pro_gtin VARCHAR(14),
    pro_grupo VARCHAR(30),
    pro_inativo SMALLINT DEFAULT 0 NOT NULL,
    pro_excluido SMALLINT DEFAULT 0 NOT NULL
);
CREATE TABLE cliente (
    cli_codigo IDENTITY,
    cli_documento VARCHAR(20),
    cli_nome VARCHAR(50) NOT NULL,
    cli_idapp APP_ID UNIQUE,
    cli_cidade_ibge VARCHAR(7),
    cli_limite NUMERIC(15,2),
    cli_bloqueado SMALLINT DEFAULT 0 NOT NULL,
    cli_excluido SMALLINT DEFAULT 0 NOT NULL
);
CREATE TABLE pedido (
    ped_numero INTEGER NOT NULL PRIMARY KEY,
    ped_idapp APP_ID UNIQUE,
    ped_filial INTEGER NOT NULL,
    cli_codigo INTEGER NOT NULL REFERENCES cliente (cli_codigo),
    ped_data MOMENT NOT NULL,
    ped_total NUMERIC(15,2) NOT NULL,
    ped_fase CHAR(1) DEFAULT 'A' NOT NULL
);
CREATE TABLE pedido_item (
    ped_numero INTEGER NOT NULL REFERENCES pedido (ped_numero),
    ite_seq INTEGER NOT NULL,
    pro_codigo CHAR(6) NOT NULL REFERENCES produto (pro_codigo),
    ite_qtde NUMERIC(15,4) NOT NULL,
    ite_total NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (ped_numero, ite_seq)
);
CREATE TABLE parcela (
    ped_numero INTEGER NOT NULL REFERENCES pedido (ped_numero),
    par_seq INTEGER NOT NULL,
    par_forma INTEGER NOT NULL,
    par_vencto DATE NOT NULL,
    par_valor NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (ped_numero, par_seq)
);
CREATE TABLE omniforce_cliente (
    ofc_registro IDENTITY,
    ofc_idapp APP_ID NOT NULL UNIQUE,
    ofc_situacao CHAR(1) NOT NULL,
    ofc_documento VARCHAR(20),
    ofc_nome VARCHAR(50) NOT NULL,
    ofc_fantasia VARCHAR(50),
    ofc_ie VARCHAR(20),
    ofc_endereco VARCHAR(80),
    ofc_bairro VARCHAR(40),
    ofc_cidade_ibge VARCHAR(7),
    ofc_uf VARCHAR(2),
    ofc_cep VARCHAR(8),
    ofc_telefone VARCHAR(20),
    ofc_email VARCHAR(254)
);
CREATE TABLE omniforce_pedido (
    ofp_registro IDENTITY,
    ofp_idapp APP_ID NOT NULL UNIQUE,
    ofp_numapp VARCHAR(20) NOT NULL,
    ofp_situacao CHAR(1) NOT NULL CHECK (ofp_situacao IN ('P', 'E', 'C')),
    ofp_mensagem VARCHAR(200),
    ofp_tipo VARCHAR(12) NOT NULL,
    ofp_filial INTEGER NOT NULL,
    ofc_registro INTEGER NOT NULL,
    ofp_data MOMENT NOT NULL,
    ofp_entrega DATE,
    ofp_cli_documento VARCHAR(20),
    ofp_cli_nome VARCHAR(50),
    ofp_vendedor VARCHAR(20),
    ofp_condicao VARCHAR(20),
    ofp_frete VARCHAR(1) NOT NULL,
    ofp_vlrprodutos NUMERIC(15,2) NOT NULL,
    ofp_vlrdesconto NUMERIC(15,2) NOT NULL,
    ofp_vlracrescimo NUMERIC(15,2) NOT NULL,
    ofp_vlrfrete NUMERIC(15,2) NOT NULL,
    ofp_vlroutros NUMERIC(15,2) NOT NULL,
    ofp_vlrseguro NUMERIC(15,2) NOT NULL,
    ofp_vlrtotal NUMERIC(15,2) NOT NULL,
    ofp_obs VARCHAR(200)
);
CREATE TABLE omniforce_pedido_item (
    ofp_registro INTEGER NOT NULL REFERENCES omniforce_pedido (ofp_registro),
    ofi_seq INTEGER NOT NULL,
    ofi_referencia VARCHAR(60) NOT NULL,
    ofi_descricao VARCHAR(60) NOT NULL,
    ofi_qtde NUMERIC(15,4) NOT NULL,
    ofi_preco NUMERIC(15,6) NOT NULL,
    ofi_vlrtotal NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (ofp_registro, ofi_seq)
);
CREATE TABLE omniforce_pedido_parcela (
    ofp_registro INTEGER NOT NULL REFERENCES omniforce_pedido (ofp_registro),
    oft_seq INTEGER NOT NULL,
    oft_forma INTEGER NOT NULL,
    oft_vencto DATE NOT NULL,
    oft_valor NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (ofp_registro, oft_seq)
);
CREATE TABLE omniforce_pedido_retorno (
    ofr_idapp APP_ID NOT NULL PRIMARY KEY,
    ofr_pedido INTEGER,
    ofr_situacao CHAR(1) NOT NULL,
    ofr_mensagem VARCHAR(200)
);
CREATE TABLE omniforce_pedido_numero (
    ultimo INTEGER NOT NULL
);
-- What only goes out: the catalogue, the balances, what is owed and what was invoiced.
CREATE TABLE filial (
    fil_codigo INTEGER NOT NULL,
    fil_nome VARCHAR(40) NOT NULL,
    fil_cnpj VARCHAR(14),
    fil_inativa SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (fil_codigo)
);
CREATE TABLE tabela_preco (
    tab_codigo INTEGER NOT NULL,
    tab_nome VARCHAR(40) NOT NULL,
    tab_inicio DATE,
    tab_fim DATE,
    PRIMARY KEY (tab_codigo)
);
CREATE TABLE preco (
    tab_codigo INTEGER NOT NULL,
    pro_codigo CHAR(6) NOT NULL,
    pre_valor NUMERIC(15,4) NOT NULL,
    pre_desconto NUMERIC(5,2),
    PRIMARY KEY (tab_codigo, pro_codigo)
);
CREATE TABLE estoque (
    fil_codigo INTEGER NOT NULL,
    pro_codigo CHAR(6) NOT NULL,
    est_saldo NUMERIC(15,4) NOT NULL,
    est_reservado NUMERIC(15,4) DEFAULT 0 NOT NULL,
    est_movimento MOMENT NOT NULL,
    PRIMARY KEY (fil_codigo, pro_codigo)
);
CREATE TABLE forma (
    for_codigo VARCHAR(20) NOT NULL,
    for_nome VARCHAR(40) NOT NULL,
    for_tpag CHAR(2),
    for_inativa SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (for_codigo)
);
CREATE TABLE condicao (
    con_codigo VARCHAR(20) NOT NULL,
    con_nome VARCHAR(40) NOT NULL,
    con_dias VARCHAR(40),
    con_inativa SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (con_codigo)
);
CREATE TABLE vendedor (
    ven_codigo VARCHAR(20) NOT NULL,
    ven_nome VARCHAR(40) NOT NULL,
    ven_email VARCHAR(100),
    ven_gerente VARCHAR(20),
    ven_inativo SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (ven_codigo)
);
CREATE TABLE titulo (
    tit_documento VARCHAR(20) NOT NULL,
    tit_parcela VARCHAR(7) NOT NULL,
    cli_codigo INTEGER NOT NULL,
    tit_emissao DATE,
    tit_vencimento DATE NOT NULL,
    tit_valor NUMERIC(15,2) NOT NULL,
    tit_saldo NUMERIC(15,2) NOT NULL,
    tit_especie CHAR(2),
    PRIMARY KEY (tit_documento, tit_parcela)
);
CREATE TABLE nota (
    nta_numero INTEGER NOT NULL,
    ped_numero INTEGER,
    fil_codigo INTEGER NOT NULL,
    cli_codigo INTEGER,
    ven_codigo VARCHAR(20),
    nta_operacao VARCHAR(10) NOT NULL,
    nta_emissao MOMENT NOT NULL,
    nta_chave CHAR(44),
    PRIMARY KEY (nta_numero)
);
CREATE TABLE nota_item (
    nta_numero INTEGER NOT NULL,
    nti_seq INTEGER NOT NULL,
    pro_codigo CHAR(6) NOT NULL,
    nti_qtde NUMERIC(15,4) NOT NULL,
    nti_bruto NUMERIC(15,2) NOT NULL,
    nti_desconto NUMERIC(15,2) NOT NULL,
    nti_liquido NUMERIC(15,2) NOT NULL,
    nti_custo NUMERIC(15,2),
    PRIMARY KEY (nta_numero, nti_seq)
);
INSERT INTO omniforce_pedido_numero (ultimo) VALUES (9000);
