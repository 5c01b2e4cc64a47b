"""What `quant team edit` and `quant template update` have in common: one safe `copier update`.

Copier refuses a tree with any untracked file, which is the normal state of a researcher. So it runs
in a worktree of its own, of HEAD, and what it changed there is brought back. Results and notebooks
that are not committed stay as they are; nothing is stashed, moved or staged.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from quant_team_cli import copier_process
from quant_team_utils import git, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.git_environment import FOR_COPIER, PINNED, PINNED_BUT_IGNORES, environment
from quant_team_utils.paths import MARKER

FREE = ("results/", "notebooks/")  # daily work here is not an obstacle
OTHERS = '":^results" ":^notebooks"'  # everything but FREE, as git takes it
SHARED_BRANCHES = ("main", "develop")


class UpdateError(QuantError):
    """Copier cannot run in this repository now, or it failed; nothing has changed."""


class RefusedRosterError(UpdateError):
    """The template does not accept the roster; nothing has changed."""


class ConflictError(UpdateError):
    """The change is made, but conflicts with edits of the team."""


def require_ready(root: Path, topic: str) -> None:
    """Refuse to update where that could lose work or could not be reviewed.

    Args:
        root: the team repository.
        topic: the last part of the branch that is suggested.

    Raises:
        UpdateError: there is no repository, something outside `results/` and `notebooks/` is not
            committed, or the branch is a shared one.
    """
    if not git.is_repository(root):
        raise UpdateError(f"{root} is not a git repository: run `quant setup` first.")
    # Git need not look at notebooks here: for each that was run again, it starts the filter.
    others = ("--", ".", *(f":^{folder}" for folder in FREE))
    for state, path in changes(root, *others, settings=PINNED_BUT_IGNORES):
        raise UpdateError(
            f"The work tree is not clean ({state.strip()} {path}): commit or stash first."
        )
    branch = git.branch(root)
    if branch is None or branch in SHARED_BRANCHES:
        who = roster.me(root) or "HANDLE"
        raise UpdateError(
            f"This is changed by pull request, not on {branch or 'a detached HEAD'}: "
            f"run `git switch -c feature/{who}/{topic} develop` first."
        )


def changes(
    root: Path, *options: str, settings: Mapping[str, str] = PINNED
) -> list[tuple[str, str]]:
    """Return what `git status` lists, as (state, path); state is `??` for an untracked path."""
    status = ("status", "--porcelain", "-z", "--no-renames", *options)
    listed = git.run(root, *status, settings=settings)
    return [(line[:2], line[3:]) for line in listed.split("\0") if line]


def uncommitted(root: Path) -> list[str]:
    """Return the paths that are changed or untracked, each file by itself."""
    return [path for _, path in changes(root, "--untracked-files=all")]


def is_waiting(root: Path) -> bool:
    """Tell whether the work tree holds an update to another version that is not yet committed."""
    return bool(git.run(root, "diff", "--name-only", "-G^_commit:", "HEAD", "--", MARKER))


def unmerged(root: Path) -> list[str]:
    """Return the files in which an update or a merge left a conflict that git knows of."""
    paths = []
    for entry in git.run(root, "ls-files", "--unmerged", "-z").split("\0"):
        _, _, path = entry.partition("\t")
        if path and path not in paths:
            paths.append(path)
    return paths


def update(root: Path, source: str, *arguments: str) -> list[str]:
    """Run `copier update` with safe settings; answered questions are not asked again.

    Args:
        root: the team repository; `require_ready` holds.
        source: the template's address as it is recorded.
        arguments: further arguments of `copier update`.

    Returns:
        The files in which it conflicts with edits of the team.

    Raises:
        RefusedRosterError: the template does not accept the roster.
        UpdateError: it failed; nothing has changed.
    """
    command = [
        *copier_process.find(),
        "update",
        "--skip-answered",
        "--defaults",
        "--quiet",
        *arguments,
    ]
    # A path such as ../template must lead to the same place from the worktree.
    beside = root.parent if source.startswith(".") else None
    with _worktree(root, beside) as worktree:
        done = subprocess.run(
            command,
            cwd=worktree,
            env=environment(FOR_COPIER),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise _failure(copier_process.last_line(done))
        _bring_back(worktree, root)
    return unmerged(root)


def require_resolved(conflicts: Sequence[str]) -> None:
    """Refuse to go on as if nothing were the matter where an update has left conflicts.

    Args:
        conflicts: what `update` returned.

    Raises:
        ConflictError: there are some; the text says how to go on, and how to go back.
    """
    if conflicts:
        raise ConflictError(
            f"The update conflicts with edits in {', '.join(conflicts)}: resolve the marked "
            "lines, then run `quant access compile`; to undo it all, run "
            f"`git checkout HEAD -- . {OTHERS}`."
        )


def commit_line(root: Path, before: Sequence[str], subject: str) -> str:
    """Return the line that commits what changed, and none of what was uncommitted before.

    Args:
        root: the team repository, after the change.
        before: what `uncommitted` returned before it.
        subject: of the commit.
    """
    commit = f'git commit -m "{subject}"'
    lines = [f"git add -A . {OTHERS}" if before else "git add -A"]
    new = [path for path in uncommitted(root) if path not in before]
    free = [path for path in new if path.startswith(FREE)]
    if before and free:
        lines.append(f"git add {shlex.join(free)}")
    seen = changes(root, "--untracked-files=all", settings=PINNED_BUT_IGNORES)
    hidden = set(new) - {path for _, path in seen}
    if hidden:  # a personal ignore list has it
        lines.append(f"git add --force {shlex.join(sorted(hidden))}")
    return " && ".join([*lines, commit])


# Details


def _failure(reason: str) -> UpdateError:
    refused = re.search(r"question 'team': (.+)", reason)
    if refused:
        return RefusedRosterError(f"The template rejected the roster: {refused[1].rstrip('.')}.")
    if "Unknown revision" in reason:
        return UpdateError(
            "The template's source no longer has the version that this repository is at: "
            "run `quant template update` first."
        )
    return UpdateError(
        f"Copier could not apply the change and left the repository as it was: {reason}"
    )


@contextmanager
def _worktree(root: Path, parent: Path | None) -> Iterator[Path]:
    """Yield a new worktree of HEAD, and remove it."""
    with tempfile.TemporaryDirectory(prefix="quant-update-", dir=parent) as folder:
        git.run(root, "worktree", "prune")
        add = ("worktree", "add", "--quiet", "--detach", folder, "HEAD")
        git.run(root, *add, settings=FOR_COPIER)
        try:
            yield Path(folder)
        finally:
            with suppress(git.GitError):  # the next prune forgets it
                git.run(root, "worktree", "remove", "--force", folder)


def _bring_back(worktree: Path, root: Path) -> None:
    """Make the changes of the worktree in the repository, conflicts included.

    Raises:
        UpdateError: a file that is not committed would be overwritten; nothing has changed.
    """
    listed = changes(worktree, "--untracked-files=all", "--ignored", settings=FOR_COPIER)
    # A filter of the team's own may run there, and Python compiles what it imports.
    paths = [path for _, path in listed if "__pycache__/" not in path]
    _require_committed(root, paths)
    for path in paths:
        origin, target = worktree / path, root / path
        target.unlink(missing_ok=True)
        if os.path.lexists(origin):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, target, follow_symlinks=False)
    _mark_unmerged(worktree, root)


def _require_committed(root: Path, paths: Sequence[str]) -> None:
    """Refuse where one of the paths holds what no commit does.

    `git status` does not name all of that: it leaves out ignored files, files that git is told to
    assume unchanged, and the outputs of notebooks.

    Raises:
        UpdateError: there is such a path.
    """
    mine = set(uncommitted(root))
    mine.update(_blocked(root, paths))
    present = [path for path in paths if path not in mine and os.path.lexists(root / path)]
    committed = _committed(root)
    for path, digest in _digests(root, present).items():
        if committed.get(path) != digest:
            mine.add(path)
    for path in paths:
        if path in mine:
            raise UpdateError(
                f"The update changes {path}, which has changes of yours: commit them, or move "
                "the file away, then run this command again."
            )


def _blocked(root: Path, paths: Sequence[str]) -> list[str]:
    """Return the paths where a folder is in the way of a file, or a file in that of a folder."""
    blocked = []
    for path in paths:
        target = root / path
        above = [folder for folder in target.parents if folder.is_relative_to(root)]
        is_beneath_file = any(os.path.lexists(each) and not each.is_dir() for each in above)
        if is_beneath_file or target.is_dir():
            blocked.append(path)
    return blocked


def _committed(root: Path) -> dict[str, str]:
    """Return the digest of each file in the last commit, by path."""
    digests = {}
    for entry in git.run(root, "ls-tree", "-r", "-z", "HEAD").rstrip("\0").split("\0"):
        facts, path = entry.split("\t", 1)
        digests[path] = facts.split()[2]
    return digests


def _digests(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """Return the digest that git would give to each file, a notebook with its outputs, by path."""
    notebooks = [path for path in paths if path.endswith(".ipynb")]
    others = [path for path in paths if not path.endswith(".ipynb")]
    digests: dict[str, str] = {}
    for options, group in ((("--no-filters",), notebooks), ((), others)):
        if group:
            listed = git.run(root, "hash-object", *options, "--", *group)
            digests.update(zip(group, listed.splitlines(), strict=True))
    return digests


def _mark_unmerged(worktree: Path, root: Path) -> None:
    """Tell git in the repository which files of the worktree are in conflict."""
    stages = git.run(worktree, "ls-files", "--unmerged", "-z")
    if not stages:
        return
    removed = ""
    for entry in stages.rstrip("\0").split("\0"):
        facts, path = entry.split("\t", 1)
        digest = facts.split()[1]
        removed += f"0 {'0' * len(digest)}\t{path}\0"
    git.run(root, "update-index", "-z", "--index-info", given=removed + stages)
