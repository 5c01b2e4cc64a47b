"""`quant team`: list and edit the roster.

The roster is an answer of the template, so a change is a `copier update` at the same version, with
the new roster as data.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import yaml

from infrastructure import access
from quant_team_cli import copier_process, edits, updating
from quant_team_cli.setup import add_notebook_folders
from quant_team_cli.template import read_answers, recorded, require_reachable
from quant_team_utils import console, git, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

EDITOR_HELP = """\
# The team, one member per line. Save and close to apply; close without a change to stop.
# role: researcher or infrastructure. Optional: senior, left, login (at the forge), grants, deny.
# Somebody leaves: add left: true, so that their notebooks and results stay and their grants go.
"""
HEADER = ("handle", "name", "role", "senior", "login", "")


class TeamError(QuantError):
    """The roster cannot be changed here or in this way."""


class RosterSyntaxError(TeamError):
    """What was typed is not a list of members; nothing has changed."""


def read_roster(path: Path) -> list[Any]:
    """Return the roster of a YAML file: a list of members, or a mapping with `team`.

    Raises:
        TeamError: there is no such file, or it holds no such list.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TeamError(
            f"There is no file {path}: name a YAML file with the list of members."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise TeamError(f"Cannot read {path}: name a text file that you own.") from None
    return parse_roster(text)


def parse_roster(text: str) -> list[Any]:
    """Return the list of members of a YAML text; the template judges the members themselves.

    Raises:
        RosterSyntaxError: it is not YAML, or not such a list.
    """
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise RosterSyntaxError(
            "The roster is not readable YAML: write one line per member, `- {name: ..., ...}`."
        ) from None
    team = document.get("team") if isinstance(document, dict) else document
    if not isinstance(team, list):
        raise RosterSyntaxError(
            "The roster must be a list of members: write one line per member, "
            "`- {name: ..., handle: ..., role: ...}`."
        )
    return team


def dump_roster(team: list[Any]) -> str:
    """Return a roster as YAML, one member per line."""
    lines = []
    for member in team:
        line = yaml.safe_dump(
            member,
            default_flow_style=True,
            sort_keys=False,
            allow_unicode=True,
            width=10**6,
        )
        lines.append(f"- {line}")
    return "".join(lines)


def describe(old: list[Any], new: list[Any]) -> list[str]:
    """Return what changes between two rosters, one phrase per member: joins, leaves, changes."""
    before = {member["handle"]: member for member in old}
    after = {member["handle"]: member for member in new}
    phrases = [f"{handle} joins the team" for handle in after if handle not in before]
    for handle, was in before.items():
        phrase = _change(handle, was, after.get(handle))
        if phrase:
            phrases.append(phrase)
    return phrases


def _change(handle: str, was: dict[str, Any], now: dict[str, Any] | None) -> str | None:
    if now is None:
        return f"{handle} is removed from the roster"
    if bool(now.get("left")) != bool(was.get("left")):
        return f"{handle} leaves the team" if now.get("left") else f"{handle} returns to the team"
    keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
    return f"change {', '.join(keys)} of {handle}" if keys else None


def update(root: Path, team: list[Any]) -> None:
    """Apply a roster: Copier renders it, then access files and notebook folders follow.

    Raises:
        RefusedRosterError: the template does not accept the roster; nothing has changed.
        UpdateError: Copier failed; nothing has changed.
    """
    text = yaml.safe_dump({"team": team}, sort_keys=False, allow_unicode=True)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "team.yml"
        data.write_text(text, encoding="utf-8")
        source = recorded(root).source
        conflicts = updating.update(root, source, "--vcs-ref=:current:", f"--data-file={data}")
    if roster.PERMISSIONS not in conflicts:
        add_notebook_folders(root)
        access.compile(root)


def apply_file(root: Path, old: list[Any], path: Path) -> list[Any] | None:
    """Apply the roster of a file and return it, or None if it is the present one."""
    team = read_roster(path)
    if team == old:
        return None
    update(root, team)
    return team


def apply_editor(root: Path, old: list[Any]) -> list[Any] | None:
    """Apply the roster as edited and return it, or None if nothing was edited.

    What was typed is never lost: a slip is edited again, and after a failure it is in a file.

    Raises:
        TeamError: there is no terminal, or the change failed; the text names the file.
    """
    if not sys.stdin.isatty():
        raise TeamError(
            "There is no terminal to edit on: "
            "give the new roster with `quant team edit --file team.yml`."
        )
    text = EDITOR_HELP + dump_roster(old)
    while True:
        edited = click.edit(text, extension=".yaml")
        if edited is None:
            return None
        text = edited
        try:
            return _apply_text(root, old, text)
        except (RosterSyntaxError, updating.RefusedRosterError) as error:
            click.confirm(f"{error} Edit again?", default=True, abort=True)
        except QuantError as error:
            kept = _keep(root, text)
            raise TeamError(
                f"{error} What you typed is in {kept}: `quant team edit --file {kept}`."
            ) from None


def _apply_text(root: Path, old: list[Any], text: str) -> list[Any] | None:
    team = parse_roster(text)
    if team == old:
        return None
    click.echo("Applying the roster ...")
    update(root, team)
    return team


def _keep(root: Path, text: str) -> Path:
    """Write what was typed where git does not look, and return the file."""
    kept = Path(git.run(root, "rev-parse", "--absolute-git-dir")) / "team.yml"
    kept.write_text(text, encoding="utf-8")
    return kept


@click.group()
def command() -> None:
    """List and edit the roster."""


@command.command()
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    help="A YAML file with the whole new roster.",
)
def edit(path: Path | None) -> None:
    """Change the roster, in your editor or from a file; leaves the change uncommitted."""
    root = project_root()
    old = read_answers(root)["team"]
    updating.require_ready(root, "team")
    require_reachable(root, recorded(root))
    copier_process.find()
    before = updating.uncommitted(root)
    team = apply_file(root, old, path) if path else apply_editor(root, old)
    if team is None:
        click.echo("Nothing changed.")
        return
    phrases = describe(old, team)
    for phrase in phrases:
        click.echo(f"  {phrase}")
    edits.tell(root)
    updating.require_resolved(updating.unmerged(root))
    for warning in access.warnings(roster.load(root)):
        click.echo(f"  warning: {warning}", err=True)
    subject = phrases[0] if len(phrases) == 1 else "change the team"
    line = updating.commit_line(root, before, f"feat: {subject}")
    click.echo(f"\nReview with `git diff`, then:\n  {line}")


@command.command("list")
def list_members() -> None:
    """Print the roster."""
    root = project_root()
    mine = roster.me(root)
    rows = [_row(member, mine) for member in roster.members(root)]
    click.echo(console.table(HEADER, rows))


def _row(member: roster.Member, mine: str | None) -> list[str]:
    state = "you" if member.handle == mine else ""
    if member.left:
        state = "left"
    senior = "senior" if member.senior else ""
    return [member.handle, member.name, member.role, senior, member.login or "", state]
