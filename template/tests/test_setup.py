"""The steps of `quant setup`, one by one, in a small clone."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from quant_team_cli import setup
from quant_team_cli.setup import SetupError
from quant_team_utils import git
from quant_team_utils.roster import RosterError, active
from tests.conftest import make_clone

posix_only = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """Return a small clone, set up as its first member."""
    return make_clone(root, tmp_path / "clone")


def answer(clone: Path, typed: str) -> tuple[str, str]:
    """Return the handle that the question gets with these lines typed, and what it printed."""

    @click.command()
    def command() -> None:
        click.echo(f"chosen: {setup.ask(clone).handle}")

    done = CliRunner().invoke(command, input=typed)
    assert done.exception is None, done.output
    return done.output.rpartition("chosen: ")[2].strip(), done.output


def test_another_clones_environment_sets_nothing_up(clone: Path) -> None:
    """The modules that run here are not the small clone's: its hooks would run in that one."""
    with pytest.raises(SetupError, match=r"-m venv --clear \.venv"):
        setup.require_own_code(clone)


# --- who you are


def test_a_mistyped_handle_is_asked_again_with_the_nearest(clone: Path) -> None:
    """Twice wrong, then right."""
    handle = active(clone)[-1].handle
    chosen, printed = answer(clone, f"{handle}x\nnobody-like-it\n {handle} \n")
    assert chosen == handle
    assert printed.count("Who are you") == 3
    assert f"did you mean {handle}?" in printed


def test_a_given_handle_counts_without_a_terminal(clone: Path) -> None:
    """An unknown one is an error there, because nobody can be asked."""
    handle = active(clone)[-1].handle
    assert setup.choose_member(clone, handle, False).handle == handle
    with pytest.raises(RosterError):
        setup.choose_member(clone, "nobody", False)


def test_the_stored_member_comes_before_the_first(clone: Path) -> None:
    """A second `quant setup --defaults` makes nobody another."""
    team = active(clone)
    git.run(clone, "config", "quant.member", team[-1].handle)
    assert setup.choose_member(clone, None, True).handle == team[-1].handle
    git.run(clone, "config", "--unset", "quant.member")
    assert setup.choose_member(clone, None, True).handle == team[0].handle
    with pytest.raises(SetupError, match=team[0].handle):
        setup.choose_member(clone, None, False)


def test_handles_are_completed(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`quant setup --as <Tab>` offers active members, those that begin with what is typed."""
    monkeypatch.setenv("QUANT_ROOT", str(clone))
    handles = [member.handle for member in active(clone)]
    shell = ShellComplete(setup.command, {}, "setup", "_SETUP_COMPLETE")
    offered = [item.value for item in shell.get_completions(["--as"], "")]
    assert offered == handles
    offered = [item.value for item in shell.get_completions(["--as"], handles[0][:2])]
    assert offered == [each for each in handles if each.startswith(handles[0][:2])]


def test_outside_a_repository_nothing_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell that completes shows no error."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path / "gone"))
    shell = ShellComplete(setup.command, {}, "setup", "_SETUP_COMPLETE")
    assert shell.get_completions(["--as"], "") == []


# --- the environment file


@posix_only
def test_the_environment_file_is_for_the_owner_only(clone: Path) -> None:
    """A new one, and one that is there with its content."""
    path = clone / ".env"
    path.unlink()
    assert setup.write_env_file(clone)
    assert path.read_bytes() == (clone / ".env.example").read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("MINE=1\n", encoding="utf-8")
    path.chmod(0o644)
    assert not setup.write_env_file(clone)
    assert path.read_text(encoding="utf-8") == "MINE=1\n"
    assert path.stat().st_mode & 0o777 == 0o600


@posix_only
@pytest.mark.parametrize("target", ["shared", "gone"])
def test_the_target_of_a_link_keeps_its_mode(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    """A shared file is somebody else's; a target that does not exist is not made. It is said."""
    (tmp_path / "shared").write_text("TICKDB_BASE_URL=sandbox\n", encoding="utf-8")
    (tmp_path / "shared").chmod(0o664)
    (clone / ".env").unlink()
    (clone / ".env").symlink_to(tmp_path / target)
    setup.set_up(clone, active(clone)[0].handle, False)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o664
    assert not (tmp_path / "gone").exists()
    assert ".env is a link: the mode of its target is left as it is" in capsys.readouterr().out


@posix_only
def test_a_folder_in_place_of_the_file_is_left_alone(clone: Path) -> None:
    """Its mode is not that of a file; `quant doctor` says what is wrong."""
    path = clone / ".env"
    path.unlink()
    path.mkdir(mode=0o755)
    assert not setup.write_env_file(clone)
    assert path.stat().st_mode & 0o777 == 0o755


# --- branches


@pytest.fixture
def cloned(clone: Path, tmp_path: Path) -> Path:
    """Return a clone of a repository with `main` and `develop`, on main."""
    git.run(clone, "branch", "develop")
    git.run(tmp_path, "clone", "--quiet", str(clone), "cloned")
    for key in ("user.name", "user.email"):  # the machine may have none
        git.run(tmp_path / "cloned", "config", key, git.run(clone, "config", key))
    return tmp_path / "cloned"


def test_a_clone_gets_a_develop_that_tracks_origins(cloned: Path) -> None:
    """It is switched to it from main, and its work tree stays clean."""
    setup.follow_develop(cloned)
    assert git.branch(cloned) == "develop"
    upstream = git.run(cloned, "rev-parse", "--abbrev-ref", "develop@{upstream}")
    assert upstream == "origin/develop"
    assert git.changes(cloned) == []


def test_a_develop_that_is_there_is_left_as_it_is(cloned: Path) -> None:
    """It may hold commits of yours."""
    git.run(cloned, "switch", "--quiet", "-c", "develop", "--no-track", "origin/develop")
    git.run(cloned, "commit", "--quiet", "--allow-empty", "-m", "feat: mine")
    head = git.run(cloned, "rev-parse", "develop")
    git.run(cloned, "switch", "--quiet", "main")
    setup.follow_develop(cloned)
    assert git.run(cloned, "rev-parse", "develop") == head


def test_no_develop_anywhere_means_no_switch(clone: Path) -> None:
    """A repository that was not made by `quant setup`."""
    setup.follow_develop(clone)
    assert git.branch(clone) == "main"


# --- notebooks


def test_each_active_member_gets_a_folder_once(clone: Path) -> None:
    """What is in a folder already is not touched."""
    example = clone / setup.EXAMPLE_NOTEBOOK
    example.parent.mkdir()
    example.write_text("{}", encoding="utf-8")
    handles = [member.handle for member in active(clone)]
    added = setup.add_notebook_folders(clone)
    assert [folder.name for folder in added] == handles
    mine = clone / "notebooks" / handles[0] / "example.ipynb"
    mine.write_text("mine", encoding="utf-8")
    assert setup.add_notebook_folders(clone) == []
    assert mine.read_text(encoding="utf-8") == "mine"
