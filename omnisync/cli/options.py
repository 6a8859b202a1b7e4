"""Options that many commands have."""

from __future__ import annotations

import rich_click as click

connection_option = click.option("--connection", "name", metavar="NOME", help="A conexão; sem ela, a única que houver.")
verbose_option = click.option("--verbose", is_flag=True, help="Mostra mais quando algo falha.")
json_option = click.option("--json", "as_json", is_flag=True, help="A resposta em JSON.")
