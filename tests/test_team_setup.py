"""`quant setup` in a rendered repository: on a fresh copy, on a clone, a second time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Copy, TeamEnvironment, git
from tests.git_settings import has_set
from tests.terminal import finish, open_terminal

pytestmark = pytest.mark.full


FIRST_COMMIT = "feat: start the team repository"


def state(repository: Path) -> dict[str, object]:
    """Return everything that a second `quant setup` must leave alone."""
    return {
        "head": git(repository, "rev-parse", "HEAD"),
        "refs": git(repository, "for-each-ref"),
        "branch": git(repository, "branch", "--show-current"),
        "status": git(repository, "status", "--porcelain"),
        "config": git(repository, "config", "--local", "--list"),
        "env": (repository / ".env").read_bytes(),
        "mode": (repository / ".env").stat().st_mode,
    }


def test_setup_on_a_fresh_copy(repository: Path) -> None:
    """Git with `main` and `develop`, one commit that keeps the convention, `.env`, hooks."""
    assert git(repository, "log", "--all", "--format=%s") == FIRST_COMMIT
    assert git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == [
        "develop",
        "main",
    ]
    assert git(repository, "branch", "--show-current") == "develop"
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "config", "quant.member") == "alice"
    assert (repository / ".env").read_bytes() == (repository / ".env.example").read_bytes()
    if os.name == "posix":
        assert (repository / ".env").stat().st_mode & 0o777 == 0o600
    for handle in ("alice", "bob", "charlie"):
        assert (repository / "notebooks" / handle / "example.ipynb").is_file()
    modes = git(
        repository, "ls-files", "--stage", "hooks/commit-msg", "hooks/pre-commit", "hooks/pre-push"
    )
    assert {line.split()[0] for line in modes.splitlines()} == {"100755"}


def test_setup_a_second_time_changes_nothing(
    repository: Path, team_environment: TeamEnvironment
) -> None:
    """Neither a commit nor a setting nor `.env` changes, even one that the user has edited."""
    (repository / ".env").write_text("TICKDB_BASE_URL=sandbox\nMINE=1\n", encoding="utf-8")
    before = state(repository)
    team_environment.run(repository, "quant", "setup", "--defaults")
    team_environment.run(repository, "quant", "setup")
    assert state(repository) == before


def test_setup_on_a_clone(clone: Path, team_environment: TeamEnvironment) -> None:
    """No commit, no branch but a local develop that tracks origin's, on it, and nothing changed."""
    head = git(clone, "rev-parse", "HEAD")
    assert git(clone, "branch", "--show-current") == "main"
    done = team_environment.run(clone, "quant", "setup", "--as", "bob")
    assert "switched from main to develop" in done.stdout
    assert git(clone, "rev-parse", "main") == head
    assert git(clone, "branch", "--show-current") == "develop"
    branches = git(clone, "for-each-ref", "--format=%(refname:short)", "refs/heads")
    assert branches.split() == ["develop", "main"]
    assert git(clone, "rev-parse", "--abbrev-ref", "develop@{upstream}") == "origin/develop"
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "config", "quant.member") == "bob"
    assert "docs/publishing.md" not in done.stdout, "it is published already"
    before = state(clone)
    team_environment.run(clone, "quant", "setup")
    assert state(clone) == before


def test_a_newcomer_who_is_in_develops_roster_only(
    repository: Path, tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """A clone begins on `main`, whose roster may be older: it is left before anybody is asked."""
    roster = repository / "infrastructure" / "permissions.yaml"
    roster.write_text(roster.read_text("utf-8").replace("charlie", "dana"), encoding="utf-8")
    git(repository, "commit", "--quiet", "--all", "--no-verify", "-m", "feat: dana joins")
    git(repository, "switch", "--quiet", "main")
    git(tmp_path, "clone", "--quiet", str(repository), "new")
    done = team_environment.run(tmp_path / "new", "quant", "setup", "--as", "dana", check=False)
    assert "you are dana" in done.stdout
    assert git(tmp_path / "new", "config", "quant.member") == "dana"


def test_setup_on_a_clone_leaves_uncommitted_work_where_it_is(
    clone: Path, team_environment: TeamEnvironment
) -> None:
    """With a changed file on main there is no switch, and a line says how to take it on."""
    (clone / "README.md").write_text("# mine\n", encoding="utf-8")
    done = team_environment.run(clone, "quant", "setup", "--as", "bob")
    assert git(clone, "branch", "--show-current") == "main"
    assert "`git switch develop` takes them on" in done.stdout
    assert (clone / "README.md").read_text(encoding="utf-8") == "# mine\n"


def test_setup_on_a_clone_leaves_a_feature_branch_alone(
    clone: Path, team_environment: TeamEnvironment
) -> None:
    """Only somebody on main is moved."""
    git(clone, "switch", "--quiet", "-c", "feature/bob/mine")
    team_environment.run(clone, "quant", "setup", "--as", "bob")
    assert git(clone, "branch", "--show-current") == "feature/bob/mine"


def test_setup_ends_with_the_page_on_publishing(
    copy: Copy, team_environment: TeamEnvironment
) -> None:
    """A fresh repository has no remote yet: the page that says how to publish it exists."""
    folder = copy()
    done = team_environment.run(folder, "quant", "setup", "--defaults")
    assert done.stdout.splitlines()[-1] == "To publish this repository: docs/publishing.md."
    assert (folder / "docs" / "publishing.md").is_file()


PERSONAL = [
    "core.excludesFile=HOME/ignore",
    "core.excludesFile=HOME/ignore-all",
    "core.attributesFile=HOME/filtered filter.up.clean=tr_a-z_A-Z",
    "core.attributesFile=HOME/wide",
    "core.hooksPath=HOME/hooks",
    "init.templateDir=HOME/new",
    "core.autocrlf=true core.safecrlf=true",
    "status.showUntrackedFiles=no",
    "GIT_TEMPLATE_DIR=HOME/new",
    "GIT_DIR=HOME/other.git",
    "GIT_INDEX_FILE=HOME/index",
    "GIT_DEFAULT_HASH=sha256",
]


@pytest.mark.parametrize("what", PERSONAL)
def test_personal_settings_do_not_decide_what_the_first_commit_holds(
    copy: Copy,
    repository: Path,
    team_environment: TeamEnvironment,
    tmp_path: Path,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every file, byte and mode is the same, and the clone is as it is with no setting."""
    folder = copy("picky")
    with monkeypatch.context() as patch:
        has_set(tmp_path / "home", what, patch)
        team_environment.run(folder, "quant", "setup", "--defaults")
    for command in ("ls-tree -r HEAD", "status --porcelain", "branch"):
        words = command.split()
        assert without_address(git(folder, *words)) == without_address(git(repository, *words))


def without_address(listed: str) -> list[str]:
    """Leave out the answers, which hold the version of the template as it was at that moment."""
    return [line for line in listed.splitlines() if not line.endswith(".copier-answers.yml")]


# Files that a member's own git writes in another encoding are seen as changed without that setting,
# whenever git compares contents instead of times: that clone is left out.
ON_A_CLONE = [what for what in PERSONAL[:8] if not what.endswith("wide")]


@pytest.mark.parametrize("what", ON_A_CLONE)
def test_setup_on_a_clone_changes_nothing_under_personal_settings(
    repository: Path,
    team_environment: TeamEnvironment,
    tmp_path: Path,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cloned and set up by a member who has them: `git status` is empty, on develop."""
    git(repository, "switch", "--quiet", "main")
    clone = tmp_path / "clone"
    with monkeypatch.context() as patch:
        has_set(tmp_path / "home", what, patch)
        git(tmp_path, "clone", "--quiet", str(repository), str(clone), check=False)
        # Within the second of the clone, git would compare contents instead of times.
        written = (clone / ".git" / "index").stat().st_mtime + 2
        os.utime(clone / ".git" / "index", (written, written))
        team_environment.run(clone, "quant", "setup", "--as", "bob")
    assert git(clone, "branch", "--show-current") == "develop"
    assert git(clone, "status", "--porcelain") == ""


def test_setup_gives_git_an_author_where_it_has_none(
    copy: Copy, team_environment: TeamEnvironment
) -> None:
    """A machine that never used git gets the member's name and an address that reaches nobody."""
    folder = copy()
    empty = folder.parent / "empty"
    empty.write_text("", encoding="utf-8")
    done = team_environment.run(
        folder, "quant", "setup", "--as", "charlie", env={"GIT_CONFIG_GLOBAL": str(empty)}
    )
    assert (
        git(folder, "log", "--format=%an <%ae>", "-1") == "Charlie <charlie@users.noreply.invalid>"
    )
    assert "git had no user name" in done.stdout
    assert empty.read_text(encoding="utf-8") == ""


def test_setup_without_a_terminal_asks_for_as(
    copy: Copy, team_environment: TeamEnvironment
) -> None:
    """Without a terminal, --as or --defaults, nothing is done; the sentence says what to type."""
    folder = copy()
    done = team_environment.run(folder, "quant", "setup", check=False)
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "quant: Who are you? Run `quant setup --as HANDLE` with one of: alice, bob, charlie."
    )
    assert not (folder / ".git").exists()
    assert not (folder / ".env").exists()


def test_on_a_terminal_setup_asks_who_you_are_until_it_knows(
    clone: Path, team_environment: TeamEnvironment
) -> None:
    """The one question of the set-up; a mistyped handle is asked again, with the nearest one."""
    terminal = open_terminal(team_environment, clone, "setup")
    terminal.expect(r"Who are you \(alice, bob, charlie\)\?")
    terminal.sendline("bbo")
    terminal.expect(r"did you mean bob\?")
    terminal.expect(r"Who are you \(alice, bob, charlie\)\?")
    terminal.sendline("bob")
    finish(terminal)
    assert git(clone, "config", "quant.member") == "bob"


def test_on_a_terminal_a_mistyped_option_is_asked_again(
    clone: Path, team_environment: TeamEnvironment
) -> None:
    """`quant setup --as bbo` does not end there: it says what is wrong and asks."""
    terminal = open_terminal(team_environment, clone, "setup", "--as", "bbo")
    terminal.expect(r"did you mean bob\?")
    terminal.expect(r"Who are you \(alice, bob, charlie\)\?")
    terminal.sendline("charlie")
    finish(terminal)
    assert git(clone, "config", "quant.member") == "charlie"
