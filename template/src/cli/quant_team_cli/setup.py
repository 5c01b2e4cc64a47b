"""`quant setup`: set up this clone: .env, git, hooks, your identity.

On a fresh copy it also makes the repository: `main` with the first commit, and `develop`. On a
clone it configures this clone and changes no file that git tracks. A second run changes nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from quant_team_cli import doctor
from quant_team_cli.checks import rebuild_line
from quant_team_cli.checks_repository import PROGRAMS, hook_settings
from quant_team_utils import files, git, origin, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root
from quant_team_utils.settings import ENV_FILE

FIRST_COMMIT = "feat: start the team repository"
EXAMPLE_NOTEBOOK = "notebooks/example.ipynb"
PUBLISHING = "docs/publishing.md"


class SetupError(QuantError):
    """A step of the set-up cannot be done."""


def choose_member(root: Path, handle: str | None, use_defaults: bool) -> roster.Member:
    """Return the member to set for this clone: as given, as stored, the first one, or as answered.

    Args:
        root: the team repository.
        handle: given with --as.
        use_defaults: take the first member rather than ask.

    Raises:
        RosterError: the handle is not one of an active member.
        SetupError: nobody is given, and there is no terminal to ask on.
    """
    if handle and not sys.stdin.isatty():
        return roster.find(root, handle)
    if handle:
        return _member(root, handle) or ask(root)
    team = roster.active(root)
    stored = roster.me(root)
    if stored and any(member.handle == stored for member in team):
        return roster.find(root, stored)
    if use_defaults:
        return team[0]
    if not sys.stdin.isatty():
        handles = ", ".join(member.handle for member in team)
        raise SetupError(f"Who are you? Run `quant setup --as HANDLE` with one of: {handles}.")
    return ask(root)


def ask(root: Path) -> roster.Member:
    """Ask on the terminal who you are, until the answer is an active member."""
    team = roster.active(root)
    handles = ", ".join(member.handle for member in team)
    only = team[0].handle if len(team) == 1 else None
    while True:
        answer: str = click.prompt(f"Who are you ({handles})?", default=only)
        member = _member(root, answer.strip())
        if member:
            return member


def _member(root: Path, handle: str) -> roster.Member | None:
    """Return an active member, or print why there is none of that handle."""
    try:
        return roster.find(root, handle)
    except roster.RosterError as error:
        click.echo(f"  {error}", err=True)
        return None


def configure(root: Path, key: str, value: str) -> bool:
    """Set a git configuration value of this clone; return whether that changed it."""
    if git.config(root, key, local=True) == value:
        return False
    git.run(root, "config", "--local", key, value)
    return True


def write_env_file(root: Path) -> bool:
    """Write `.env` from `.env.example` with mode 600, or set the mode of the one that is there.

    The content of a `.env` that exists is kept. A link is left alone, and so is its target; so is a
    folder, which `quant doctor` names.

    Returns:
        Whether the file is new.
    """
    path = root / ENV_FILE
    if path.is_symlink():
        return False
    if files.create(path, (root / ".env.example").read_bytes(), mode=0o600):
        return True
    if os.name == "posix" and path.is_file() and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return False


def add_notebook_folders(root: Path) -> list[Path]:
    """Give each active member a folder in `notebooks/` with the example; return the new ones."""
    example = root / EXAMPLE_NOTEBOOK
    added = []
    for member in roster.active(root):
        folder = root / "notebooks" / member.handle
        if example.is_file() and not folder.exists():
            folder.mkdir()
            shutil.copyfile(example, folder / example.name)
            added.append(folder)
    return added


def identify(root: Path, member: roster.Member) -> None:
    """Store which member works in this clone, and give git an author where it has none."""
    if configure(root, "quant.member", member.handle):
        senior = ", senior" if member.senior else ""
        click.echo(f"  you are {member.handle} ({member.role}{senior})")
    if git.config(root, "user.name") is None:
        configure(root, "user.name", member.name)
        click.echo(f"  git had no user name: set to {member.name!r} for this repository")
    if git.config(root, "user.email") is None:
        address = f"{member.handle}@users.noreply.invalid"
        configure(root, "user.email", address)
        click.echo(f"  git had no e-mail address: set to {address} for this repository")


def first_commit(root: Path) -> None:
    """Commit the fresh copy to `main` and branch `develop` off it.

    Raises:
        SetupError: a hook rejected the commit; what it printed is shown.
    """
    from infrastructure import access

    add_notebook_folders(root)
    access.compile(root)
    if os.name == "posix":
        for name in PROGRAMS:
            path = root / name
            path.chmod(path.stat().st_mode | 0o111)
    git.run(root, "add", "--all")
    git.run(root, "update-index", "--chmod=+x", *PROGRAMS)
    try:
        git.run(root, "commit", "--quiet", "-m", FIRST_COMMIT)
    except git.GitError as error:
        click.echo(error.output, err=True)
        raise SetupError(
            "The first commit was rejected (see above). Fix that, then run `quant setup` again."
        ) from None
    git.run(root, "switch", "--quiet", "-c", "develop")
    click.echo("  first commit made on main; you are on develop")


def follow_develop(root: Path) -> None:
    """Give a clone its local `develop`, which tracks origin's, and switch to it from `main`.

    Changes in the work tree stay where they are: then there is no switch, and a line says so.
    """
    has_local = git.has_ref(root, "refs/heads/develop")
    has_remote = git.has_ref(root, "refs/remotes/origin/develop")
    if has_remote and not has_local:
        git.run(root, "branch", "--quiet", "--track", "develop", "origin/develop")
        click.echo("  local branch develop made; it tracks origin's")
        has_local = True
    if not has_local or git.branch(root) != "main":
        return
    if git.changes(root):
        click.echo("  you are on main with uncommitted changes: `git switch develop` takes them on")
        return
    git.run(root, "switch", "--quiet", "develop")
    click.echo("  switched from main to develop")


def require_own_code(root: Path) -> None:
    """Refuse to set a clone up with the code, and so the interpreter, of another one.

    Raises:
        SetupError: what runs is not this clone's.
    """
    foreign = origin.foreign_modules(root)
    if foreign:
        raise SetupError(
            f"`quant` runs {foreign[0]}, which is not in {root}, so the hooks would run in that "
            f"environment: {rebuild_line()}"
        )


def configure_hooks(root: Path) -> None:
    """Make git run this repository's hooks and notebook filter."""
    changed = [configure(root, key, value) for key, value in hook_settings().items()]
    if any(changed):
        click.echo("  hooks and notebook filter configured")


def set_up(root: Path, handle: str | None, use_defaults: bool) -> None:
    """Set up the repository, or this clone of it; steps that are done already are left alone.

    Args:
        root: the team repository.
        handle: who you are; None: as stored, or asked on the terminal.
        use_defaults: take the first member rather than ask.

    Raises:
        QuantError: git is missing, the handle is unknown, or a step failed.
    """
    is_new = not git.is_repository(root)
    unborn = is_new or not git.has_commits(root)
    if not unborn:
        configure_hooks(root)  # before the switch, which runs hooks and the filter
        follow_develop(root)  # its roster names the newest members
    member = choose_member(root, handle, use_defaults)
    if is_new:
        git.run(root, "init", "--quiet", "--initial-branch=main")
        click.echo("  git repository made")
    identify(root, member)
    if write_env_file(root):
        click.echo(f"  {ENV_FILE} written (sandbox: synthetic prices, no key)")
    if (root / ENV_FILE).is_symlink():
        click.echo(f"  {ENV_FILE} is a link: the mode of its target is left as it is")
    if unborn:
        configure_hooks(root)
        first_commit(root)


def complete_handle(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the active handles that begin with what is typed, for the shell."""
    try:
        team = roster.active(project_root())
    except QuantError:
        return []
    return [member.handle for member in team if member.handle.startswith(incomplete)]


@click.command()
@click.option(
    "--as",
    "handle",
    metavar="HANDLE",
    help="Who you are in the roster.",
    shell_complete=complete_handle,
)
@click.option(
    "--defaults",
    "use_defaults",
    is_flag=True,
    help="Ask nothing: you are the first member.",
)
def command(handle: str | None, use_defaults: bool) -> None:
    """Set up the repository, or this clone of it; safe to run again."""
    root = project_root()
    git.run(root, "--version")
    require_own_code(root)
    click.echo(f"Setting up {root}")
    set_up(root, handle, use_defaults)
    click.echo()
    if not doctor.report(root):
        raise SetupError("The set-up is done, but `quant doctor` found the faults above.")
    click.echo("\nNext: `quant run momentum`, then docs/onboarding.md.")
    if not git.run(root, "remote"):
        click.echo(f"To publish this repository: {PUBLISHING}.")
