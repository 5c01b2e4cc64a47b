"""Access: the files that follow from the roster are written, compared and removed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from infrastructure import access
from infrastructure.commands import access as command
from quant_team_utils import roster
from quant_team_utils.roster import PERMISSIONS, RosterError

OWNERS = ".github/CODEOWNERS"
Facts = dict[str, object]
ALICE: Facts = {"name": "A", "role": "researcher", "senior": True, "login": "alice-gh"}
BOB: Facts = {"name": "B", "role": "researcher", "login": "bob-gh"}
CHARLIE: Facts = {"name": "C", "role": "infrastructure", "login": "charlie-gh"}


def permissions(members: dict[str, Facts], forge: str = "github") -> str:
    """Return the text of a `permissions.yaml`, in the order of `members`."""
    repository = {"forge": forge, "owner": "acme", "name": "quant-team", "systems": []}
    roles: dict[str, Facts] = {"researcher": {}, "infrastructure": {}}
    document = {"version": 1, "repository": repository, "roles": roles, "members": members}
    return yaml.safe_dump(document, sort_keys=False)


THREE = {"alice": ALICE, "bob": BOB, "charlie": CHARLIE}
NO_LOGIN = {"alice": ALICE | {"login": None}}


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a scratch repository with a team of three."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    (tmp_path / "infrastructure").mkdir()
    save(tmp_path, permissions(THREE))
    return tmp_path


def save(root: Path, text: str) -> None:
    (root / PERMISSIONS).write_text(text, encoding="utf-8")


def quant_access(*arguments: str) -> tuple[int, str]:
    """Run `quant access ...` in a process; return the exit code and everything it printed."""
    script = "import sys; from quant_team_cli.main import main; sys.argv[0] = 'quant'; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "access", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_order_of_the_roster_does_not_matter() -> None:
    """The same team gives the same bytes."""
    turned = permissions(dict(reversed(THREE.items())))
    assert turned.index("charlie:") < turned.index("alice:")
    compiled = access.compile_access(roster.parse(turned))
    assert compiled == access.compile_access(roster.parse(permissions(THREE)))


def test_compile_writes_once_and_then_nothing(team: Path) -> None:
    """The first compile writes LF bytes and nothing beside them; the second changes no file."""
    assert access.compile(team) == [OWNERS]
    path = team / OWNERS
    before = path.stat().st_mtime_ns
    assert b"\r" not in path.read_bytes()
    assert access.compile(team) == []
    assert path.stat().st_mtime_ns == before
    assert [found.name for found in path.parent.iterdir()] == ["CODEOWNERS"]


def test_a_file_that_no_longer_follows_is_removed(team: Path) -> None:
    """Once nobody has a login, our CODEOWNERS goes."""
    access.compile(team)
    save(team, permissions(NO_LOGIN))
    assert access.compile(team) == [OWNERS]
    assert not (team / OWNERS).exists()


def test_a_change_of_forge_moves_the_file(team: Path) -> None:
    """The file of the forge the team has left does not stay behind."""
    access.compile(team)
    save(team, permissions(THREE, "gitlab"))
    assert access.compile(team) == [OWNERS, ".gitlab/CODEOWNERS"]
    assert not (team / OWNERS).exists()


def test_a_file_that_we_did_not_write_is_not_removed(team: Path) -> None:
    """A team without logins may keep a CODEOWNERS of its own."""
    save(team, permissions(NO_LOGIN))
    (team / ".github").mkdir()
    (team / OWNERS).write_text("* @alice-gh\n", encoding="utf-8")
    assert access.compile(team) == []
    assert (team / OWNERS).exists()


@pytest.mark.parametrize(
    "edit", [lambda text: text + "*.md @bob-gh\n", lambda text: text[:-1], lambda _: ""]
)
def test_check_names_an_edited_file_and_writes_nothing(
    team: Path, edit: Callable[[str], str]
) -> None:
    """Any byte that differs is found, and the sentence names the file and the command."""
    access.compile(team)
    path = team / OWNERS
    edited = edit(path.read_text(encoding="utf-8"))
    path.write_text(edited, encoding="utf-8")
    with pytest.raises(
        access.AccessError, match=r"\.github/CODEOWNERS; run `quant access compile`"
    ):
        access.compile(team, check=True)
    assert path.read_text(encoding="utf-8") == edited


def test_a_bad_roster_writes_nothing(team: Path) -> None:
    """A refused permissions.yaml leaves the compiled files as they are."""
    access.compile(team)
    before = (team / OWNERS).read_bytes()
    save(team, permissions(THREE | {"bob": BOB | {"role": "boss"}}))
    with pytest.raises(RosterError, match="member bob"):
        access.compile(team)
    assert (team / OWNERS).read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_sentence(team: Path) -> None:
    """A file where a folder should be is refused without a traceback."""
    (team / ".github").write_text("", encoding="utf-8")
    with pytest.raises(access.AccessError, match=r"Cannot (read|write)"):
        access.compile(team)


def test_stale_files_are_named_until_they_are_compiled(team: Path) -> None:
    """What doctor asks: the paths that differ before a compile, and none after it."""
    compiled = access.compile_access(roster.load(team))
    assert access.stale(team, compiled) == [OWNERS]
    access.compile(team)
    assert access.stale(team, compiled) == []


def test_the_command_writes_checks_and_fails(team: Path) -> None:
    """`quant access compile` says what it wrote; `--check` is silent, or exits 1 with one line."""
    code, output = quant_access("compile")
    assert (code, output) == (0, "wrote .github/CODEOWNERS\n")
    assert quant_access("compile", "--check") == (0, "")
    (team / OWNERS).unlink()
    code, output = quant_access("compile", "--check")
    assert code == 1
    assert output.startswith(
        "quant: Not what infrastructure/permissions.yaml compiles to: .github/CODEOWNERS"
    )
    assert output.count("\n") == 1


def test_the_command_prints_warnings(team: Path) -> None:
    """What a correct roster leaves open is printed beside the result."""
    save(team, permissions(NO_LOGIN | {"bob": BOB | {"login": None}}))
    result = CliRunner().invoke(command, ["compile"])
    assert result.exit_code == 0
    assert "warning: No active member has a forge login" in result.output
