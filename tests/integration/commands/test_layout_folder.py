"""The layouts a page may name: files of one folder, compared by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from omnisync.agent.errors import SettingsError
from omnisync.agent.layout_folder import chosen, display_name, names_in


def test_a_folder_that_is_not_there_has_no_layouts(tmp_path: Path) -> None:
    assert names_in(tmp_path / "nenhuma") == ()


def test_a_shipped_layout_goes_before_a_file_of_its_name(tmp_path: Path) -> None:
    for name in ("padrao.toml", "meu.toml", "leia-me.txt"):
        (tmp_path / name).write_text("")
    assert names_in(tmp_path) == ("meu", "padrao")
    assert chosen("padrao", tmp_path, ["padrao"]) == "padrao"
    assert chosen("meu", tmp_path, ["padrao"]) == str(tmp_path / "meu.toml")


def test_what_is_chosen_is_shown_by_its_name_and_a_path_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "meu.toml").write_text("")
    assert display_name(chosen("meu", tmp_path, []), tmp_path) == "meu"
    assert display_name("padrao", tmp_path) == "padrao"
    assert display_name("/outra/meu.toml", tmp_path) == "/outra/meu.toml"


def test_a_name_that_is_none_is_refused_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "meu.toml").write_text("")
    with pytest.raises(SettingsError) as refused:
        chosen("seu", tmp_path, ["padrao"])
    assert (refused.value.words["prontos"], refused.value.words["campo"]) == ("padrao, meu", "layout")
