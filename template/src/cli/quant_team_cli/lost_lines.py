"""Which of the team's lines an update has lost in one file.

A file has four texts: `base`, which the template's old version renders; `ours`, as the team had it;
`theirs`, which the new version renders; `after`, as it is now. Git's own merge of the first three
says what an update owes the team.

**The rule.** Each hunk by which that merge differs from `theirs` is an edit of the team. It is
known by its telling lines: those that it adds and that `theirs` lacks altogether, and those that it
removes and that the merge lacks altogether. It stands if `after` holds each telling line as often
as the merge does; an added line that the template moved elsewhere may stand there instead. An edit
without a telling line (a bracket more, two lines swapped) stands if `after` holds each of its lines
as often as the merge does and also differs from `theirs` by them. Blank lines are not edits. Where
the merge conflicts, `theirs` is owed if the conflict was shown, because a person has settled it or
will, and `ours` if it was not. A line that somebody has rewritten, which no update ever does, is
not lost.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

from quant_team_utils import git

Lines = list[bytes]
Side = Literal["ours", "theirs"]
NOTHING: Mapping[bytes, int] = Counter()
_START = re.compile(rb"<{7} ")
_MIDDLE = re.compile(rb"(\|{7} |={7}$)")
_END = re.compile(rb">{7} ")


@dataclass(frozen=True)
class Texts:
    """The four texts of a file; empty where there is no such file."""

    base: bytes
    ours: bytes
    theirs: bytes
    after: bytes


def lost(
    texts: Texts,
    *,
    was_shown: bool,
    elsewhere: Mapping[bytes, int] = NOTHING,
) -> list[str]:
    """Return the team's lines that are missing, and with a dash those that are back.

    Args:
        texts: of the file.
        was_shown: whether the member saw the conflicts of this file, if there are any.
        elsewhere: lines that other files have gained, and how often.
    """
    after = lines_of(texts.after)
    side: Side = "ours"
    if was_shown or has_markers(after):
        side = "theirs"
        after = without_markers(after)
    merged = lines_of(merge(texts, side))
    owed = _Owed(texts, merged, after, elsewhere)
    return owed.missing() + owed.back()


def stand_clearly(base: bytes, ours: bytes, after: bytes) -> bool:
    """Tell whether all edits stand, whatever the new version renders.

    They do if each has telling lines, and those are where they were, as often as before. If they
    do not, that says nothing: the new version may have moved them, or brought the same lines.

    Args:
        base: as the old version renders it.
        ours: as the team had it.
        after: as it is now.
    """
    lines = lines_of(ours)
    untouched = Counter(lines_of(base))
    team = Counter(lines)
    now = Counter(lines_of(after))
    changes = _hunks(lines, lines_of(after))
    displaced = _sum(changes).removed
    for hunk in _hunks(lines_of(base), lines):
        added = [line for line in hunk.added if line not in untouched]
        removed = [line for line in hunk.removed if line not in team]
        is_short = any(now[line] < team[line] for line in added)
        is_moved = any(line in displaced for line in added)
        is_back = any(line in now for line in removed)
        is_lost = is_short or is_moved or is_back
        is_blank = not hunk.added and not hunk.removed
        is_told = added or removed or is_blank
        if is_lost or not is_told:
            return False
    return True


def is_binary(text: bytes) -> bool:
    """Tell whether git compares no lines of a text."""
    return b"\0" in text


def merge(texts: Texts, side: Side) -> bytes:
    """Return git's three-way merge of base, ours and theirs, with one side where they conflict."""
    names = ("ours", "base", "theirs")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in names:
            lines = lines_of(getattr(texts, each))
            content = b"".join(line + b"\n" for line in lines)
            (folder / each).write_bytes(content)
        git.run(folder, "merge-file", "--quiet", f"--{side}", *names)
        return (folder / "ours").read_bytes()


def conflicts(texts: Texts) -> bool:
    """Tell whether the team's edits conflict with what the new version changes."""
    return merge(texts, "ours") != merge(texts, "theirs")


def lines_of(text: bytes) -> Lines:
    """Return the lines of a text; how they end does not count."""
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def has_markers(lines: Lines) -> bool:
    """Tell whether a merge has left a conflict in the lines."""
    has_start = any(_START.match(line) for line in lines)
    return has_start and any(_END.match(line) for line in lines)


def without_markers(lines: Lines) -> Lines:
    """Return the lines with the second side of each conflict only."""
    kept = []
    is_second = True
    for line in lines:
        is_middle = _MIDDLE.match(line) and not is_second
        if _START.match(line) or is_middle:
            is_second = line.startswith(b"=======")
        elif _END.match(line):
            is_second = True
        elif is_second:
            kept.append(line)
    return kept


@dataclass(frozen=True)
class _Hunk:
    removed: Lines
    added: Lines


def _hunks(before: Lines, after: Lines) -> list[_Hunk]:
    """Return the differences between two texts, without blank lines."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    hunks = []
    for tag, start, end, start_after, end_after in matcher.get_opcodes():
        if tag != "equal":
            removed = _not_blank(before[start:end])
            added = _not_blank(after[start_after:end_after])
            hunks.append(_Hunk(removed, added))
    return hunks


def _not_blank(lines: Lines) -> Lines:
    return [line for line in lines if line.strip()]


class _Owed:
    """What the merge owes the team, compared with what there is."""

    def __init__(
        self,
        texts: Texts,
        merged: Lines,
        after: Lines,
        elsewhere: Mapping[bytes, int],
    ) -> None:
        theirs = lines_of(texts.theirs)
        self.base = Counter(lines_of(texts.base))
        self.ours = Counter(lines_of(texts.ours))
        self.theirs = Counter(theirs)
        self.merged = Counter(merged)
        self.elsewhere = elsewhere
        self.is_moved = not after
        self.hunks = _hunks(theirs, merged)
        self.owed = _sum(self.hunks)
        known = self.base | self.ours | self.theirs
        by_update = _without_handwork(merged, after, known)
        self.after = Counter(by_update)
        self.here = _sum(_hunks(theirs, by_update))

    def missing(self) -> list[str]:
        """Return the lines that the team has added and that are not there."""
        found = []
        for hunk in self.hunks:
            if self._has_telling(hunk):
                telling = self._telling_added(hunk)
                found += [line for line in telling if self._is_short(line)]
            else:
                found += [line for line in hunk.added if self._is_dropped(line)]
        return _shown(found)

    def back(self) -> list[str]:
        """Return the lines that the team has removed and that are there again."""
        found = []
        for hunk in self.hunks:
            telling = self._telling_removed(hunk)
            if self.is_moved:
                found += self._moved_back(telling)
            elif self._has_telling(hunk):
                found += [line for line in telling if self.after[line]]
            else:
                found += [line for line in hunk.removed if self._is_undone(line)]
        return [f"- {line}" for line in _shown(found)]

    def _has_telling(self, hunk: _Hunk) -> bool:
        added = self._telling_added(hunk)
        return bool(added or self._telling_removed(hunk))

    def _telling_added(self, hunk: _Hunk) -> Lines:
        # In a conflict, the merge also holds what only the new version leaves out.
        mine = self.ours - self.base
        candidates = [line for line in hunk.added if line in mine]
        return [line for line in candidates if line not in self.theirs]

    def _telling_removed(self, hunk: _Hunk) -> Lines:
        # In a conflict, the merge also leaves out what only the new version has.
        mine = self.base - self.merged
        candidates = [line for line in hunk.removed if line in mine]
        return [line for line in candidates if line not in self.merged]

    def _is_short(self, line: bytes) -> bool:
        short = self.merged[line] - self.after[line]
        return short > self.elsewhere.get(line, 0)

    def _is_dropped(self, line: bytes) -> bool:
        if self.after[line] < self.merged[line]:
            return True
        return self.here.added[line] < self.owed.added[line]

    def _is_undone(self, line: bytes) -> bool:
        if line not in self.base:
            return False
        if self.after[line] > self.merged[line]:
            return True
        return self.here.removed[line] < self.owed.removed[line]

    def _moved_back(self, telling: Lines) -> Lines:
        for line in telling:
            if not self.elsewhere.get(line):
                return []
        return telling


@dataclass(frozen=True)
class _Sum:
    removed: Counter[bytes]
    added: Counter[bytes]


def _sum(hunks: list[_Hunk]) -> _Sum:
    """Return how often each line is removed and added."""
    total = _Sum(Counter(), Counter())
    for hunk in hunks:
        total.removed.update(hunk.removed)
        total.added.update(hunk.added)
    return total


def _without_handwork(
    merged: Lines,
    after: Lines,
    known: Mapping[bytes, int],
) -> Lines:
    """Return the lines as they were before a person wrote what neither side had."""
    matcher = SequenceMatcher(None, merged, after, autojunk=False)
    lines = []
    for _, start, end, start_after, end_after in matcher.get_opcodes():
        here = after[start_after:end_after]
        is_by_hand = any(line not in known for line in here)
        lines += merged[start:end] if is_by_hand else here
    return lines


def _shown(lines: Lines) -> list[str]:
    shown = []
    for line in dict.fromkeys(lines):
        text = line.decode("utf-8", errors="replace")
        shown.append(text.strip())
    return shown
