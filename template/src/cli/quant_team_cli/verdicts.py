"""The verdict on each file that the team has edited: kept, merged, conflicting or gone.

Four trees decide: what the template's old version renders, the commit before an update, what there
is after it, and what the new version renders. Text is judged by `lost_lines.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from quant_team_cli import lost_lines
from quant_team_cli.lost_lines import Texts
from quant_team_cli.trees import File, Tree
from quant_team_utils.paths import MARKER

State = Literal["kept", "merged", "conflicting", "gone"]
STATES: tuple[State, ...] = ("kept", "merged", "conflicting", "gone")


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
class Trees:
    """The trees of one update.

    Attributes:
        base: what the old version renders with the old answers.
        before: the commit before the update.
        after: what there is now, or what the update's commit holds.
        render_new: returns what the new version renders; called only if it is needed.
        shown: the files whose conflicts the member saw; None if that is not known any more.
        has_modes: whether the file system knows which files are executable.
    """

    base: Tree
    before: Tree
    after: Tree
    render_new: Callable[[], Tree]
    shown: AbstractSet[str] | None
    has_modes: bool = True

    @cached_property
    def new(self) -> Tree:
        """What the new version renders with the new answers."""
        return self.render_new()

    @cached_property
    def gains(self) -> dict[str, Counter[bytes]]:
        """The lines that each file holds more often than before, by path."""
        gains = {}
        for path in self.after:
            if not self._is_untouched(path):
                before = Counter(_lines(self.before, path))
                after = Counter(_lines(self.after, path))
                gains[path] = after - before
        return gains

    def verdicts(self) -> Iterator[Verdict]:
        """Yield the verdict on each file that the team has edited."""
        paths = {*self.base, *self.before}
        for path in sorted(paths):
            if path == MARKER or not self._is_edited(path):
                continue
            is_templates = path in self.base
            if self._is_untouched(path):
                if is_templates:
                    yield Verdict(path, "kept")
            # The team works on its own files; an update changes one only if it brings it too.
            elif is_templates or path in self.new:
                yield self._verdict(path)

    def _is_edited(self, path: str) -> bool:
        base = self.base.get(path)
        return not self._is_same(base, self.before.get(path))

    def _is_untouched(self, path: str) -> bool:
        before = self.before.get(path)
        return self._is_same(before, self.after.get(path))

    def _is_same(self, one: File | None, two: File | None) -> bool:
        if one is None or two is None:
            return one is two
        if self.has_modes:
            return one.is_same(two)
        return one.has_content_of(two)

    def _verdict(self, path: str) -> Verdict:
        lost = self._lost_mode(path) + self._lost_content(path)
        if lost:
            return Verdict(path, "gone", tuple(lost))
        is_marked = lost_lines.has_markers(_lines(self.after, path))
        return Verdict(path, "conflicting" if is_marked else "merged")

    def _lost_mode(self, path: str) -> list[str]:
        base = self.base.get(path)
        ours = self.before.get(path)
        after = self.after.get(path)
        if base is None or ours is None or after is None:
            return []
        is_edited = ours.mode != base.mode
        is_lost = is_edited and after.mode != ours.mode
        if is_lost and self.has_modes:
            return [f"mode {ours.mode}"]
        return []

    def _lost_content(self, path: str) -> list[str]:
        base = self.base.get(path)
        ours = self.before.get(path)
        if ours is None:
            return self._undeleted(path)
        if base and ours.has_content_of(base):
            return []  # only the mode is edited
        if self._stand_clearly(path):
            return []
        texts = self._texts(path)
        if lost_lines.is_binary(texts.base + texts.ours + texts.after):
            by_template = (texts.base, texts.theirs, b"")
            is_lost = texts.after in by_template
            return ["its content"] if is_lost else []
        was_shown = self.shown is None or path in self.shown
        lost = lost_lines.lost(texts, was_shown=was_shown)
        if lost or not texts.after:
            elsewhere = self._elsewhere(path)
            lost = lost_lines.lost(texts, was_shown=was_shown, elsewhere=elsewhere)
        return lost

    def _stand_clearly(self, path: str) -> bool:
        """Tell whether all edits stand without a look at the new version."""
        if path not in self.after:
            return False
        base = _content(self.base, path)
        ours = _content(self.before, path)
        after = _content(self.after, path)
        if lost_lines.is_binary(base + ours + after):
            return False
        return lost_lines.stand_clearly(base, ours, after)

    def _undeleted(self, path: str) -> list[str]:
        after = self.after.get(path)
        if after is None:
            return []
        for tree in (self.base, self.new):
            rendered = tree.get(path)
            if rendered and after.has_content_of(rendered):
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
        # A file that the new version lacks is compared as if it had not changed.
        theirs = _content(self.new, path) if path in self.new else base
        return Texts(
            base=base,
            ours=_content(self.before, path),
            theirs=theirs,
            after=_content(self.after, path),
        )


def _content(tree: Tree, path: str) -> bytes:
    if path in tree:
        return tree[path].read()
    return b""


def _lines(tree: Tree, path: str) -> list[bytes]:
    content = _content(tree, path)
    return lost_lines.lines_of(content)
