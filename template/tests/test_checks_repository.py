"""The checks of the repository: each planted fault is a sentence with the command that fixes it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from quant_team_cli import checks_repository as checks
from quant_team_cli.checks import rebuild_line, setup_line
from quant_team_utils import git, roster
from quant_team_utils.paths import MARKER
from tests.conftest import make_clone

ADDRESS = "https://template.invalid/t"


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound clone; each test breaks a copy of it."""
    root = Path(__file__).resolve().parent.parent
    return make_clone(root, tmp_path_factory.mktemp("pattern") / "team")


@pytest.fixture
def clone(pattern: Path, tmp_path: Path) -> Path:
    """Return a sound clone of one's own."""
    return Path(shutil.copytree(pattern, tmp_path / "team", symlinks=True))


def replace(path: Path, pattern: str, text: str) -> None:
    """Replace the first match of a regular expression in a file."""
    before = path.read_text(encoding="utf-8")
    after = re.sub(pattern, text, before, count=1)
    assert after != before
    path.write_text(after, encoding="utf-8")


# --- hooks


@pytest.mark.parametrize("key", ["core.hooksPath", "filter.quant-notebook.clean"])
def test_a_setting_that_is_lost_is_set_by_setup(clone: Path, key: str) -> None:
    """The key, and what it should be."""
    assert checks.check_hooks(clone).state == "ok"
    git.run(clone, "config", "--unset", key)
    check = checks.check_hooks(clone)
    assert (check.state, check.fix) == ("fail", setup_line())
    wanted = checks.hook_settings()[key]
    assert check.detail == f"git config {key} is unset, not {wanted}"


def test_an_interpreter_that_is_gone_is_named(clone: Path) -> None:
    """A new environment is the fix here: the code that runs is not this clone's."""
    git.run(clone, "config", "quant.python", "/gone/python")
    check = checks.check_hooks(clone)
    assert check.detail == "the hooks' interpreter /gone/python does not exist"
    assert check.fix == rebuild_line()


def test_a_hook_that_is_not_executable_is_named(clone: Path) -> None:
    """The recorded mode counts, which a file system without modes cannot lose."""
    git.run(clone, "update-index", "--chmod=-x", "hooks/pre-push")
    check = checks.check_hooks(clone)
    assert check.detail == "hooks/pre-push is not recorded as executable"
    assert check.fix == "git update-index --chmod=+x hooks/pre-push"


def overwrite(clone: Path) -> None:
    """Write another hook in place of ours."""
    (clone / "hooks" / "commit-msg").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")


def overwrite_and_commit(clone: Path) -> None:
    """Do so, and let the other hook pass its own commit."""
    overwrite(clone)
    git.run(clone, "commit", "--quiet", "--all", "--no-verify", "-m", "fix: x")


def move_aside(clone: Path) -> None:
    """Keep ours beside, as pre-commit does."""
    shutil.copy(clone / "hooks" / "pre-commit", clone / "hooks" / "pre-commit.legacy")


@pytest.mark.parametrize("change", [overwrite, overwrite_and_commit, move_aside])
def test_another_tools_hook_is_a_fault(clone: Path, change: Callable[[Path], None]) -> None:
    """Changed, committed or moved aside."""
    change(clone)
    check = checks.check_hooks(clone)
    assert check.state == "fail"
    assert "another tool has put its own hook in place of ours" in check.detail


def test_a_folder_without_git_is_set_up(tmp_path: Path) -> None:
    """Setup makes the repository."""
    assert checks.check_hooks(tmp_path).fix == setup_line()


def test_a_repository_without_a_commit_is_set_up(tmp_path: Path) -> None:
    """Git's own words for it, `bad revision 'HEAD'`, help nobody."""
    git.run(tmp_path, "init", "--quiet")
    check = checks.check_hooks(tmp_path)
    assert (check.detail, check.fix) == ("this repository has no commit yet", setup_line())


def test_why_git_cannot_read_a_clone_is_passed_on(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone that somebody else owns is not "no repository": git's own line says what to do."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(git.GitError, match=r"safe\.directory"):
        checks.check_hooks(clone)


# --- ignored files


def test_ignored_files_are_as_they_should_be(clone: Path) -> None:
    """The shipped list is right."""
    assert checks.check_ignored(clone).state == "ok"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("!.env", ".env is not ignored by git"),
        ("!data/\n!/data/**", "data/bars.parquet is not ignored by git"),
        ("data/", "src/data/quant_team_data/new.py is ignored by git"),
    ],
)
def test_a_line_that_ignores_too_much_or_too_little(clone: Path, line: str, sentence: str) -> None:
    """Secrets and data in git, or code that never gets there."""
    with (clone / ".gitignore").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    check = checks.check_ignored(clone)
    assert (check.state, check.detail) == ("fail", sentence)


# --- identity


def test_the_member_is_named_with_their_role(clone: Path) -> None:
    """Who you are in this clone."""
    member = roster.active(clone)[0]
    check = checks.check_identity(clone)
    assert check.state == "ok"
    assert check.detail.startswith(f"{member.handle}, {member.role}")


def test_a_clone_without_a_member_is_set_up(clone: Path) -> None:
    """The command takes the handle."""
    git.run(clone, "config", "--unset", "quant.member")
    assert checks.check_identity(clone).fix == f"{setup_line()} --as HANDLE"


def test_a_member_who_is_not_in_the_roster_is_an_error(clone: Path) -> None:
    """The sentence names the handle."""
    git.run(clone, "config", "quant.member", "nobody")
    with pytest.raises(roster.RosterError, match="nobody"):
        checks.check_identity(clone)


# --- the roster and what follows from it


def test_an_edit_of_the_roster_by_hand_is_named(clone: Path) -> None:
    """By the handle about which the two files disagree."""
    assert checks.check_roster(clone).state == "ok"
    member = roster.members(clone)[0]
    other = "false" if member.senior else "true"
    replace(clone / roster.PERMISSIONS, r"senior: (true|false)", f"senior: {other}")
    check = checks.check_roster(clone)
    assert check.state == "fail"
    assert member.handle in check.detail
    assert check.fix is not None
    assert check.fix.endswith("then quant team edit")


def test_an_unknown_key_of_a_member_is_a_sentence(clone: Path) -> None:
    """`seniour: true` once ended in a traceback."""
    replace(clone / roster.PERMISSIONS, r"senior:", "seniour:")
    check = checks.check_roster(clone)
    assert check.state == "fail"
    assert "did you mean senior" in check.detail
    with pytest.raises(roster.RosterError, match="seniour"):
        checks.check_compiled(clone)


def test_access_files_that_were_edited_are_compiled_again(clone: Path) -> None:
    """One command writes what the roster says."""
    path = clone / roster.PERMISSIONS
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"login: .*", "login: someone", text), encoding="utf-8")
    check = checks.check_compiled(clone)
    assert (check.state, check.fix) == ("fail", "quant access compile")


# --- the template


def make_template(clone: Path, folder: Path, *tags: str, recorded: str) -> None:
    """Let the clone record a version of a template that git finds in a folder, not on a network."""
    folder.mkdir()
    git.run(folder, "init", "--quiet")
    author = ("-c", "user.name=T", "-c", "user.email=t@users.noreply.invalid")
    git.run(folder, *author, "commit", "--quiet", "--allow-empty", "-m", "feat: start")
    for tag in tags:
        git.run(folder, "tag", tag)
    git.run(clone, "config", f"url.{folder.as_uri()}.insteadOf", ADDRESS)
    replace(clone / MARKER, r"(?m)^_commit: .*$", f"_commit: {recorded}")
    replace(clone / MARKER, r"(?m)^_src_path: .*$", f"_src_path: {ADDRESS}")


@pytest.mark.parametrize(
    ("tags", "recorded", "state", "sentence"),
    [
        ((), "0.1.0", "ok", "which has no releases yet: nothing to compare with"),
        ((), "1a2b3c4", "ok", "which has no releases yet: nothing to compare with"),
        (("0.1.0", "0.2.0"), "0.2.0", "ok", ", the newest"),
        (("0.9.0", "0.10.0"), "0.9.0", "warn", "0.10.0 is out"),
        (("0.2.0",), "0.3.0", "ok", "ahead of the newest release 0.2.0"),
        (("0.2.0",), "0.2.0-3-g1a2b3c4", "ok", "ahead of the newest release 0.2.0"),
        (("0.2.0", "0.3.0"), "0.2.0-3-g1a2b3c4", "warn", "0.3.0 is out"),
        (("0.2.0",), "1a2b3c4", "warn", "is not a release; the newest release is 0.2.0"),
        (("0.2.0", "0.3.0rc1", "latest"), "0.2.0", "ok", ", the newest"),
    ],
)
def test_the_version_of_the_template_is_called_what_it_is(
    clone: Path, tmp_path: Path, tags: tuple[str, ...], recorded: str, state: str, sentence: str
) -> None:
    """Only the newest release is called the newest."""
    make_template(clone, tmp_path / "template", *tags, recorded=recorded)
    check = checks.check_template(clone)
    assert check.state == state
    assert sentence in check.detail
    if not sentence.endswith("the newest"):
        assert not check.detail.endswith("the newest")


def test_a_template_that_cannot_be_reached_is_no_fault(clone: Path, tmp_path: Path) -> None:
    """Without a network the doctor still passes."""
    make_template(clone, tmp_path / "template", recorded="0.1.0")
    shutil.rmtree(tmp_path / "template")
    check = checks.check_template(clone)
    assert check.state == "ok"
    assert "cannot look for a newer one now" in check.detail


def test_a_local_path_is_a_warning(clone: Path) -> None:
    """Teammates do not have that folder."""
    check = checks.check_template(clone)
    assert (check.state, check.fix) == ("warn", "quant template source ADDRESS")


# --- the last update


def test_conflict_markers_are_named_headings_are_not(clone: Path) -> None:
    """A line of `=` underlines a heading."""
    (clone / "notes.md").write_text("Title\n=======\n", encoding="utf-8")
    assert checks.check_update(clone).state == "ok"
    (clone / "notes.md").write_text("<<<<<<< before updating\n", encoding="utf-8")
    check = checks.check_update(clone)
    assert (check.state, check.detail) == ("fail", "notes.md: conflict markers")
    assert check.fix == "resolve the marked lines, then git add notes.md"


def test_rejected_changes_are_named(clone: Path) -> None:
    """What an update could not apply lies beside the file."""
    (clone / "README.md.rej").write_text("@@\n", encoding="utf-8")
    check = checks.check_update(clone)
    assert check.state == "fail"
    assert check.fix == "rm README.md.rej"


def test_unmerged_files_are_named(clone: Path) -> None:
    """Git knows of them until they are added."""
    start = git.run(clone, "rev-parse", "HEAD")
    for text in ("one", "two"):
        git.run(clone, "switch", "--quiet", "-c", text, start)
        (clone / "README.md").write_text(f"{text}\n", encoding="utf-8")
        git.run(clone, "commit", "--quiet", "--all", "--no-verify", "-m", "docs: x")
    with pytest.raises(git.GitError):
        git.run(clone, "merge", "one")
    check = checks.check_update(clone)
    assert (check.state, check.detail) == ("fail", "README.md: unmerged")
