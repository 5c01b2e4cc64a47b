"""Copier keeps every edit of the team, whatever git settings and variables a member has.

With the settings in `git_settings.LOSE` a bare `copier update` loses edits, or ends half-way;
`quant doctor` names them. A small template stands for the real one: what counts is how Copier calls
git.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT, git
from tests.git_settings import HARMLESS, LOSE, REFUSE, SAMPLE, VARIABLES, has_set, write

MODULE = ROOT / "template/src/utils/quant_team_utils/git_environment.py"
QUESTIONS = "_subdirectory: template\n_min_copier_version: 9.0.0\n"
TEMPLATE = {
    "copier.yml": QUESTIONS,
    "template/[[ _copier_conf.answers_file ]].jinja": "[[ _copier_answers | to_nice_yaml ]]\n",
    "template/.gitattributes": "* text=auto eol=lf\n",
    "template/.gitignore": "*.local\n",
    "template/data/code.py": "one = 1\n\n\ntwo = 2\n",
    "template/gone.md": "gone\n",
    "template/page.md": "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
    "template/quiet.md": "one\ntwo\nthree\nfour\nfive\nsix\nseven\n",
    "template/run": "#!/bin/sh\ntrue\n",
    "template/unwanted.md": "unwanted\n",
}
NEWER = {
    "template/data/code.py": "zero = 0\none = 1\n\n\ntwo = 2\n",
    "template/new.md": "new\n",
    "template/page.md": "one\nTWO of theirs\nthree\nfour\nfive\nsix\nseven\n",
    "template/run": "#!/bin/sh\nset -e\ntrue\n",
}
EDITS = {
    "data/code.py": "one = 1\n\n\ntwo = 2  \n# ours ends in blanks  \n \t# ours\n\n\n",
    "page.md": "one\ntwo of ours\nthree\nfour\nfive\nsix\nseven\nours\n",
    "quiet.md": "one\ntwo\nthree\nours, with blanks  \nfour\nfive\nsix\nseven\n",
    "run": "#!/bin/sh\ntrue\necho ours\n",
    "\u00fcbung.md": "ours\n",
}
OTHERS = [each for each in (*LOSE, *REFUSE, *VARIABLES) if each not in SAMPLE]
# Together, for time; a bare update proves them one by one.
SEVERAL = [" ".join(HARMLESS[start::12]) for start in range(12)]
State = dict[str, tuple[bytes, bool]]


def load() -> ModuleType:
    """Return the module of the team repository that says how git is called."""
    spec = importlib.util.spec_from_file_location("git_environment", MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commit(folder: Path, *, tag: str | None = None) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "feat: x")
    if tag:
        git(folder, "tag", tag)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository at version 1 of a template that has a version 2, with the team's edits:
    changed, added, removed and renamed files, a mode, and one line that conflicts.
    """
    folder = tmp_path_factory.mktemp("pattern")
    source = folder / "template"
    for name, text in TEMPLATE.items():
        write(source, {braces(name): braces(text)})
    (source / "template" / "run").chmod(0o755)
    git(source, "init", "--quiet")
    commit(source, tag="1.0.0")
    (source / "template" / "gone.md").unlink()
    write(source, NEWER)
    commit(source, tag="2.0.0")
    team = folder / "team"
    copier("copy", "--vcs-ref=1.0.0", str(source), str(team), cwd=folder)
    git(team, "init", "--quiet")
    commit(team)
    write(team, EDITS)
    (team / "unwanted.md").unlink()
    (team / "data" / "code.py").chmod(0o755)
    commit(team)
    return team


def braces(text: str) -> str:
    return text.replace("[[", "{{").replace("]]", "}}")


def copier(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> int:
    """Run Copier with exactly the given environment, and return its exit code."""
    command = [sys.executable, "-m", "copier", arguments[0], "--defaults", "--quiet"]
    done = subprocess.run(
        [*command, *arguments[1:]],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode


@pytest.fixture
def team(pattern: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pattern, tmp_path / "team", symlinks=True))


@pytest.fixture(scope="module")
def plain(pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[State, str]:
    """Return what an update makes of the repository where nobody has set anything."""
    team = shutil.copytree(pattern, tmp_path_factory.mktemp("plain") / "team", symlinks=True)
    assert copier("update", cwd=team) == 0
    return state(team)


def state(team: Path) -> tuple[State, str]:
    """Return bytes and mode of each file, and the files in conflict."""
    files = {}
    for path in sorted(team.rglob("*")):
        name = path.relative_to(team).as_posix()
        if path.is_file() and not name.startswith(".git/"):
            files[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return files, git(team, "ls-files", "--unmerged")


def check_pinned(
    team: Path, home: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        has_set(home, what, patch)
        module = load()
        code = copier("update", cwd=team, env=module.environment(module.FOR_COPIER))
    assert code == 0
    assert state(team) == plain


def is_the_same_bare(
    team: Path, home: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Tell whether a bare update does what it does where nobody has set anything."""
    with monkeypatch.context() as patch:
        has_set(home, what, patch)
        code = copier("update", cwd=team)
    return code == 0 and state(team) == plain


def test_the_plain_update_keeps_the_edits(plain: tuple[State, str]) -> None:
    """What the others are compared with: all edits are there, and one conflict."""
    files, unmerged = plain
    code = files["data/code.py"]
    assert code == (b"zero = 0\n" + EDITS["data/code.py"].encode(), True)
    assert files["quiet.md"][0] == EDITS["quiet.md"].encode()
    assert files["run"] == (b"#!/bin/sh\nset -e\ntrue\necho ours\n", True)
    assert b"two of ours\n" in files["page.md"][0]
    assert b"seven\nours\n" in files["page.md"][0]
    assert "\u00fcbung.md" in files
    assert "new.md" in files
    assert not files.keys() & {"gone.md", "unwanted.md"}
    assert {line.split("\t")[1] for line in unmerged.splitlines()} == {"page.md"}


@pytest.mark.parametrize("what", SAMPLE)
def test_an_update_by_quant_is_the_same(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the environment that `quant` gives to Copier."""
    check_pinned(team, tmp_path / "home", what, plain, monkeypatch)


@pytest.mark.full
@pytest.mark.parametrize("what", [*OTHERS, *SEVERAL])
def test_an_update_by_quant_is_the_same_under_any_setting(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for all others, also for those that do no harm today."""
    check_pinned(team, tmp_path / "home", what, plain, monkeypatch)


@pytest.mark.full
@pytest.mark.parametrize("what", [*LOSE, *REFUSE])
def test_a_bare_update_is_not(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These settings do harm: one that no longer does needs no warning of the doctor."""
    assert not is_the_same_bare(team, tmp_path / "home", what, plain, monkeypatch)


@pytest.mark.full
@pytest.mark.parametrize("what", HARMLESS)
def test_a_bare_update_is_the_same(
    team: Path, tmp_path: Path, what: str, plain: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These settings do no harm: one that does belongs to those that the doctor names."""
    assert is_the_same_bare(team, tmp_path / "home", what, plain, monkeypatch)
