"""Who ran which code: the commit, and what makes it dirty."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant_team_backtest import provenance
from quant_team_backtest.result import Tree
from quant_team_utils import git, origin

from .experiments import set_member

# These tests record the commit of a folder that holds none of the running modules: what is dirty
# is one question, and whose code ran another (test_origin.py).


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of four folders, with the member alice and no repository."""
    for folder in ("src", "config", "results", "notebooks"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file.txt").write_text("one\n", encoding="utf-8")
    set_member(monkeypatch, "alice")
    return tmp_path


def commit(project: Path) -> None:
    git.run(project, "init", "-q")
    git.run(project, "add", ".")
    for key in ("name", "email"):
        git.run(project, "config", f"user.{key}", "alice@users.noreply.invalid")
    git.run(project, "commit", "-q", "--no-verify", "-m", "feat: x")


def test_without_a_commit_there_is_a_warning(project: Path) -> None:
    """No repository, or one without commits: nothing can be recorded, and a warning says so."""
    for _ in range(2):
        found = provenance.code(project, "momentum")
        assert (found.commit, found.dirty, found.tree) == (None, None, Tree())
        assert found.sources
        assert provenance.warnings(found) == [provenance.NO_COMMIT]
        git.run(project, "init", "-q")


def test_a_commit_needs_its_own_code(project: Path) -> None:
    """Where there is a commit to record, modules of another folder are refused."""
    provenance.check_origin(project)
    commit(project)
    with pytest.raises(origin.OriginError, match="wrong commit"):
        provenance.check_origin(project)
    with pytest.raises(origin.OriginError, match="wrong commit"):
        provenance.code(project, "momentum")


def test_what_makes_a_commit_dirty(project: Path) -> None:
    """A change of results or notebooks does not, one of src does."""
    commit(project)
    for folder in ("results", "notebooks"):
        (project / folder / "more.txt").write_text("two\n", encoding="utf-8")
    clean = provenance.commit(project, "sha256:0")
    assert clean.commit == git.run(project, "rev-parse", "HEAD")
    assert clean.dirty is False
    assert clean.tree.src == git.run(project, "rev-parse", "HEAD:src")
    assert provenance.warnings(clean) == []
    (project / "src" / "new.txt").write_text("two\n", encoding="utf-8")
    dirty = provenance.commit(project, "sha256:0")
    assert dirty.dirty is True
    assert provenance.warnings(dirty) == [provenance.DIRTY]


def test_a_personal_ignore_list_hides_no_code(project: Path, tmp_path: Path) -> None:
    """What the member ignores elsewhere, such as files of an editor, makes no commit dirty."""
    commit(project)
    ignored = tmp_path / ".git" / "ignored"
    ignored.write_text("*.swp\ndraft*\n", encoding="utf-8")
    git.run(project, "config", "core.excludesFile", str(ignored))
    for name in ("src/.file.txt.swp", "draft.md"):
        (project / name).write_text("mine\n", encoding="utf-8")
    assert provenance.commit(project, "sha256:0").dirty is False
    for name in ("src/draft_strategy.py", "config/draft.yaml"):
        path = project / name
        path.write_text("mine\n", encoding="utf-8")
        assert provenance.commit(project, "sha256:0").dirty is True
        path.unlink()


def test_the_analyst_is_the_member_of_this_clone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A given handle wins; without either, the sentence says what to run."""
    assert provenance.analyst(project) == "alice"
    assert provenance.analyst(project, "bob") == "bob"
    set_member(monkeypatch, "")
    with pytest.raises(provenance.AnalystError, match="quant setup --as HANDLE"):
        provenance.analyst(project)


def test_versions_name_what_can_change_a_number() -> None:
    """Python and the packages that compute, each with a version."""
    found = provenance.versions()
    assert {"python", "numpy", "polars", "exchange_calendars"} == set(found)
    assert all(found.values())
