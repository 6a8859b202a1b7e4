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
CREATE TABLE cliente_web (
    cw_registro IDENTITY,
    cw_idapp APP_ID NOT NULL UNIQUE,
    cw_situacao CHAR(1) NOT NULL,
    cw_documento VARCHAR(20),
    cw_nome VARCHAR(50) NOT NULL,
    cw_fantasia VARCHAR(50),
    cw_ie VARCHAR(20),
    cw_endereco VARCHAR(80),
    cw_bairro VARCHAR(40),
    cw_cidade_ibge VARCHAR(7),
    cw_uf VARCHAR(2),
    cw_cep VARCHAR(8),
    cw_telefone VARCHAR(20),
    cw_email VARCHAR(254)
);
CREATE TABLE pedido_web (
    pw_registro IDENTITY,
    pw_idapp APP_ID NOT NULL UNIQUE,
    pw_numapp VARCHAR(20) NOT NULL,
    pw_situacao CHAR(1) NOT NULL CHECK (pw_situacao IN ('P', 'E', 'C')),
    pw_mensagem VARCHAR(200),
    pw_tipo VARCHAR(12) NOT NULL,
    pw_filial INTEGER NOT NULL,
    cw_registro INTEGER NOT NULL,
    pw_data MOMENT NOT NULL,
    pw_entrega DATE,
    pw_cli_documento VARCHAR(20),
    pw_cli_nome VARCHAR(50),
    pw_vendedor VARCHAR(20),
    pw_condicao VARCHAR(20),
    pw_frete VARCHAR(1) NOT NULL,
    pw_vlrprodutos NUMERIC(15,2) NOT NULL,
    pw_vlrdesconto NUMERIC(15,2) NOT NULL,
    pw_vlracrescimo NUMERIC(15,2) NOT NULL,
    pw_vlrfrete NUMERIC(15,2) NOT NULL,
    pw_vlroutros NUMERIC(15,2) NOT NULL,
    pw_vlrseguro NUMERIC(15,2) NOT NULL,
    pw_vlrtotal NUMERIC(15,2) NOT NULL,
    pw_obs VARCHAR(200)
);
CREATE TABLE pedido_web_item (
    pw_registro INTEGER NOT NULL REFERENCES pedido_web (pw_registro),
    pwi_seq INTEGER NOT NULL,
    pwi_referencia VARCHAR(60) NOT NULL,
    pwi_descricao VARCHAR(60) NOT NULL,
    pwi_qtde NUMERIC(15,4) NOT NULL,
    pwi_preco NUMERIC(15,6) NOT NULL,
    pwi_vlrtotal NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (pw_registro, pwi_seq)
);
CREATE TABLE pedido_web_parcela (
    pw_registro INTEGER NOT NULL REFERENCES pedido_web (pw_registro),
    pwp_seq INTEGER NOT NULL,
    pwp_forma INTEGER NOT NULL,
    pwp_vencto DATE NOT NULL,
    pwp_valor NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (pw_registro, pwp_seq)
);
CREATE TABLE pedido_web_retorno (
    pwr_idapp APP_ID NOT NULL PRIMARY KEY,
    pwr_pedido INTEGER,
    pwr_situacao CHAR(1) NOT NULL,
    pwr_mensagem VARCHAR(200)
);
CREATE TABLE pedido_web_numero (
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
INSERT INTO pedido_web_numero (ultimo) VALUES (9000);
