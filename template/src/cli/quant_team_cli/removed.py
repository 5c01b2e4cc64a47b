"""Files that an update has removed although the team had edited them.

Copier deletes a file that the new version lacks, without a word and with the team's edits in it. As
long as the update is not committed, the doctor names each such file and shows its edits.
"""

from __future__ import annotations

from pathlib import Path

from quant_team_cli import updating
from quant_team_cli.checks import Check, listed
from quant_team_utils import git
from quant_team_utils.paths import MARKER

NAME = "removed files"


def check_removed(root: Path) -> Check:
    """The update in the work tree removes no file that the team has edited."""
    if not git.has_commits(root) or not updating.is_waiting(root):
        return Check(NAME, "ok", "no update is waiting to be committed")
    edited = edited_and_removed(root)
    if not edited:
        return Check(NAME, "ok", "the update removes no file with edits of the team")
    detail = (
        f"{listed(edited)}: removed by the update, with edits of your team; before you commit, "
        "repeat them where the code is now (see the template's CHANGELOG.md)"
    )
    show = f"git log -p HEAD -- {edited[0]}"
    return Check(NAME, "warn", detail, show)


def edited_and_removed(root: Path) -> list[str]:
    """Return the paths that the work tree lacks and that the team has edited.

    A file has edits of the team if a commit changed it that did not also change the template's
    version: so edits made in the very commit of a copy or an update are not seen.

    Args:
        root: the team repository, after an update and before its commit.

    Raises:
        GitError: this is not a repository with commits.
    """
    options = ("--name-only", "--no-renames", "--diff-filter=D")
    removed = git.run(root, "diff", *options, "HEAD")
    by_template = _commits(root, MARKER, "-G^_commit:")
    edited = []
    for path in removed.splitlines():
        if _commits(root, path) - by_template:
            edited.append(path)
    return edited


def _commits(root: Path, path: str, *options: str) -> set[str]:
    found = git.run(root, "log", "--format=%H", *options, "HEAD", "--", path)
    return set(found.splitlines())
