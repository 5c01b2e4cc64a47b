"""What an update did to the team's own edits: kept, merged, conflicting or gone.

    comparison = compare(root, find_update(root))
    comparison.named("gone")

Copier ends with success also where it leaves conflicts, and under some git settings where it drops
every edit. So nothing here trusts an exit code: three trees are compared. The first is what the
template's old version renders with the old answers; the second is the commit before the update; the
third is what there is now. The differences between the first two are the team's edits, whoever
made them and in whichever commit. For a file that the team has edited and that has changed since,
`lost_lines.py` says what an update owes; it needs a fourth text, which the new version renders. A
file that the team deleted stays deleted, and a mode that it changed stays changed.

An update is looked at while it is not committed, and as long as its commit is the newest one. Left
out: the answers themselves (the check `roster` reads them), what `quant access compile` writes (the
check `access files` compares it), results and notebooks, and files that only the team has. A merge
of branches is not an update: git merges it, and each branch had its own look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import yaml

from quant_team_cli import copier_process, trees, updating
from quant_team_cli.checks import Check, listed
from quant_team_cli.trees import Tree
from quant_team_cli.verdicts import STATES, State, Trees, Verdict
from quant_team_utils import git
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import MARKER

NAME = "edits"
LOST = "the update has lost edits of your team"
Answers = Mapping[str, Any]
Render = Callable[[Answers], Tree]
_ADDRESS = "_src_path"  # to record another address is not an update


class GoneError(updating.UpdateError):
    """The update is made, and edits of the team are gone."""


@dataclass(frozen=True)
class Update:
    """An update that can be looked at.

    Attributes:
        before: the commit that it started from.
        after: its own commit, or None while it is not committed.
        old: the answers before it.
        new: the answers after it.
    """

    before: str
    after: str | None
    old: Answers
    new: Answers


@dataclass(frozen=True)
class Comparison:
    """What became of the team's edits in each file that has some."""

    update: Update
    verdicts: list[Verdict] = field(default_factory=list)

    def named(self, state: State) -> list[str]:
        """Return the paths of the files in one state."""
        return [verdict.path for verdict in self.verdicts if verdict.state == state]

    def show(self, path: str) -> str:
        """Return the command that shows what became of a file."""
        if self.update.after is None:
            return f"git diff HEAD -- {path}"
        return f"git show {self.update.after} -- {path}"

    def summary(self) -> str:
        """Return how many files are in which state, in a phrase."""
        phrases = []
        for state in STATES:
            count = len(self.named(state))
            if count:
                files = "file" if count == 1 else "files"
                phrases.append(f"{state} in {count} {files}")
        return ", ".join(phrases) or "there are none"


def check_edits(root: Path) -> Check:
    """The update that is waiting, or that HEAD commits, has lost no edit of the team."""
    update = find_update(root)
    if update is None:
        return Check(NAME, "ok", "no update is waiting or has just been committed")
    copier = copier_process.present()
    if copier is None:
        detail = "cannot compare the last update with the team's edits: Copier is not installed"
        return Check(NAME, "warn", detail, f'pipx install "{copier_process.REQUIREMENT}"')
    try:
        comparison = compare(root, update, copier)
    except trees.RenderingError as error:
        detail = f"cannot compare the last update with the team's edits: {error}"
        return Check(NAME, "warn", detail, "quant doctor, once the template can be reached")
    gone = comparison.named("gone")
    if gone:
        detail = f"{listed(gone)}: {LOST}; put them back, or drop them in a commit of its own"
        return Check(NAME, "fail", detail, comparison.show(gone[0]))
    return Check(NAME, "ok", f"of the last update: {comparison.summary()}")


def tell(root: Path) -> None:
    """Print what the update in the work tree did to the team's edits.

    Raises:
        GoneError: edits are gone; the text names the way back.
    """
    update = find_update(root)
    if update is None:
        return
    try:
        comparison = compare(root, update)
    except QuantError as error:
        click.echo(f"  cannot say what became of your edits: {error}", err=True)
        return
    click.echo(f"  your edits: {comparison.summary()}")
    for state in ("conflicting", "gone"):
        for path in comparison.named(state):
            click.echo(f"    {state}: {path}  ->  {comparison.show(path)}")
    gone = comparison.named("gone")
    if gone:
        raise GoneError(
            f"{listed(gone)}: {LOST}. Put back what `{comparison.show(gone[0])}` shows, then run "
            "`quant access compile`; to undo it all, run "
            f"`git checkout HEAD -- . {updating.OTHERS}`."
        )


def find_update(root: Path) -> Update | None:
    """Return the update in the work tree, else the one that HEAD commits, else None."""
    is_merge = git.has_commits(root) and git.has_ref(root, "MERGE_HEAD")
    if is_merge or not git.has_commits(root):
        return None
    head = _answers(root, "HEAD")
    here = _parsed((root / MARKER).read_bytes())
    if head and here and _differ(head, here):
        return Update("HEAD", None, head, here)
    listed = git.run(root, "rev-list", "--parents", "--max-count=1", "HEAD")
    parents = listed.split()[1:]
    if here is None or len(parents) != 1:
        return None
    old = _answers(root, parents[0])
    if old and head and _differ(old, head):
        return Update(parents[0], "HEAD", old, head)
    return None


def compare(
    root: Path,
    update: Update,
    copier: Sequence[str] | None = None,
    render: Render | None = None,
) -> Comparison:
    """Compare the three trees of an update.

    Args:
        root: the team repository.
        update: what `find_update` returned.
        copier: the words that run Copier; default: as found, or installed.
        render: returns what the template makes of answers; default: Copier does.

    Raises:
        RenderingError: the template's old or new version cannot be rendered now.
        CopierError: Copier is not here and cannot be installed.
        GitError: git cannot read one of the trees.
    """
    with ExitStack() as stack:

        def by_copier(answers: Answers) -> Tree:
            return stack.enter_context(trees.rendering(root, answers, copier))

        render = render or by_copier
        compared = Trees(
            base=render(update.old),
            before=trees.of_commit(root, update.before),
            after=_after(root, update),
            render_new=partial(render, update.new),
            shown=_shown(root, update),
            has_modes=git.config(root, "core.fileMode") != "false",
        )
        return Comparison(update, list(compared.verdicts()))


# Details


def _after(root: Path, update: Update) -> Tree:
    if update.after is None:
        return trees.of_work_tree(root)
    return trees.of_commit(root, update.after)


def _shown(root: Path, update: Update) -> set[str] | None:
    """Return the files in conflict, and those that were until `git add`; None if unknown."""
    if update.after is not None:
        return None
    found = set(updating.unmerged(root))
    listed = git.run(root, "ls-files", "--resolve-undo", "-z")
    for entry in listed.split("\0"):
        _, _, path = entry.rpartition("\t")
        found.add(path)
    return found


def _answers(root: Path, commit: str) -> Answers | None:
    try:
        return _parsed(git.run(root, "show", f"{commit}:{MARKER}"))
    except git.GitError:
        return None


def _parsed(text: str | bytes) -> Answers | None:
    try:
        answers = yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None
    if not isinstance(answers, dict):
        return None
    is_whole = "_commit" in answers and _ADDRESS in answers
    return answers if is_whole else None


def _differ(one: Answers, two: Answers) -> bool:
    address = {_ADDRESS: None}
    return {**one, **address} != {**two, **address}
