"""What an update has lost in one file: never an edit that stands, always one that does not."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_team_cli import lost_lines
from quant_team_cli.lost_lines import Texts
from quant_team_utils import git

# Lines that code repeats: they must neither hide a loss nor make one up.
COMMON = ["", "    }", "    return None", "pass"]
MARKED = "<<<<<<< before updating\n{ours}=======\n{theirs}>>>>>>> after updating\n"


def texts(base: str, ours: str, theirs: str, after: str) -> Texts:
    return Texts(base.encode(), ours.encode(), theirs.encode(), after.encode())


def lost(base: str, ours: str, theirs: str, after: str, *, was_shown: bool = False) -> list[str]:
    return lost_lines.lost(texts(base, ours, theirs, after), was_shown=was_shown)


# --- by example

BASE = "one\n\ntwo\n\nthree\n\nfour\n"
THEIRS = BASE.replace("four", "4")


@pytest.mark.parametrize(
    ("ours", "phrases"),
    [
        (BASE.replace("two", "two\nours"), ["ours"]),
        (BASE.replace("two", "ours"), ["ours", "- two"]),
        (BASE.replace("two\n\n", ""), ["- two"]),
        (BASE.replace("two", "one\ntwo"), ["one"]),
        (BASE.replace("one\n\ntwo", "two\n\none"), ["one", "- one"]),
        (BASE.replace("\n\ntwo", "\ntwo"), []),
    ],
    ids=["added", "changed", "deleted", "repeated", "swapped", "a blank line"],
)
def test_an_edit_that_was_dropped_is_named(ours: str, phrases: list[str]) -> None:
    """Line by line; what the team had removed stands after a dash."""
    found = lost(BASE, ours, THEIRS, THEIRS)
    assert sorted(found) == sorted(phrases) or {p.strip("- ") for p in found} <= {"one", "two"}
    assert bool(found) == bool(phrases)
    assert lost(BASE, ours, THEIRS, ours.replace("four", "4")) == []


def test_an_edit_that_the_template_adopts_stands() -> None:
    """Both made the same change: it is there once, and nothing is lost."""
    ours = BASE.replace("two", "2")
    assert lost(BASE, ours, ours, ours) == []


def test_code_that_the_template_moved_is_looked_for_elsewhere() -> None:
    """As often as it is missing."""
    moved = texts("a\nb\n", "a\nours\nb\n", "a\nb\n", "")
    assert lost_lines.lost(moved, was_shown=False) == ["ours"]
    assert lost_lines.lost(moved, was_shown=False, elsewhere={b"ours": 1}) == []
    twice = replace(moved, ours=b"ours\na\nours\nb\n")
    assert lost_lines.lost(twice, was_shown=False, elsewhere={b"ours": 1}) == ["ours"]


def test_a_deletion_in_code_that_the_template_moved_is_undone() -> None:
    """The line that the team took out stands where the code is now."""
    moved = texts("a\nb\nc\n", "a\nc\n", "a\nb\nc\n", "")
    assert lost_lines.lost(moved, was_shown=False, elsewhere={b"b": 1}) == ["- b"]
    assert lost_lines.lost(moved, was_shown=False, elsewhere={b"a": 1}) == []


def test_line_ends_are_no_edit() -> None:
    """A work tree may hold others than git."""
    ours = BASE.replace("two", "ours")
    assert lost(BASE, ours, THEIRS, ours.replace("four", "4").replace("\n", "\r\n")) == []


def test_most_edits_stand_clearly_without_the_new_version() -> None:
    """A line that the template has too, or blanks between two, need a closer look."""
    added = BASE.replace("two", "two\nours")
    assert lost_lines.stand_clearly(BASE.encode(), added.encode(), ("new\n" + added).encode())
    assert not lost_lines.stand_clearly(BASE.encode(), added.encode(), THEIRS.encode())
    repeated = BASE.replace("two", "one\ntwo").encode()
    assert not lost_lines.stand_clearly(BASE.encode(), repeated, repeated)
    deleted = BASE.replace("two\n", "").encode()
    assert lost_lines.stand_clearly(BASE.encode(), deleted, deleted)
    assert not lost_lines.stand_clearly(BASE.encode(), deleted, BASE.encode())


def test_a_line_that_the_new_version_brings_elsewhere_hides_no_loss() -> None:
    """As many as before, but not the team's: that needs a closer look, and is a loss."""
    ours = BASE.replace("two", "two\npass")
    theirs = BASE.replace("four", "four\npass")
    assert not lost_lines.stand_clearly(BASE.encode(), ours.encode(), theirs.encode())
    assert lost(BASE, ours, theirs, theirs) == ["pass"]


# --- conflicts


def test_a_marked_conflict_holds_both() -> None:
    """Nothing is lost while the markers are there, but what else was merged is still owed."""
    ours = "first\n" + BASE.replace("four", "IV")
    marked = "first\n" + BASE.replace("four\n", MARKED.format(ours="IV\n", theirs="4\n"))
    assert lost(BASE, ours, THEIRS, marked) == []
    assert lost(BASE, ours, THEIRS, marked.removeprefix("first\n")) == ["first"]


def test_a_conflict_may_be_settled_either_way_once_it_was_shown() -> None:
    """A conflict that nobody saw is a loss; so is what a whole side drops beside the conflict."""
    ours = "first\n" + BASE.replace("four", "IV")
    settled = "first\n" + THEIRS
    assert lost(BASE, ours, THEIRS, settled, was_shown=True) == []
    assert lost(BASE, ours, THEIRS, settled) == ["IV"]
    assert lost(BASE, ours, THEIRS, THEIRS, was_shown=True) == ["first"]


def test_a_line_that_a_person_rewrites_is_not_lost() -> None:
    """No update writes what neither the team nor the template had."""
    ours = BASE.replace("two", "call(old_name)")
    adapted = THEIRS.replace("two", "call(new_name)")
    assert lost(BASE, ours, THEIRS, adapted) == []


# --- any texts


@dataclass
class Part:
    """A part of a file that only one side has edited, between lines that nobody has."""

    base: list[str]
    edited: list[str]
    side: str

    def text(self, *sides: str) -> list[str]:
        return self.edited if self.side in sides else self.base


@st.composite
def parts(draw: st.DrawFn) -> list[Part]:
    """Return parts, at least one of them edited by the team in more than blank lines."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        side = draw(st.sampled_from(["ours", "theirs"])) if number else "ours"
        own = [f"{side} {number} {word}" for word in ("a", "b")]
        base = draw(st.lists(st.sampled_from([*COMMON, f"base {number}"]), max_size=5))
        edited = draw(st.lists(st.sampled_from([*COMMON, f"base {number}", *own]), max_size=5))
        found.append(Part(base, edited, side))
    return found


def joined(found: list[Part], *sides: str) -> bytes:
    lines: list[str] = []
    for number, part in enumerate(found):
        lines += [f"def part_{number}():", *part.text(*sides), f"# end of {number}", "#"]
    return "".join(f"{line}\n" for line in lines).encode()


def is_edit(part: Part) -> bool:
    """Tell whether a part is the team's, and more than blank lines differ in it."""
    base = [line for line in part.base if line]
    return part.side == "ours" and base != [line for line in part.edited if line]


def without_edit(found: list[Part], dropped: Part) -> list[Part]:
    return [Part(each.base, each.base, "ours") if each is dropped else each for each in found]


@settings(max_examples=60, deadline=None)
@given(parts(), st.booleans())
def test_a_merge_never_loses_anything(found: list[Part], was_shown: bool) -> None:
    """Whatever the texts, the merge of both sides holds every edit of the team."""
    after = joined(found, "ours", "theirs")
    merged = Texts(joined(found), joined(found, "ours"), joined(found, "theirs"), after)
    assert lost_lines.lost(merged, was_shown=was_shown) == []


# With thousands of other examples, one is found that swaps lines which stand all over the file.
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(parts(), st.data())
def test_an_edit_dropped_from_a_merge_is_always_seen(
    found: list[Part], data: st.DataObject
) -> None:
    """Whichever it is, and whatever else is in the file."""
    edited = [part for part in found if is_edit(part)]
    if not edited:
        return
    rest = without_edit(found, data.draw(st.sampled_from(edited)))
    after = joined(rest, "ours", "theirs")
    short = Texts(joined(found), joined(found, "ours"), joined(found, "theirs"), after)
    assert lost_lines.lost(short, was_shown=True)
    assert not lost_lines.stand_clearly(short.base, short.ours, short.after)


ANY = st.lists(st.sampled_from([*COMMON, "x", "y", "z"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(ANY, ANY, ANY)
def test_what_git_merges_or_marks_is_never_lost(
    base: list[str], ours: list[str], theirs: list[str]
) -> None:
    """Edits that touch, overlap or agree: Copier leaves to git what it cannot apply itself."""
    names = ("ours", "base", "theirs")
    contents = ["".join(f"{line}\n" for line in lines) for lines in (ours, base, theirs)]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in zip(names, contents, strict=True):
            (Path(folder) / name).write_text(content, encoding="utf-8", newline="\n")
        with suppress(git.GitError):  # how many conflicts it leaves
            git.run(Path(folder), "merge-file", "-L", "before", "-L", "x", "-L", "after", *names)
        after = (Path(folder) / "ours").read_text(encoding="utf-8")
    assert lost(contents[1], contents[0], contents[2], after) == []


@settings(max_examples=30, deadline=None)
@given(parts(), st.integers(0, 5))
def test_work_beside_an_update_is_no_loss(found: list[Part], number: int) -> None:
    """The member adds lines of their own to the merge, anywhere but in an edit."""
    after = joined(found, "ours", "theirs")
    mark = f"# end of {min(number, len(found) - 1)}\n".encode()
    worked = after.replace(mark, mark + b"new work\n    return None\n")
    merged = Texts(joined(found), joined(found, "ours"), joined(found, "theirs"), worked)
    assert lost_lines.lost(merged, was_shown=True) == []
