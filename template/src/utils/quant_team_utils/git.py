"""Git as a process: the few calls that this project makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from quant_team_utils.errors import QuantError

# A line that a merge left, for `re` (MULTILINE) and for `git grep -E` alike. `=======` is not one
# of them: it also underlines headings, and never stands alone in a conflict.
CONFLICT_MARKER = r"^(<{7}|\|{7}|>{7}) "


class GitError(QuantError):
    """Git is missing, or a git command failed; `output` is all that it printed."""

    output = ""


def run(root: Path, *arguments: str) -> str:
    """Run git in a folder and return its standard output without the trailing line end.

    Raises:
        GitError: git is not installed, or the command failed; the text holds git's last line.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise GitError("Git is not on PATH: install git, then run this command again.") from None
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        last = said.splitlines()[-1]
        error = GitError(f"`git {' '.join(arguments)}` failed in {root}: {last}")
        error.output = done.stdout + done.stderr
        raise error
    return done.stdout.rstrip("\n")


def blob(root: Path, name: str) -> bytes:
    """Return the bytes of a file that git has stored, whatever they are.

    Args:
        root: the folder in which git is asked.
        name: of the blob: its object id, or `COMMIT:PATH`.

    Raises:
        GitError: git is not installed, or there is no such blob.
    """
    command = ["git", "cat-file", "blob", name]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        raise GitError("Git is not on PATH: install git, then run this command again.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise GitError(f"`git cat-file blob {name}` failed in {root}: {said}")
    return done.stdout


def config(root: Path, key: str, *, local: bool = False) -> str | None:
    """Return a git configuration value, or None if it is unset.

    Args:
        root: the folder in which git is asked.
        key: such as `user.name`.
        local: what this clone alone sets, not the user or the machine.
    """
    try:
        return run(root, "config", *(["--local"] if local else []), "--get", key) or None
    except GitError:
        return None


def is_repository(root: Path) -> bool:
    """Tell whether a folder is the top of a git work tree, not one inside a larger repository."""
    try:
        top = run(root, "rev-parse", "--show-toplevel")
    except GitError:
        return False
    return Path(top).resolve() == root.resolve()


def has_ref(root: Path, name: str) -> bool:
    """Tell whether a reference names a commit."""
    try:
        run(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except GitError:
        return False
    return True


def has_commits(root: Path) -> bool:
    """Tell whether HEAD names a commit."""
    return has_ref(root, "HEAD")


def changes(root: Path) -> list[str]:
    """Return the lines of `git status --porcelain`, untracked files included; a clean tree: none.

    Raises:
        GitError: this is not a repository.
    """
    return run(root, "status", "--porcelain").splitlines()


def branch(root: Path) -> str | None:
    """Return the name of the current branch, or None on a detached HEAD.

    Raises:
        GitError: this is not a repository.
    """
    return run(root, "branch", "--show-current") or None


def remote_refs(root: Path, address: str, pattern: str) -> list[str] | None:
    """Return the names of a repository's references elsewhere, or None if it cannot be reached.

    Git asks for no password, and a silent server is given up after ten seconds.

    Args:
        root: the folder in which git runs; its `url.<mirror>.insteadOf` counts.
        address: as git takes it.
        pattern: such as `refs/tags/*`.
    """
    command = ["git", "ls-remote", "--quiet", address, pattern]
    environment = os.environ | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    }
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    names = [line.split("\t")[1] for line in done.stdout.splitlines()]
    return [name for name in names if not name.endswith("^{}")]  # an annotated tag's commit
