"""Git as a process: the few calls that this project makes, the same on every machine."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from quant_team_utils import git_errors
from quant_team_utils.errors import QuantError
from quant_team_utils.git_environment import PINNED, PINNED_BUT_IGNORES, environment

# A line that a merge left, for `re` (MULTILINE) and for `git grep -E` alike. `=======` is not one
# of them: it also underlines headings, and never stands alone in a conflict.
CONFLICT_MARKER = r"^(<{7}|\|{7}|>{7}) "
NO = 1  # the exit code with which git says no; a larger one is a failure


class GitError(QuantError):
    """Git is missing, or a git command failed.

    Attributes:
        output: all that it printed, without secrets.
        code: its exit code, or None if git is not there or could not be started.
    """

    output = ""
    code: int | None = None


def run(
    root: Path,
    *arguments: str,
    settings: Mapping[str, str] = PINNED,
    given: str = "",
) -> str:
    """Run git in a folder and return its standard output without the trailing line end.

    Args:
        root: the folder.
        arguments: of git.
        settings: git settings that count whatever the user's own say.
        given: what git reads from standard input.

    Raises:
        GitError: git is not installed, or the command failed; the text is git's own sentence and
            what to type.
    """
    printed = _output(root, arguments, settings, given.encode())
    return printed.decode(errors="replace").rstrip("\n")


def blob(root: Path, name: str) -> bytes:
    """Return the bytes of a file that git has stored, whatever they are.

    Args:
        root: the folder in which git is asked.
        name: of the blob: its object id, or `COMMIT:PATH`.

    Raises:
        GitError: git is not installed, or there is no such blob.
    """
    return _output(root, ("cat-file", "blob", name), PINNED)


def _output(
    root: Path, arguments: tuple[str, ...], settings: Mapping[str, str], given: bytes = b""
) -> bytes:
    command = ["git", *arguments]
    variables = environment(settings)
    try:
        done = subprocess.run(
            command, cwd=root, env=variables, input=given, capture_output=True, check=False
        )
    except OSError as error:
        raise _not_started(root, error) from None
    if done.returncode == 0:
        return done.stdout
    printed = (done.stdout + done.stderr).decode(errors="replace")
    said = done.stderr.decode(errors="replace").strip() or printed.strip()
    reason = git_errors.sentence(said or f"exit code {done.returncode}")
    failure = GitError(f"`{git_errors.command(arguments)}` failed in {root}: {reason}")
    failure.output = git_errors.clean(printed)
    failure.code = done.returncode
    raise failure


def _not_started(root: Path, error: OSError) -> GitError:
    if not root.is_dir():
        return GitError(f"Git cannot run in {root}: it is not a folder.")
    if isinstance(error, FileNotFoundError):
        return GitError("Git is not on PATH: install git, then run this command again.")
    return GitError(f"Git cannot run in {root}: {error.strerror}.")


def says_yes(root: Path, *arguments: str) -> bool:
    """Tell whether git answers a question with yes.

    Raises:
        GitError: git could not answer: that is not a no.
    """
    try:
        run(root, *arguments)
    except GitError as error:
        if error.code != NO:
            raise
        return False
    return True


def config(root: Path, key: str, *, local: bool = False) -> str | None:
    """Return a git configuration value, or None if it is unset or git is not installed.

    Args:
        root: the folder in which git is asked.
        key: such as `user.name`.
        local: what this clone alone sets, not the user or the machine.

    Raises:
        GitError: git cannot read its configuration.
    """
    try:
        return run(root, "config", *(["--local"] if local else []), "--get", key) or None
    except GitError as error:
        if error.code not in (NO, None):
            raise
        return None


def is_repository(root: Path) -> bool:
    """Tell whether a folder is the top of a git work tree, not one inside a larger repository.

    Raises:
        GitError: there is one that git cannot read, because another user owns it, say.
    """
    try:
        top = run(root, "rev-parse", "--show-toplevel")
    except GitError as error:
        if error.code is None or "not a git repository (or any" in error.output:
            return False
        raise
    return Path(top).resolve() == root.resolve()


def has_ref(root: Path, name: str) -> bool:
    """Tell whether a reference names a commit.

    Raises:
        GitError: this is not a repository.
    """
    return says_yes(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def has_commits(root: Path) -> bool:
    """Tell whether HEAD names a commit.

    Raises:
        GitError: this is not a repository.
    """
    return has_ref(root, "HEAD")


def changes(root: Path) -> list[str]:
    """Return the lines of `git status --porcelain`, untracked files included; a clean tree: none.

    A personal ignore list counts: this is what the member sees.

    Raises:
        GitError: this is not a repository.
    """
    return run(root, "status", "--porcelain", settings=PINNED_BUT_IGNORES).splitlines()


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
    silent = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment() | silent,
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
