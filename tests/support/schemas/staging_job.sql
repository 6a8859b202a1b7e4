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
