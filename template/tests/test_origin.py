"""Whose code runs: modules of another folder are named, and what was imported has a digest."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quant_team_utils import origin
from quant_team_utils.paths import MARKER

ROOMS = ("utils", "data", "features", "strategies", "backtest", "cli")
PROGRAM = """
from quant_team_backtest.runner import run_backtest
from quant_team_utils import origin
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root
try:
    done = run_backtest("momentum", ["AAPL.US"], "2024-01-01", "2024-02-01")
    print(done.result.code.commit, done.result.code.dirty, done.result.code.sources)
except QuantError as error:
    print(type(error).__name__, error)
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@users.noreply.invalid")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository with one commit."""
    source = Path(__file__).resolve().parent.parent
    folder = tmp_path_factory.mktemp("origin") / "alice"
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("src", "config", "infrastructure"):
        shutil.copytree(source / part, folder / part, ignore=ignored)
    (folder / MARKER).touch()
    (folder / ".gitignore").write_text("__pycache__/\n/data/\n", encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "config", "quant.member", "alice")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--no-verify", "-m", "feat: x")
    return folder


def run(
    project: Path,
    code: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Run a backtest in a project, with the code of another folder on PYTHONPATH."""
    roots = [str(code / "src" / room) for room in ROOMS]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(roots))
    monkeypatch.delenv("QUANT_ROOT", raising=False)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_project_s_own_code_runs(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clone's own modules are logged with its commit and a digest of what was imported."""
    commit, dirty, sources = run(clone, clone, monkeypatch).split()
    assert (commit, dirty) == (git(clone, "rev-parse", "HEAD"), "False")
    assert sources.startswith("sha256:")


def test_a_second_worktree_does_not_run_the_first_ones_code(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first worktree's modules on the path, a run in the second is refused. [origin]"""
    second = tmp_path / "second"
    git(clone, "worktree", "add", "-q", "--detach", str(second))
    told = run(second, clone, monkeypatch)
    assert told.startswith(f"OriginError Python imports {clone}")
    assert "unset PYTHONPATH" in told
    assert not list(second.glob("results/*/*.yaml"))


def test_another_clones_uncommitted_code_is_not_logged_as_ones_own(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob's changed strategy does not become alice's clean result."""
    bob = tmp_path / "bob"
    git(tmp_path, "clone", "-q", str(clone), str(bob))
    strategy = bob / "src" / "strategies" / "quant_team_strategies" / "momentum.py"
    strategy.write_text(strategy.read_text(encoding="utf-8") + "\n# mine\n", encoding="utf-8")
    assert run(clone, bob, monkeypatch).startswith(f"OriginError Python imports {bob}")


def test_one_changed_byte_changes_the_digest(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clones of one commit have one digest; a comment in an imported module gives another."""
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(clone), str(other))
    git(other, "config", "quant.member", "bob")
    before = run(clone, clone, monkeypatch).split()[2]
    assert run(other, other, monkeypatch).split()[2] == before
    fills = other / "src" / "backtest" / "quant_team_backtest" / "fills.py"
    fills.write_text(fills.read_text(encoding="utf-8") + "\n# mine\n", encoding="utf-8")
    _, dirty, sources = run(other, other, monkeypatch).split()
    assert dirty == "True"
    assert sources != before


def test_the_modules_of_this_test_run_are_this_projects(root: Path) -> None:
    """Nothing that these tests import lies elsewhere."""
    assert origin.foreign_modules(root) == []
    origin.check(root)


def test_a_copy_in_site_packages_is_foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed copy is not the project's code, even if its environment is in the project."""
    place = tmp_path / "src" / ".venv" / "lib" / "site-packages"
    place.mkdir(parents=True)
    (place / "quant_team_copy.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(place)
    __import__("quant_team_copy")
    try:
        assert place / "quant_team_copy.py" in origin.foreign_modules(tmp_path)
    finally:
        del sys.modules["quant_team_copy"]


def test_a_file_that_changed_after_its_import_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that holds older code is told so, until the module is reloaded. [origin]"""
    path = tmp_path / "quant_team_edited.py"
    path.write_text("X = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("quant_team_edited")
    try:
        origin.check_unchanged()
        path.write_text("X = 2  # edited\n", encoding="utf-8")
        with pytest.raises(origin.OriginError, match=r"edited\.py has changed.*restart the kernel"):
            origin.check_unchanged()
        importlib.reload(module)
        origin.check_unchanged()
    finally:
        del sys.modules["quant_team_edited"]


def test_the_sentence_names_the_line_that_fixes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without PYTHONPATH: the project's own interpreter if there is one, else an installation."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    foreign = [Path("/elsewhere/src/quant_team_utils/git.py")]
    told = origin.explain(tmp_path, foreign, prefix=str(tmp_path / "conda"))
    assert f'"{sys.executable}" -m pip install -e "{tmp_path}"' in told
    windows = sys.platform == "win32"
    python = tmp_path / ".venv" / ("Scripts/python.exe" if windows else "bin/python")
    python.parent.mkdir(parents=True)
    python.touch()
    assert str(python) in origin.explain(tmp_path, foreign)


def test_another_projects_environment_is_not_to_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To install this project there would make that one run this code."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    other = tmp_path / "other"
    other.mkdir()
    (other / MARKER).touch()
    foreign = [other / "src" / "utils" / "quant_team_utils" / "git.py"]
    told = origin.explain(tmp_path / "mine", foreign, prefix=str(other / ".venv"))
    assert "`quant doctor` says how to make your own" in told
    assert "pip install" not in told
