"""The bench as a process, at a tiny size: that it runs on both databases, and sees what it is there to see.

No time is judged.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from devtools.live_database import make_sqlite
from tests.support.database_servers import skip_not_installed

ROOT = Path(__file__).parents[2]
RUN, CHECK, MEASURE = ([sys.executable, str(ROOT / "bench" / name)] for name in ("run.py", "check.py", "processes.py"))


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_both_contenders_hold_the_same_on_both_databases_and_the_figures_are_kept(tmp_path: Path) -> None:
    done = _run(*RUN, "--scale", "0.002", "--rounds", "1", "--results", str(tmp_path))
    if "is not installed" in done.stderr:
        skip_not_installed(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.iterdir()
    kept = json.loads(path.read_text())
    steps = ("first", "again", "later", "idle")
    played = [(figure["database"], figure["step"], figure["contender"]) for figure in kept["figures"]]
    assert set(played) == {
        (database, step, contender)
        for database in ("sqlite", "postgresql")
        for step in steps
        for contender in ("limit", "omnisync")
    }
    assert len(played) == 16
    assert {figure["difference"] + figure["failure"] for figure in kept["figures"]} == {""}
    # The same records everywhere: 40 customers and 120 orders with their lines, and later some lines more or less.
    assert len({figure["n_rows"] for figure in kept["figures"] if figure["step"] == "first"}) == 1
    assert min(figure["n_rows"] for figure in kept["figures"]) > 160
    assert all(figure["seconds"] > 0 and figure["cpu"] > 0 and figure["peak"] > 0 for figure in kept["figures"])
    script = (ROOT / "bench" / "limit.py").read_bytes()
    assert kept["scripts"]["limit.py"] == hashlib.sha256(script).hexdigest()
    assert {"python", "sqlite", "postgresql", "msgspec", "psycopg"} <= set(kept["versions"])

    shown = _run(*RUN, "--show", str(path))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() == done.stdout.partition("\nKept in")[0].strip()
    assert shown.stdout.count("| same |") == 16


def _erp(folder: Path, customers: tuple[str, str], total: str) -> str:
    """An ERP with two customers, and one order of the one called `c1`."""
    folder.mkdir()
    database = make_sqlite(folder)
    for id_ in customers:
        row = (id_, "company", "cnpj", "Aurora", "none", 1)
        columns = ("id_externo", "tipo_pessoa", "tipo_documento", "nome", "contribuinte_icms", "ativo")
        database.insert("clientes", [row], columns)
    ((number,),) = database.query("SELECT codigo FROM clientes WHERE id_externo = 'c1'")
    order = {
        "id_externo": "o1",
        "cliente": number,
        "situacao": "aberto",
        "numero_omniforce": "1",
        "tipo": "sale",
        "estabelecimento": "0001",
        "emitido_em": "2026-11-24 12:00:00",
        "frete_modo": "none",
        "total": total,
        **dict.fromkeys(("valor_itens", "desconto", "acrescimo", "frete", "seguro", "outras_despesas"), "0.00"),
    }
    database.insert("pedidos", [tuple(order.values())], tuple(order))
    return database.address.database


def test_contents_are_compared_by_value_and_not_by_the_numbers_that_the_erp_gave(tmp_path: Path) -> None:
    """What one writes as 10.50 and another as 10.5 is the same; a centavo is not."""
    one = _erp(tmp_path / "one", ("c1", "c2"), "10.50")
    other = _erp(tmp_path / "other", ("c2", "c1"), "10.5")
    changed = _erp(tmp_path / "changed", ("c1", "c2"), "10.51")
    same, different = (_run(*CHECK, one, file) for file in (other, changed))
    assert (same.returncode, same.stdout.strip()) == (0, "the same: 3 rows")
    assert (different.returncode, different.stderr.strip()) == (1, "pedidos: 1 missing, 1 extra of 1")


def _peak(program: str) -> int:
    done = _run(*MEASURE, sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-2])


def test_the_peak_is_of_all_processes_together() -> None:
    child = "held = b'1' * (60 << 20); from threading import Event; Event().wait(1)"
    start = f"import subprocess, sys; other = subprocess.Popen([sys.executable, '-c', {child!r}])"
    assert 60 < _peak(child) < 100
    assert 120 < _peak(f"{start}; {child}; other.wait()") < 200


def test_a_contender_that_takes_longer_than_it_may_is_ended_and_reported(tmp_path: Path) -> None:
    words = ("--databases", "sqlite", "--scale", "0.002", "--rounds", "2", "--only", "omnisync")
    done = _run(*RUN, *words, "--steps", "first", "--limit-s", "0.1", "--results", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().endswith("sqlite, first load, omnisync: killed after 0 s")
    assert "| sqlite | first load | omnisync | – | – | – | – | – | failed: killed after 0 s |" in done.stdout
