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

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import click
import yaml

from quant_team_cli import copier_process, lost_lines, trees, updating
from quant_team_cli.checks import Check, listed
from quant_team_cli.lost_lines import Texts
from quant_team_cli.trees import File, Tree
from quant_team_utils import git
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import MARKER

NAME = "edits"
LOST = "the update has lost edits of your team"
State = Literal["kept", "merged", "conflicting", "gone"]
STATES: tuple[State, ...] = ("kept", "merged", "conflicting", "gone")
Answers = Mapping[str, Any]
Render = Callable[[Answers], Tree]
_ADDRESS = "_src_path"  # to record another address is no update


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
class Verdict:
    """What became of the team's edits of one file.

    Attributes:
        path: of the file.
        state: of its edits; gone if any of them is.
        lost: what is gone, one phrase each.
    """

    path: str
    state: State
    lost: tuple[str, ...] = ()


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
            f"{listed(gone)}: {LOST}. To put them back, see `{comparison.show(gone[0])}`; to undo "
            f"it all, run `git checkout HEAD -- . {updating.OTHERS}`."
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
        if render is None:
            rendering = partial(trees.rendering, root, copier=copier)
            render = lambda answers: stack.enter_context(rendering(answers))  # noqa: E731
        compared = _Trees(root, update, render)
        verdicts = list(compared.verdicts())
    return Comparison(update, verdicts)


# Details


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


class _Trees:
    """The trees of one update; what is costly is rendered only if it is needed."""

    def __init__(self, root: Path, update: Update, render: Render) -> None:
        self.root = root
        self.update = update
        self.render = render
        self.base = render(update.old)
        self.before = trees.of_commit(root, update.before)
        if update.after is None:
            self.after = trees.of_work_tree(root)
        else:
            self.after = trees.of_commit(root, update.after)
        # Setup records the mode where the file system has none.
        self.has_modes = git.config(root, "core.fileMode") != "false"

    @cached_property
    def new(self) -> Tree:
        """What the new version renders."""
        return self.render(self.update.new)

    @cached_property
    def unmerged(self) -> set[str]:
        """The files that are in conflict as git knows it."""
        return set(updating.unmerged(self.root))

    @cached_property
    def shown(self) -> set[str]:
        """The files in conflict, and those that were until `git add`."""
        listed = git.run(self.root, "ls-files", "--resolve-undo", "-z")
        found = set(self.unmerged)
        for entry in listed.split("\0"):
            _, _, path = entry.rpartition("\t")
            found.add(path)
        return found

    @cached_property
    def gains(self) -> dict[str, Counter[bytes]]:
        """The lines that each file holds more often than before, by path."""
        gains = {}
        for path in self.after:
            if not self._is_untouched(path):
                before = Counter(_lines(self.before, path))
                gains[path] = Counter(_lines(self.after, path)) - before
        return gains

    def verdicts(self) -> Iterator[Verdict]:
        """Yield the verdict on each file that the team has edited."""
        paths = {*self.base, *self.before}
        for path in sorted(paths):
            if path == MARKER or not self._is_edited(path):
                continue
            is_own = path not in self.base
            if not self._is_untouched(path):
                # Files of the team's own are not the template's to change, unless it has one too.
                if not is_own or path in self.new:
                    yield self._verdict(path)
            elif not is_own:
                yield Verdict(path, "kept")

    def _is_edited(self, path: str) -> bool:
        base = self.base.get(path)
        return not self._is_same(base, self.before.get(path))

    def _is_untouched(self, path: str) -> bool:
        before = self.before.get(path)
        return self._is_same(before, self.after.get(path))

    def _is_same(self, one: File | None, two: File | None) -> bool:
        if one is None or two is None:
            return one is two
        return one.is_same(two) if self.has_modes else one.has_content_of(two)

    def _verdict(self, path: str) -> Verdict:
        lost = self._lost_mode(path) + self._lost_content(path)
        if lost:
            return Verdict(path, "gone", tuple(lost))
        is_marked = lost_lines.has_markers(_lines(self.after, path))
        if is_marked or path in self.unmerged:
            return Verdict(path, "conflicting")
        return Verdict(path, "merged")

    def _lost_mode(self, path: str) -> list[str]:
        base = self.base.get(path)
        ours = self.before.get(path)
        after = self.after.get(path)
        if base is None or ours is None or after is None or not self.has_modes:
            return []
        is_edited = ours.mode != base.mode
        if is_edited and after.mode != ours.mode:
            return [f"mode {ours.mode}"]
        return []

    def _lost_content(self, path: str) -> list[str]:
        base = self.base.get(path)
        ours = self.before.get(path)
        if ours is None:
            return self._undeleted(path)
        if base and ours.has_content_of(base):
            return []  # only the mode is edited
        texts = self._texts(path)
        if texts.is_binary:
            by_template = (texts.base, texts.theirs, b"")
            return ["its content"] if texts.after in by_template else []
        was_shown = self.update.after is not None or path in self.shown
        elsewhere = self._elsewhere(path)
        return lost_lines.lost(texts, was_shown=was_shown, elsewhere=elsewhere)

    def _undeleted(self, path: str) -> list[str]:
        after = self.after.get(path)
        if after is None:
            return []
        for rendered in (self.base, self.new):
            if path in rendered and after.has_content_of(rendered[path]):
                return ["your deletion"]
        return []

    def _elsewhere(self, path: str) -> Counter[bytes]:
        """Return the lines that all other files have gained: the template moves code."""
        total: Counter[bytes] = Counter()
        for other, gained in self.gains.items():
            if other != path:
                total.update(gained)
        return total

    def _texts(self, path: str) -> Texts:
        base = _content(self.base, path)
        theirs = _content(self.new, path) if path in self.new else base
        ours = _content(self.before, path)
        return Texts(base, ours, theirs, _content(self.after, path))


def _content(tree: Tree, path: str) -> bytes:
    file = tree.get(path)
    return file.read() if file else b""


def _lines(tree: Tree, path: str) -> list[bytes]:
    return lost_lines.lines_of(_content(tree, path))
