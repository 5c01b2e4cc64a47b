"""`quant setup`: the environment file, git, the hooks, who I am.

On a fresh copy it also makes the repository: `main` with the first commit, and `develop`. On a
clone it configures this clone and changes no file that git tracks. A second run changes nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import cast

import click

from quant_team_cli import doctor
from quant_team_utils import git, roster
from quant_team_cli.main import COMMANDS, load
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root
from quant_team_utils.settings import ENV_FILE

FIRST_COMMIT = "feat: start the team repository"
EXAMPLE_NOTEBOOK = "notebooks/example.ipynb"


class SetupError(QuantError):
    """A step of the set-up cannot be done."""


def choose_member(root: Path, handle: str | None, use_defaults: bool) -> roster.Member:
    """Return who sits here: as told, as stored, the first member, or as answered on the terminal."""
    team = roster.active(root)
    if handle:
        return roster.find(root, handle)
    stored = roster.me(root)
    if stored and any(member.handle == stored for member in team):
        return roster.find(root, stored)
    if use_defaults:
        return team[0]
    handles = ", ".join(member.handle for member in team)
    if not sys.stdin.isatty():
        raise SetupError(f"Who are you? Run `quant setup --as HANDLE` with one of: {handles}.")
    answer: str = click.prompt(
        f"Who are you ({handles})?", default=team[0].handle if len(team) == 1 else None
    )
    return roster.find(root, answer.strip())


def configure(root: Path, key: str, value: str) -> bool:
    """Set a git configuration value of this clone; return whether that changed it."""
    if git.config(root, key, local=True) == value:
        return False
    git.run(root, "config", "--local", key, value)
    return True


def write_env_file(root: Path) -> bool:
    """Write `.env` from `.env.example` with mode 600; one that exists keeps its content. Return whether it is new."""
    path = root / ENV_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write((root / ".env.example").read_bytes())
    return True


def add_notebook_folders(root: Path) -> list[Path]:
    """Give each active member without one a folder in `notebooks/`, with a copy of the example; return the new ones."""
    example = root / EXAMPLE_NOTEBOOK
    added = []
    for member in roster.active(root):
        folder = root / "notebooks" / member.handle
        if example.is_file() and not folder.exists():
            folder.mkdir()
            shutil.copyfile(example, folder / example.name)
            added.append(folder)
    return added


def compile_access(root: Path) -> None:
    """Write what follows from the roster (`quant access compile`)."""
    access = cast("click.Group", load(COMMANDS["access"][0]))
    access.main(["compile"], prog_name="quant access", standalone_mode=False)


def identify(root: Path, member: roster.Member) -> None:
    """Store who sits here, and give git an author where it has none."""
    if configure(root, "quant.member", member.handle):
        click.echo(
            f"  you are {member.handle} ({member.role}{', senior' if member.senior else ''})"
        )
    if git.config(root, "user.name") is None:
        configure(root, "user.name", member.name)
        click.echo(f"  git had no user name: set to {member.name!r} for this repository")
    if git.config(root, "user.email") is None:
        address = f"{member.handle}@users.noreply.invalid"
        configure(root, "user.email", address)
        click.echo(f"  git had no e-mail address: set to {address} for this repository")


def first_commit(root: Path) -> None:
    """Commit the fresh copy to `main` and branch `develop` off it."""
    add_notebook_folders(root)
    compile_access(root)
    if os.name == "posix":
        for name in doctor.PROGRAMS:
            path = root / name
            path.chmod(path.stat().st_mode | 0o111)
    git.run(root, "add", "--all")
    git.run(root, "update-index", "--chmod=+x", *doctor.PROGRAMS)
    try:
        git.run(root, "commit", "--quiet", "-m", FIRST_COMMIT)
    except git.GitError as error:
        click.echo(error.output, err=True)
        raise SetupError(
            "The first commit is refused for what stands above: mend it, then run `quant setup` again."
        ) from None
    git.run(root, "switch", "--quiet", "-c", "develop")
    click.echo("  first commit made on main; you are on develop")


def follow_develop(root: Path) -> None:
    """Give a clone its local `develop`, which tracks origin's; the work tree stays as it is."""
    if git.has_ref(root, "refs/remotes/origin/develop") and not git.has_ref(
        root, "refs/heads/develop"
    ):
        git.run(root, "branch", "--quiet", "--track", "develop", "origin/develop")
        click.echo("  local branch develop made; it tracks origin's")


def set_up(root: Path, handle: str | None, use_defaults: bool) -> None:
    """Set up the repository, or this clone of it; steps that are done already are left alone.

    Raises:
        QuantError: git is missing, the handle is unknown, or a step failed.
    """
    member = choose_member(root, handle, use_defaults)
    fresh = not git.is_repository(root)
    if fresh:
        git.run(root, "init", "--quiet", "--initial-branch=main")
        click.echo("  git repository made")
    unborn = not git.has_commits(root)
    identify(root, member)
    if write_env_file(root):
        click.echo(f"  {ENV_FILE} written (sandbox: synthetic prices, no key)")
    changed = [configure(root, key, value) for key, value in doctor.hook_settings().items()]
    if any(changed):
        click.echo("  hooks and notebook filter configured")
    if unborn:
        first_commit(root)
    else:
        follow_develop(root)


@click.command()
@click.option("--as", "handle", metavar="HANDLE", help="Who you are in the roster.")
@click.option(
    "--defaults", "use_defaults", is_flag=True, help="Ask nothing: you are the first member."
)
def command(handle: str | None, use_defaults: bool) -> None:
    """Set up the repository, or this clone of it; safe to run again."""
    root = project_root()
    git.run(root, "--version")
    click.echo(f"Setting up {root}")
    set_up(root, handle, use_defaults)
    click.echo()
    if not doctor.report(root):
        raise SetupError("The set-up is done, but `quant doctor` found the faults above.")
    click.echo("\nNext: `quant run momentum`, then docs/onboarding.md.")
