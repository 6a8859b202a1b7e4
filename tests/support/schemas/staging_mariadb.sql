-- An ERP that takes orders from a queue, on MariaDB: the layout `staging`, and the ERP's own job that empties it. One statement
-- ends at each `^`.
CREATE TABLE produto (
    pro_codigo CHAR(6) NOT NULL PRIMARY KEY,
    pro_nome VARCHAR(60) NOT NULL,
    pro_unidade VARCHAR(6) DEFAULT 'UN' NOT NULL,
    pro_ncm VARCHAR(8),
    pro_gtin VARCHAR(14),
    pro_grupo VARCHAR(30),
    pro_inativo SMALLINT DEFAULT 0 NOT NULL,
    pro_excluido SMALLINT DEFAULT 0 NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE cliente (
    cli_codigo INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    cli_documento VARCHAR(20),
    cli_nome VARCHAR(50) NOT NULL,
    cli_idapp VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin UNIQUE,
    cli_cidade_ibge VARCHAR(7),
    cli_limite NUMERIC(15,2),
    cli_bloqueado SMALLINT DEFAULT 0 NOT NULL,
    cli_excluido SMALLINT DEFAULT 0 NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE pedido (
    ped_numero INTEGER NOT NULL PRIMARY KEY,
    ped_idapp VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin UNIQUE,
    ped_filial INTEGER NOT NULL,
    cli_codigo INTEGER NOT NULL,
    ped_data DATETIME NOT NULL,
    ped_total NUMERIC(15,2) NOT NULL,
    ped_fase CHAR(1) DEFAULT 'A' NOT NULL,
    FOREIGN KEY (cli_codigo) REFERENCES cliente (cli_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE pedido_item (
    ped_numero INTEGER NOT NULL,
    ite_seq INTEGER NOT NULL,
    pro_codigo CHAR(6) NOT NULL,
    ite_qtde NUMERIC(15,4) NOT NULL,
    ite_total NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (ped_numero, ite_seq),
    FOREIGN KEY (ped_numero) REFERENCES pedido (ped_numero),
    FOREIGN KEY (pro_codigo) REFERENCES produto (pro_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE parcela (
    ped_numero INTEGER NOT NULL,
    par_seq INTEGER NOT NULL,
    par_forma INTEGER NOT NULL,
    par_vencto DATE NOT NULL,
    par_valor NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (ped_numero, par_seq),
    FOREIGN KEY (ped_numero) REFERENCES pedido (ped_numero)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE cliente_web (
    cw_registro INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    cw_idapp VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
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
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE pedido_web (
    pw_registro INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    pw_idapp VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
    pw_numapp VARCHAR(20) NOT NULL,
    pw_situacao CHAR(1) NOT NULL CHECK (pw_situacao IN ('P', 'E', 'C')),
    pw_mensagem VARCHAR(200),
    pw_tipo VARCHAR(12) NOT NULL,
    pw_filial INTEGER NOT NULL,
    cw_registro INTEGER NOT NULL,
    pw_data DATETIME NOT NULL,
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
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE pedido_web_item (
    pw_registro INTEGER NOT NULL,
    pwi_seq INTEGER NOT NULL,
    pwi_referencia VARCHAR(60) NOT NULL,
    pwi_descricao VARCHAR(60) NOT NULL,
    pwi_qtde NUMERIC(15,4) NOT NULL,
    pwi_preco NUMERIC(15,6) NOT NULL,
    pwi_vlrtotal NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (pw_registro, pwi_seq),
    FOREIGN KEY (pw_registro) REFERENCES pedido_web (pw_registro)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE pedido_web_parcela (
    pw_registro INTEGER NOT NULL,
    pwp_seq INTEGER NOT NULL,
    pwp_forma INTEGER NOT NULL,
    pwp_vencto DATE NOT NULL,
    pwp_valor NUMERIC(15,2) NOT NULL,
    PRIMARY KEY (pw_registro, pwp_seq),
    FOREIGN KEY (pw_registro) REFERENCES pedido_web (pw_registro)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE pedido_web_retorno (
    pwr_idapp VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    pwr_pedido INTEGER,
    pwr_situacao CHAR(1) NOT NULL,
    pwr_mensagem VARCHAR(200)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE pedido_web_numero (ultimo INTEGER NOT NULL) ENGINE = InnoDB CHARACTER SET utf8mb4^
-- What only goes out: the catalogue, the balances, what is owed and what was invoiced.
CREATE TABLE filial (
    fil_codigo INTEGER NOT NULL,
    fil_nome VARCHAR(40) NOT NULL,
    fil_cnpj VARCHAR(14),
    fil_inativa SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (fil_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE tabela_preco (
    tab_codigo INTEGER NOT NULL,
    tab_nome VARCHAR(40) NOT NULL,
    tab_inicio DATE,
    tab_fim DATE,
    PRIMARY KEY (tab_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE preco (
    tab_codigo INTEGER NOT NULL,
    pro_codigo CHAR(6) NOT NULL,
    pre_valor NUMERIC(15,4) NOT NULL,
    pre_desconto NUMERIC(5,2),
    PRIMARY KEY (tab_codigo, pro_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE estoque (
    fil_codigo INTEGER NOT NULL,
    pro_codigo CHAR(6) NOT NULL,
    est_saldo NUMERIC(15,4) NOT NULL,
    est_reservado NUMERIC(15,4) DEFAULT 0 NOT NULL,
    est_movimento DATETIME NOT NULL,
    PRIMARY KEY (fil_codigo, pro_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE forma (
    for_codigo VARCHAR(20) NOT NULL,
    for_nome VARCHAR(40) NOT NULL,
    for_tpag CHAR(2),
    for_inativa SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (for_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE condicao (
    con_codigo VARCHAR(20) NOT NULL,
    con_nome VARCHAR(40) NOT NULL,
    con_dias VARCHAR(40),
    con_inativa SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (con_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE vendedor (
    ven_codigo VARCHAR(20) NOT NULL,
    ven_nome VARCHAR(40) NOT NULL,
    ven_email VARCHAR(100),
    ven_gerente VARCHAR(20),
    ven_inativo SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (ven_codigo)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
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
) ENGINE = InnoDB CHARACTER SET utf8mb4^
CREATE TABLE nota (
    nta_numero INTEGER NOT NULL,
    ped_numero INTEGER,
    fil_codigo INTEGER NOT NULL,
    cli_codigo INTEGER,
    ven_codigo VARCHAR(20),
    nta_operacao VARCHAR(10) NOT NULL,
    nta_emissao DATETIME NOT NULL,
    nta_chave CHAR(44),
    PRIMARY KEY (nta_numero)
) ENGINE = InnoDB CHARACTER SET utf8mb4^
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
) ENGINE = InnoDB CHARACTER SET utf8mb4^
INSERT INTO pedido_web_numero (ultimo) VALUES (9000)^
CREATE PROCEDURE importa_pedidos_web() BEGIN
    UPDATE pedido_web SET pw_situacao = 'E', pw_mensagem = 'Produto não cadastrado no ERP'
    WHERE pw_situacao = 'P' AND EXISTS (SELECT 1 FROM pedido_web_item i
        WHERE i.pw_registro = pedido_web.pw_registro AND i.pwi_referencia NOT IN (SELECT p.pro_codigo FROM produto p));
    DELETE FROM pedido_web_retorno WHERE pwr_idapp IN (SELECT pw_idapp FROM pedido_web WHERE pw_situacao IN ('P', 'E'));
    INSERT INTO pedido_web_retorno (pwr_idapp, pwr_situacao, pwr_mensagem)
    SELECT pw_idapp, 'E', pw_mensagem FROM pedido_web WHERE pw_situacao = 'E';
    INSERT INTO cliente (cli_documento, cli_nome, cli_idapp)
    SELECT cw_documento, cw_nome, cw_idapp FROM cliente_web
    WHERE NOT EXISTS (SELECT 1 FROM cliente c WHERE c.cli_idapp = cw_idapp);
    UPDATE cliente_web SET cw_situacao = 'I' WHERE cw_situacao = 'P';
    INSERT INTO pedido (ped_numero, ped_idapp, ped_filial, cli_codigo, ped_data, ped_total)
    SELECT (SELECT ultimo FROM pedido_web_numero) + ROW_NUMBER() OVER (ORDER BY w.pw_registro), w.pw_idapp, w.pw_filial,
        c.cli_codigo, w.pw_data, w.pw_vlrtotal
    FROM pedido_web w JOIN cliente_web cw ON cw.cw_registro = w.cw_registro JOIN cliente c ON c.cli_idapp = cw.cw_idapp
    WHERE w.pw_situacao = 'P';
    UPDATE pedido_web_numero SET ultimo = (SELECT COALESCE(MAX(ped_numero), 9000) FROM pedido);
    INSERT INTO pedido_item (ped_numero, ite_seq, pro_codigo, ite_qtde, ite_total)
    SELECT p.ped_numero, i.pwi_seq, i.pwi_referencia, i.pwi_qtde, i.pwi_vlrtotal
    FROM pedido_web w JOIN pedido p ON p.ped_idapp = w.pw_idapp JOIN pedido_web_item i ON i.pw_registro = w.pw_registro
    WHERE w.pw_situacao = 'P';
    INSERT INTO parcela (ped_numero, par_seq, par_forma, par_vencto, par_valor)
    SELECT p.ped_numero, f.pwp_seq, f.pwp_forma, f.pwp_vencto, f.pwp_valor
    FROM pedido_web w JOIN pedido p ON p.ped_idapp = w.pw_idapp JOIN pedido_web_parcela f ON f.pw_registro = w.pw_registro
    WHERE w.pw_situacao = 'P';
    INSERT INTO pedido_web_retorno (pwr_idapp, pwr_pedido, pwr_situacao)
    SELECT w.pw_idapp, p.ped_numero, 'I' FROM pedido_web w JOIN pedido p ON p.ped_idapp = w.pw_idapp
    WHERE w.pw_situacao = 'P';
    DELETE FROM pedido_web_item WHERE pw_registro IN (SELECT pw_registro FROM pedido_web WHERE pw_situacao <> 'E');
    DELETE FROM pedido_web_parcela WHERE pw_registro IN (SELECT pw_registro FROM pedido_web WHERE pw_situacao <> 'E');
    DELETE FROM pedido_web WHERE pw_situacao <> 'E';
END^
