"""Copier, run as a process: where it is found, what must be true first, what follows from it.

Copier is never a dependency of this repository, because a part of its own dependencies is under
the GPL. Where it is not installed, a private environment in the user's cache folder holds it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from quant_team_utils import files, git, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import user_cache

OLDEST = (9, 19, 1)  # 9.19.0 cannot check out a tagged local template with git 2.39
REQUIREMENT = "copier>=" + ".".join(str(part) for part in OLDEST)
# A researcher's daily work: untracked files here are no obstacle, and are never touched.
FREE = ("results/", "notebooks/")
SHARED_BRANCHES = ("main", "develop")
# A personal setting with which Copier drops the team's edits without a word.
SAFE_SETTINGS = {"apply.whitespace": "nowarn"}


class CopierError(QuantError):
    """Copier cannot be run here, or it failed."""


class RefusedRosterError(CopierError):
    """The template does not accept the roster; nothing has changed."""


class ConflictError(CopierError):
    """The change is made, but conflicts with edits of the team."""


def find() -> list[str]:
    """Return the words that run Copier: from PATH if it is new enough, uvx, pipx, or our own.

    Raises:
        CopierError: none is there and an environment for it cannot be made.
    """
    if _is_recent(["copier"]):
        return ["copier"]
    if shutil.which("uvx"):
        return ["uvx", "--from", REQUIREMENT, "copier"]
    if shutil.which("pipx"):
        return ["pipx", "run", "--spec", REQUIREMENT, "copier"]
    return private(user_cache() / "copier")


def _is_recent(command: Sequence[str]) -> bool:
    """Tell whether a command is a Copier that is new enough; one that does not run is not."""
    try:
        done = subprocess.run(
            [*command, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
    if done.returncode or not found:
        return False
    return tuple(int(part) for part in found.groups()) >= OLDEST


# --- the private environment


def private(folder: Path) -> list[str]:
    """Return the words that run Copier from an environment of its own; make it if need be.

    Args:
        folder: where the environment is; a broken or half-made one is made anew.

    Raises:
        CopierError: it cannot be made, for want of a network, say.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    command = [str(python), "-m", "copier"]
    with files.locked(folder):
        if not _is_recent(command):
            click.echo(f"Copier is not installed: putting it into {folder} (once) ...", err=True)
            _step(folder, [sys.executable, "-m", "venv", "--clear", str(folder)])
            _step(folder, [str(python), "-m", "pip", "install", "--quiet", REQUIREMENT])
            if not _is_recent(command):
                raise _not_made(folder, "it does not run")
    return command


def _step(folder: Path, command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command,
            env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        raise _not_made(folder, error.strerror or str(error)) from None
    if done.returncode:
        raise _not_made(folder, last_line(done))


def _not_made(folder: Path, reason: str) -> CopierError:
    return CopierError(
        f"Copier cannot be installed into {folder} ({reason}): check the network, or install it "
        f'yourself with `pipx install "{REQUIREMENT}"`.'
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that a process printed."""
    text = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
    return text.splitlines()[-1].strip()


# --- before


def require_ready(root: Path, topic: str) -> None:
    """Refuse to run Copier where that could lose work or could not be reviewed.

    Args:
        root: the team repository.
        topic: the last part of the branch that is suggested.

    Raises:
        CopierError: there is no repository, the tree is not clean (untracked files in `results/`
            and `notebooks/` are allowed), or the branch is a shared one.
    """
    if not git.is_repository(root):
        raise CopierError(f"{root} is not a git repository: run `quant setup` first.")
    for state, path in git_changes(root):
        if state != "??" or not path.startswith(FREE):
            raise CopierError(
                f"The work tree is not clean ({state.strip()} {path}): commit or stash first."
            )
    branch = git.branch(root)
    if branch is None or branch in SHARED_BRANCHES:
        who = roster.me(root) or "HANDLE"
        raise CopierError(
            f"This is changed by pull request, not on {branch or 'a detached HEAD'}: "
            f"run `git switch -c feature/{who}/{topic} develop` first."
        )


def git_changes(root: Path, *options: str) -> list[tuple[str, str]]:
    """Return what `git status` lists, as (state, path); state is `??` for an untracked path."""
    listed = git.run(root, *options, "status", "--porcelain", "-z", "--no-renames").split("\0")
    return [(line[:2], line[3:]) for line in listed if line]


# --- the run


def update(root: Path, *arguments: str) -> None:
    """Run `copier update` with safe settings; questions that are answered are not asked again.

    Args:
        root: the team repository; `require_ready` holds.
        arguments: further arguments of `copier update`.

    Raises:
        RefusedRosterError: the template does not accept the roster.
        ConflictError: it is done, but conflicts with edits of the team.
        CopierError: it failed, and left the repository as it was.
    """
    command = [*find(), "update", "--skip-answered", "--defaults", "--quiet", *arguments]
    with _settings(root) as environment:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode:
        raise _failure(last_line(done))
    conflicts = unmerged(root)
    if conflicts:
        raise ConflictError(
            f"The update conflicts with edits in {', '.join(conflicts)}: resolve the marked "
            "lines, then run `quant access compile`; `git checkout HEAD -- .` takes it all back."
        )


def _failure(reason: str) -> CopierError:
    refused = re.search(r"question 'team': (.+)", reason)
    if refused:
        return RefusedRosterError(f"The template rejected the roster: {refused[1].rstrip('.')}.")
    if "Unknown revision" in reason:
        return CopierError(
            "The template's source no longer has the version that this repository is at: "
            "run `quant template update` first."
        )
    return CopierError(
        f"Copier could not apply the change and left the repository as it was: {reason}"
    )


@contextmanager
def _settings(root: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which Copier sees a clean tree, whatever git's personal settings.

    Copier refuses any untracked file. Those that are allowed are ignored for this one process, by
    a list of its own in place of the personal one; nothing is moved, stashed or staged.
    """
    with tempfile.TemporaryDirectory() as folder:
        ignored = Path(folder) / "ignore"
        paths = [path for state, path in git_changes(root, *_NO_PERSONAL_LIST) if state == "??"]
        lines = [_pattern(path) for path in paths]
        ignored.write_text("".join(lines), encoding="utf-8")
        yield _with_settings({**SAFE_SETTINGS, "core.excludesFile": str(ignored)})


_NO_PERSONAL_LIST = ("-c", "core.excludesFile=")


def _pattern(path: str) -> str:
    """Return the line of an ignore list that matches one path and no other."""
    return "/" + re.sub(r"([\\*?\[ ])", r"\\\1", path) + "\n"


def _with_settings(settings: dict[str, str]) -> dict[str, str]:
    """Return the process environment with git settings added to those that it has."""
    environment = dict(os.environ)
    count = int(environment.get("GIT_CONFIG_COUNT") or 0)
    for number, (key, value) in enumerate(settings.items(), start=count):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    environment["GIT_CONFIG_COUNT"] = str(count + len(settings))
    return environment


# --- after


def unmerged(root: Path) -> list[str]:
    """Return the files in which an update or a merge left a conflict that git knows of."""
    return git.run(root, "diff", "--name-only", "--diff-filter=U").splitlines()


def commit_line(root: Path, before: Sequence[str], subject: str) -> str:
    """Return the line that commits what changed, and none of what was untracked before.

    Args:
        root: the team repository, after the change.
        before: the paths that were untracked before it.
        subject: of the commit.
    """
    commit = f'git commit -m "{subject}"'
    if not before:
        return f"git add -A && {commit}"
    kept = " ".join(f'":^{folder.rstrip("/")}"' for folder in FREE)
    adds = [f"git add -A . {kept}"]
    new = [path for _, path in git_changes(root) if path.startswith(FREE) and path not in before]
    if new:
        adds.append(f"git add {' '.join(new)}")
    return " && ".join([*adds, commit])


def untracked(root: Path) -> list[str]:
    """Return the untracked paths of the work tree."""
    return [path for state, path in git_changes(root) if state == "??"]
