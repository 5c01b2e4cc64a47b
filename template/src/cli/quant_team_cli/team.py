"""`quant team`: the roster, and changing it.

The roster is an answer of the template, so a change is a `copier update` at the same version, with
the new roster as data. Copier runs as a process and is never installed here: a part of its
dependencies is under the GPL.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import yaml

from quant_team_cli.template import read_answers, recorded, require_reachable
from quant_team_utils import git, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root
from quant_team_cli.setup import add_notebook_folders, compile_access

COPIER_VERSION = (9, 19, 1)
COPIER = "copier>=" + ".".join(map(str, COPIER_VERSION))
EDITOR_HELP = """\
# The team, one member a line. Save and close to apply; close without a change to stop.
# role: researcher or infrastructure. Optional: senior, left, login (at the forge), grants, deny.
# Somebody leaves: add left: true, so that their notebooks and results stay and their grants go.
"""


class TeamError(QuantError):
    """The roster cannot be changed here or in this way."""


class RosterRefusedError(TeamError):
    """What was typed is no roster that the template accepts; nothing has changed."""


def copier_command() -> list[str]:
    """Return the words that run Copier: from PATH if it is new enough, else through uvx or pipx.

    Raises:
        TeamError: none of the three is there.
    """
    if shutil.which("copier"):
        printed = subprocess.run(
            ["copier", "--version"], capture_output=True, text=True, check=False
        ).stdout
        found = re.search(r"(\d+)\.(\d+)\.(\d+)", printed)
        if found and tuple(map(int, found.groups())) >= COPIER_VERSION:
            return ["copier"]
    if shutil.which("uvx"):
        return ["uvx", "--from", COPIER, "copier"]
    if shutil.which("pipx"):
        return ["pipx", "run", "--spec", COPIER, "copier"]
    raise TeamError(
        f'Changing the team needs Copier: install it with `pipx install "{COPIER}"` (or install uv).'
    )


def require_ready(root: Path) -> None:
    """Refuse a change of the team where it could lose work or cannot be reviewed."""
    if not git.is_repository(root):
        raise TeamError(f"{root} is not a git repository: run `quant setup` first.")
    if changed := git.changes(root):
        raise TeamError(
            f"The work tree is not clean ({changed[0].strip()}): commit or stash first."
        )
    branch = git.branch(root)
    if branch in (None, "main", "develop"):
        who = roster.me(root) or "HANDLE"
        raise TeamError(
            f"The team changes by pull request, not on {branch or 'a detached HEAD'}: "
            f"run `git switch -c feature/{who}/team develop` first."
        )


def read_roster(path: Path) -> list[Any]:
    """Return the roster of a YAML file: a list of members, or a mapping with `team`."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TeamError(
            f"There is no file {path}: name a YAML file with the list of members."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise TeamError(
            f"{path} is not readable YAML: write one line per member, `- {{name: ..., ...}}`."
        ) from None
    return parse_roster(document)


def parse_roster(document: Any) -> list[Any]:
    """Return the list of members of a parsed YAML document; the template judges the members themselves."""
    team = document.get("team") if isinstance(document, dict) else document
    if not isinstance(team, list):
        raise RosterRefusedError(
            "The roster must be a list of members: one line each, `- {name: ..., handle: ..., role: ...}`."
        )
    return team


def dump_roster(team: list[Any]) -> str:
    """Return a roster as YAML, one member a line."""
    lines = (
        yaml.safe_dump(m, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
        for m in team
    )
    return "".join(f"- {line}" for line in lines)


def describe(old: list[Any], new: list[Any]) -> list[str]:
    """Return what changes between two rosters, a phrase each: who joins, leaves, returns, changes."""
    before = {m["handle"]: m for m in old}
    after = {m["handle"]: m for m in new}
    phrases = [f"{handle} joins the team" for handle in after if handle not in before]
    for handle, was in before.items():
        now = after.get(handle)
        if now is None:
            phrases.append(f"{handle} is removed from the roster")
        elif bool(now.get("left")) != bool(was.get("left")):
            phrases.append(f"{handle} {'leaves' if now.get('left') else 'returns to'} the team")
        elif now != was:
            keys = [key for key in {**was, **now} if was.get(key) != now.get(key)]
            phrases.append(f"change {', '.join(keys)} of {handle}")
    return phrases


def update(root: Path, team: list[Any]) -> None:
    """Apply a roster: Copier renders what depends on it, then the access files and notebook
    folders follow.

    Raises:
        TeamError: the template refuses the roster, Copier failed, or the update left conflicts.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "team.yml"
        data.write_text(
            yaml.safe_dump({"team": team}, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        done = subprocess.run(
            [*copier_command(), "update", "--skip-answered", "--vcs-ref=:current:", f"--data-file={data}", "--quiet"],
            cwd=root, capture_output=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        refused = re.search(r"question 'team': (.+)", last)
        if refused:
            raise RosterRefusedError(f"The roster is refused: {refused[1].rstrip('.')}.")
        if "Unknown revision" in last:
            version = recorded(root).version
            raise TeamError(
                f"The template's source no longer has version {version}: run `copier update` first."
            )
        raise TeamError(
            f"Copier could not apply the change and left the repository as it was: {last}"
        )
    conflicts = git.run(root, "diff", "--name-only", "--diff-filter=U").splitlines()
    if conflicts:
        raise TeamError(
            f"The change conflicts with edits in {', '.join(conflicts)}: resolve the marked lines, then run "
            "`quant access compile`; `git checkout HEAD -- .` takes the change back."
        )
    add_notebook_folders(root)
    compile_access(root)


def apply_file(root: Path, old: list[Any], path: Path) -> list[Any] | None:
    """Apply the roster of a file and return it, or None if it is the present one."""
    team = read_roster(path)
    if team == old:
        return None
    update(root, team)
    return team


def apply_editor(root: Path, old: list[Any]) -> list[Any] | None:
    """Apply the roster as edited and return it, or None if nothing was edited; what was typed is never lost."""
    if not sys.stdin.isatty():
        raise TeamError(
            "There is no terminal to edit on: give the new roster with `quant team edit --file team.yml`."
        )
    text = EDITOR_HELP + dump_roster(old)
    while True:
        edited = click.edit(text, extension=".yaml")
        if edited is None:
            return None
        text = edited
        try:
            team = parse_roster(yaml.safe_load(text))
            if team == old:
                return None
            click.echo("Applying the roster ...")
            update(root, team)
        except (RosterRefusedError, yaml.YAMLError) as error:
            reason = str(error) if isinstance(error, QuantError) else "This is not readable YAML."
            click.confirm(f"{reason} Edit again?", default=True, abort=True)
        except TeamError as error:
            kept = Path(git.run(root, "rev-parse", "--absolute-git-dir")) / "team.yml"
            kept.write_text(text, encoding="utf-8")
            raise TeamError(
                f"{error} What you typed is in {kept}: `quant team edit --file {kept}`."
            ) from None
        else:
            return team


@click.group()
def command() -> None:
    """The roster: who is on the team."""


@command.command()
@click.option(
    "--file", "path", type=click.Path(path_type=Path), help="A YAML file with the whole new roster."
)
def edit(path: Path | None) -> None:
    """Change the roster: in your editor, or from a file; leaves the change uncommitted, for review."""
    root = project_root()
    old = read_answers(root)["team"]
    require_ready(root)
    copier_command()
    require_reachable(root, recorded(root))
    team = apply_file(root, old, path) if path else apply_editor(root, old)
    if team is None:
        click.echo("Nothing changed.")
        return
    phrases = describe(old, team)
    for phrase in phrases:
        click.echo(f"  {phrase}")
    subject = phrases[0] if len(phrases) == 1 else "change the team"
    click.echo(f'\nReview with `git diff`, then:\n  git add -A && git commit -m "feat: {subject}"')


@command.command("list")
def list_members() -> None:
    """Print the roster."""
    root = project_root()
    people = roster.members(root)
    mine = roster.me(root)
    rows = [
        (
            member.handle,
            member.name,
            member.role,
            "senior" if member.senior else "",
            member.login or "",
            "left" if member.left else ("you" if member.handle == mine else ""),
        )
        for member in people
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        click.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
