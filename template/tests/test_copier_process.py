"""Where Copier is found, and how it is installed where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quant_team_cli import copier_process
from quant_team_cli.copier_process import CopierError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs are scripts of sh")

NEW = "copier 9.19.1"
OLD = "copier 9.19.0"


def make_program(path: Path, says: str, code: int = 0) -> None:
    """Write a program that prints one line and ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on PATH, empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


class Maker:
    """Makes an environment whose Python prints one line; counts how often."""

    def __init__(self, says: str) -> None:
        self.says = says
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        make_program(folder / "bin" / "python", self.says)


# --- found


def test_copier_on_path_comes_first(programs: Path) -> None:
    """New enough, it is taken before uvx and pipx."""
    for name in ("copier", "uvx", "pipx"):
        make_program(programs / name, NEW)
    assert copier_process.find() == ["copier"]


@pytest.mark.parametrize(("says", "code"), [(OLD, 0), (NEW, 1), ("hello", 0)])
def test_a_copier_that_is_old_or_broken_is_passed_over(
    programs: Path, says: str, code: int
) -> None:
    """Then uvx runs one that is new enough."""
    make_program(programs / "copier", says, code)
    make_program(programs / "uvx", "")
    assert copier_process.find() == ["uvx", "--from", copier_process.REQUIREMENT, "copier"]


def test_pipx_comes_after_uvx(programs: Path) -> None:
    """It needs the word `run`."""
    make_program(programs / "pipx", "")
    words = ["pipx", "run", "--spec", copier_process.REQUIREMENT, "copier"]
    assert copier_process.find() == words


def test_where_nothing_is_on_path_the_users_cache_holds_it(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment that is there already is used as it is."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    python = tmp_path / "quant-team" / "copier" / "bin" / "python"
    make_program(python, NEW)
    assert copier_process.find() == [str(python), "-m", "copier"]


def test_what_is_here_already_is_found_without_installing_anything(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From PATH, from our own environment, from what uvx has cached; else there is none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_program(programs / "pipx", NEW)
    assert copier_process.present() is None
    assert not (tmp_path / "cache").exists()
    make_program(programs / "uvx", NEW)
    cached = ["uvx", "--offline", "--from", copier_process.REQUIREMENT, "copier"]
    assert copier_process.present() == cached
    python = tmp_path / "cache" / "quant-team" / "copier" / "bin" / "python"
    make_program(python, NEW)
    assert copier_process.present() == [str(python), "-m", "copier"]
    make_program(programs / "copier", NEW)
    assert copier_process.present() == ["copier"]


# --- made


def test_the_environment_is_made_once_and_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second call makes nothing and prints nothing."""
    make = Maker(NEW)
    folder = tmp_path / "copier"
    command = copier_process.private(folder, make)
    assert command == [str(folder / "bin" / "python"), "-m", "copier"]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"Copier is not installed: putting it into {folder} (once) ...\n"
    copier_process.private(folder, make)
    assert make.times == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("fault", ["half made", "fails", "old", "empty"])
def test_an_environment_that_is_broken_is_made_anew(tmp_path: Path, fault: str) -> None:
    """Interrupted before Copier was in it, after Python was replaced, too old, or emptied."""
    folder = tmp_path / "copier"
    folder.mkdir()
    python = folder / "bin" / "python"
    if fault == "half made":
        make_program(python, "No module named copier", 1)
    elif fault == "fails":
        python.parent.mkdir()
        python.symlink_to("/gone/python")
        python.unlink()
    elif fault == "old":
        make_program(python, OLD)
    make = Maker(NEW)
    copier_process.private(folder, make)
    assert make.times == 1


def test_an_environment_that_does_not_run_is_one_sentence(tmp_path: Path) -> None:
    """It names the folder, and the way by hand."""
    with pytest.raises(CopierError, match=r"it does not run.*pipx install"):
        copier_process.private(tmp_path / "copier", Maker("?"))


def test_without_an_index_the_sentence_names_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real steps, with nothing to install from: pip's last line, and no traceback."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(CopierError, match=r"cannot be installed into .* check the network"):
        copier_process.private(tmp_path / "copier")
