"""Which update is looked at, and what the doctor and the commands say of it.

Copier is a script here: it renders a version of the template by copying the folder of that name.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from quant_team_cli import edits
from quant_team_cli.edits import GoneError, check_edits, find_update
from quant_team_utils import git
from quant_team_utils.paths import MARKER

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Copier is a script of sh")

BASE = "one\ntwo\nthree\nfour\nfive\n"
OURS = BASE.replace("two", "two\nours")
THEIRS = BASE.replace("five", "5")
MERGED = OURS.replace("five", "5")
COPIER = """\
#!/bin/sh
case "$*" in *--version*) echo 9.19.1; exit;; esac
for word; do
    source=$target target=$word
    case $word in --vcs-ref=*) version=${word#--vcs-ref=};; esac
done
cp -R "$source/$version" "$target"
"""


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a template of two versions, and put the script on PATH."""
    folder = tmp_path / "template"
    for version, text in (("1.0", BASE), ("2.0", THEIRS)):
        write(folder / version / "page.md", text)
        write(folder / version / "other.md", "other\n")
    program = tmp_path / "bin" / "copier"
    write(program, COPIER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def team(tmp_path: Path, template: Path) -> Path:
    """Return a team at 1.0 that edited a page before its first commit."""
    root = tmp_path / "team"
    git.run(tmp_path, "init", "--quiet", "--initial-branch=main", str(root))
    git.run(root, "config", "user.name", "Tester")
    git.run(root, "config", "user.email", "tester@users.noreply.invalid")
    record(root, "1.0")
    write(root / "page.md", OURS)
    write(root / "other.md", "other\n")
    commit(root)
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def record(root: Path, version: str, source: str = "../template", team: str = "[]") -> None:
    write(root / MARKER, f"_commit: {version}\n_src_path: {source}\nteam: {team}\n")


def commit(root: Path) -> None:
    git.run(root, "add", "--all")
    git.run(root, "commit", "--quiet", "--allow-empty", "-m", "feat: work")


def update(root: Path, page: str, version: str = "2.0") -> None:
    """Do to the work tree what Copier would: write the page, record the version."""
    record(root, version)
    write(root / "page.md", page)


# --- which update


def test_an_update_is_looked_at_until_the_next_commit(team: Path) -> None:
    """First in the work tree, then as the newest commit."""
    assert find_update(team) is None
    update(team, MERGED)
    waiting = find_update(team)
    assert waiting is not None
    assert (waiting.before, waiting.after) == ("HEAD", None)
    assert (waiting.old["_commit"], waiting.new["_commit"]) == (1.0, 2.0)
    commit(team)
    committed = find_update(team)
    assert committed is not None
    assert committed.after == "HEAD"
    assert committed.before == git.run(team, "rev-parse", "HEAD^")
    commit(team)
    assert find_update(team) is None


def test_a_new_roster_is_an_update_and_a_new_address_is_none(team: Path) -> None:
    """Both are in the answers."""
    record(team, "1.0", source="gh:owner/template")
    assert find_update(team) is None
    record(team, "1.0", team="[{handle: bob}]")
    assert find_update(team) is not None


def test_an_update_that_is_abandoned_is_none(team: Path) -> None:
    """Taken back whole, as the message says; half of it is judged by what there is."""
    update(team, THEIRS)
    git.run(team, "checkout", "HEAD", "--", "page.md")
    assert check_edits(team).state == "ok"
    git.run(team, "checkout", "HEAD", "--", ".")
    assert find_update(team) is None


def test_a_merge_of_two_branches_that_each_updated_is_none(team: Path) -> None:
    """Neither while it waits nor once it is committed, whatever each side dropped."""
    git.run(team, "switch", "--quiet", "-c", "other")
    update(team, THEIRS)
    commit(team)
    git.run(team, "switch", "--quiet", "main")
    write(team / "note.md", "x\n")
    commit(team)
    git.run(team, "merge", "--quiet", "--no-ff", "--no-commit", "other")
    assert find_update(team) is None
    git.run(team, "commit", "--quiet", "--no-edit")
    assert find_update(team) is None


@pytest.mark.parametrize("text", ["a: [", "[]\n", "_commit: 1\n", "\0"])
def test_answers_that_cannot_be_read_are_no_update(team: Path, text: str) -> None:
    """Another check says so."""
    write(team / MARKER, text)
    assert find_update(team) is None


def test_a_repository_without_a_commit_has_no_update(tmp_path: Path) -> None:
    """The first commit is a copy."""
    git.run(tmp_path, "init", "--quiet")
    record(tmp_path, "1.0")
    assert find_update(tmp_path) is None


# --- what the doctor says


def test_the_doctor_counts_what_stands(team: Path) -> None:
    """The edit was made before the first commit, and is seen all the same."""
    assert "no update" in check_edits(team).detail
    update(team, MERGED)
    check = check_edits(team)
    assert (check.state, check.detail) == ("ok", "of the last update: merged in 1 file")


def test_the_doctor_names_what_is_gone_until_the_next_commit(team: Path) -> None:
    """With the command that shows it, before the commit and after."""
    update(team, THEIRS)
    check = check_edits(team)
    assert check.state == "fail"
    assert check.detail.startswith("page.md: the update has lost edits of your team")
    assert check.fix == "git diff HEAD -- page.md"
    assert "-ours" in git.run(team, *check.fix.split()[1:])
    commit(team)
    show = "git show HEAD -- page.md"
    check = check_edits(team)
    assert (check.state, check.fix) == ("fail", show)
    assert "-ours" in git.run(team, *show.split()[1:])
    commit(team)
    assert check_edits(team).state == "ok"


def test_without_copier_the_doctor_warns_and_installs_nothing(
    team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never says that all is well."""
    update(team, THEIRS)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", str(bare))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    check = check_edits(team)
    assert check.state == "warn"
    assert "Copier is not installed" in check.detail
    assert check.fix is not None
    assert check.fix.startswith("pipx install")
    assert not (tmp_path / "cache").exists()


def test_without_the_template_the_doctor_warns(team: Path, template: Path) -> None:
    """It quotes Copier."""
    update(team, THEIRS)
    shutil.rmtree(template)
    check = check_edits(team)
    assert check.state == "warn"
    assert "cannot compare" in check.detail
    assert "No such file" in check.detail


# --- what the commands print


def test_a_command_prints_the_table(team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing where there is no update."""
    edits.tell(team)
    assert capsys.readouterr().out == ""
    update(team, MERGED.replace("5\n", "<<<<<<< a\nV\n=======\n5\n>>>>>>> b\n"))
    edits.tell(team)
    assert capsys.readouterr().out.splitlines() == [
        "  your edits: conflicting in 1 file",
        "    conflicting: page.md  ->  git diff HEAD -- page.md",
    ]


def test_a_command_fails_where_edits_are_gone(
    team: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the way back, which works."""
    update(team, THEIRS)
    with pytest.raises(GoneError, match=r"page\.md: the update has lost edits") as caught:
        edits.tell(team)
    assert "gone: page.md  ->  git diff HEAD -- page.md" in capsys.readouterr().out
    undo = str(caught.value).rpartition("run `")[2].partition("`")[0]
    assert os.system(f"cd {team} && {undo}") == 0
    assert (team / "page.md").read_text(encoding="utf-8") == OURS
    assert find_update(team) is None


def test_a_command_that_cannot_compare_says_so(
    team: Path, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The update itself is made: this is not a failure."""
    update(team, THEIRS)
    shutil.rmtree(template)
    edits.tell(team)
    assert "cannot say what became of your edits" in capsys.readouterr().err
