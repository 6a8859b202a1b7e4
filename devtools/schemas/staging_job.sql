    UPDATE omniforce_pedido SET ofp_situacao = 'E', ofp_mensagem = 'Produto não cadastrado no ERP'
    WHERE ofp_situacao = 'P' AND EXISTS (SELECT 1 FROM omniforce_pedido_item i
        WHERE i.ofp_registro = omniforce_pedido.ofp_registro
            AND i.ofi_referencia NOT IN (SELECT p.pro_codigo FROM produto p));
    DELETE FROM omniforce_pedido_retorno WHERE ofr_idapp IN (SELECT ofp_idapp FROM omniforce_pedido
        WHERE ofp_situacao IN ('P', 'E'));
    INSERT INTO omniforce_pedido_retorno (ofr_idapp, ofr_situacao, ofr_mensagem)
    SELECT ofp_idapp, 'E', ofp_mensagem FROM omniforce_pedido WHERE ofp_situacao = 'E';
    INSERT INTO cliente (cli_documento, cli_nome, cli_idapp)
    SELECT ofc_documento, ofc_nome, ofc_idapp FROM omniforce_cliente
    WHERE NOT EXISTS (SELECT 1 FROM cliente c WHERE c.cli_idapp = ofc_idapp);
    UPDATE omniforce_cliente SET ofc_situacao = 'I' WHERE ofc_situacao = 'P';
    INSERT INTO pedido (ped_numero, ped_idapp, ped_filial, cli_codigo, ped_data, ped_total)
    SELECT (SELECT ultimo FROM omniforce_pedido_numero) + ROW_NUMBER() OVER (ORDER BY w.ofp_registro), w.ofp_idapp,
        w.ofp_filial, c.cli_codigo, w.ofp_data, w.ofp_vlrtotal
    FROM omniforce_pedido w JOIN omniforce_cliente cw ON cw.ofc_registro = w.ofc_registro
        JOIN cliente c ON c.cli_idapp = cw.ofc_idapp
    WHERE w.ofp_situacao = 'P';
    UPDATE omniforce_pedido_numero SET ultimo = (SELECT COALESCE(MAX(ped_numero), 9000) FROM pedido);
    INSERT INTO pedido_item (ped_numero, ite_seq, pro_codigo, ite_qtde, ite_total)
    SELECT p.ped_numero, i.ofi_seq, i.ofi_referencia, i.ofi_qtde, i.ofi_vlrtotal
    FROM omniforce_pedido w JOIN pedido p ON p.ped_idapp = w.ofp_idapp
        JOIN omniforce_pedido_item i ON i.ofp_registro = w.ofp_registro
    WHERE w.ofp_situacao = 'P';
    INSERT INTO parcela (ped_numero, par_seq, par_forma, par_vencto, par_valor)
    SELECT p.ped_numero, f.oft_seq, f.oft_forma, f.oft_vencto, f.oft_valor
    FROM omniforce_pedido w JOIN pedido p ON p.ped_idapp = w.ofp_idapp
        JOIN omniforce_pedido_parcela f ON f.ofp_registro = w.ofp_registro
    WHERE w.ofp_situacao = 'P';
    INSERT INTO omniforce_pedido_retorno (ofr_idapp, ofr_pedido, ofr_situacao)
    SELECT w.ofp_idapp, p.ped_numero, 'I' FROM omniforce_pedido w JOIN pedido p ON p.ped_idapp = w.ofp_idapp
    WHERE w.ofp_situacao = 'P';
    DELETE FROM omniforce_pedido_item WHERE ofp_registro IN (SELECT ofp_registro FROM omniforce_pedido
        WHERE ofp_situacao <> 'E');
    DELETE FROM omniforce_pedido_parcela WHERE ofp_registro IN (SELECT ofp_registro FROM omniforce_pedido
        WHERE ofp_situacao <> 'E');
    DELETE FROM omniforce_pedido WHERE ofp_situacao <> 'E';
