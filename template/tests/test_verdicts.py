"""What became of the team's edits of a file: each case is a few trees of one or two files."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from quant_team_cli.trees import EXECUTABLE, PLAIN, File
from quant_team_cli.verdicts import Trees, Verdict

Texts = Mapping[str, str]
BASE = "one\ntwo\nthree\nfour\nfive\n"
OURS = BASE.replace("two", "two\nours")
THEIRS = BASE.replace("five", "5")
MERGED = OURS.replace("five", "5")
MARKED = "<<<<<<< before updating\nV\n=======\n5\n>>>>>>> after updating\n"


def tree(texts: Texts, mode: str = PLAIN) -> dict[str, File]:
    """Return a tree that holds these texts, by path."""
    return {path: File(mode, "", text.encode) for path, text in texts.items()}


def judged(
    base: Texts,
    before: Texts,
    after: Texts,
    new: Texts,
    *,
    shown: set[str] | None = frozenset(),  # type: ignore[assignment]
) -> dict[str, Verdict]:
    """Return the verdicts, by path."""
    trees = Trees(tree(base), tree(before), tree(after), lambda: tree(new), shown)
    return {verdict.path: verdict for verdict in trees.verdicts()}


def state(base: str, ours: str, after: str, theirs: str) -> str:
    """Return the state of the edits of one file."""
    return judged({"a": base}, {"a": ours}, {"a": after}, {"a": theirs})["a"].state


def test_a_file_is_in_one_of_four_states() -> None:
    """Untouched, merged, marked, or overwritten."""
    kept = state(BASE, OURS, OURS, BASE)
    assert kept == "kept"
    merged = state(BASE, OURS, MERGED, THEIRS)
    assert merged == "merged"
    marked = MERGED.replace("5\n", MARKED)
    conflicting = state(BASE, OURS.replace("five", "V"), marked, THEIRS)
    assert conflicting == "conflicting"
    gone = state(BASE, OURS, THEIRS, THEIRS)
    assert gone == "gone"


def test_what_the_team_never_edited_has_no_verdict() -> None:
    """Changed, removed or brought by the update: not the team's."""
    new = {"a": THEIRS, "c": "new\n"}
    assert judged({"a": BASE, "b": BASE}, {"a": BASE, "b": BASE}, new, new) == {}


def test_the_new_version_is_rendered_only_if_something_needs_it() -> None:
    """Where a file has not changed, or holds every line that tells an edit, it is not."""

    def costly() -> dict[str, File]:
        raise AssertionError

    base = tree({"a": BASE, "b": BASE, "c": BASE})
    before = tree({"a": OURS, "b": BASE, "c": OURS})
    after = tree({"a": OURS, "b": THEIRS, "c": MERGED})
    found = [verdict.state for verdict in Trees(base, before, after, costly, set()).verdicts()]
    assert found == ["kept", "merged"]


def test_an_edited_file_that_the_update_removes_is_gone() -> None:
    """Its lines are named."""
    verdict = judged({"a": BASE}, {"a": OURS}, {}, {})["a"]
    assert (verdict.state, verdict.lost) == ("gone", ("ours",))


def test_an_edit_that_is_repeated_where_the_code_is_now_is_merged() -> None:
    """As often as it stood in the file that is gone."""
    base = {"a": BASE}
    after = {"b": OURS}
    new = {"b": BASE}
    once = judged(base, {"a": OURS}, after, new)
    assert once["a"].state == "merged"
    twice = judged(base, {"a": "ours\n" + OURS}, after, new)
    assert twice["a"].state == "gone"


def test_a_deletion_that_is_undone_where_the_code_is_now_is_gone() -> None:
    """The template moved the line that the team had taken out."""
    base = {"a": BASE}
    ours = BASE.replace("two\n", "")
    new = {"b": BASE}
    undone = judged(base, {"a": ours}, new, new)["a"]
    assert undone.state == "gone"
    assert undone.lost == ("- two",)
    repeated = judged(base, {"a": ours}, {"b": ours}, new)
    assert repeated["a"].state == "merged"


def test_a_deleted_file_stays_deleted() -> None:
    """It is back if the template's text is; what somebody writes there anew is theirs."""
    base = {"a": BASE}
    new = {"a": THEIRS}
    deleted = judged(base, {}, {}, new)
    assert deleted["a"].state == "kept"
    for text in (BASE, THEIRS):
        back = judged(base, {}, {"a": text}, new)["a"]
        assert back.state == "gone"
        assert back.lost == ("your deletion",)
    another = judged(base, {}, {"a": "quite another\n"}, new)
    assert another["a"].state == "merged"


def test_a_file_that_the_team_has_moved_is_not_back() -> None:
    """Its own copy is its own, and what it does to it is not judged."""
    found = judged({"a": BASE}, {"moved": OURS}, {"moved": BASE}, {"a": THEIRS})
    assert {path: verdict.state for path, verdict in found.items()} == {"a": "kept"}


def test_a_file_that_both_have_added_holds_the_teams_lines() -> None:
    """Of the same name: the template's first version meets the team's own."""
    own = {"a": "ours\n"}
    theirs = {"a": "theirs\n"}
    both = judged({}, own, {"a": "ours\ntheirs\n"}, theirs)
    assert both["a"].state == "merged"
    overwritten = judged({}, own, theirs, theirs)
    assert overwritten["a"].state == "gone"
    worked_on = judged({}, own, {"a": "worked on\n"}, {})
    assert worked_on == {}


@pytest.mark.parametrize(
    ("after", "found"), [("ours\0", "kept"), ("new\0", "gone"), ("x\0", "merged")]
)
def test_a_binary_file_is_judged_as_a_whole(after: str, found: str) -> None:
    """The template's bytes in place of the team's are a loss; a third version is somebody's."""
    assert state("old\0", "ours\0", after, "new\0") == found


@pytest.mark.parametrize(("has_modes", "lost"), [(True, ("mode 100755",)), (False, ())])
def test_a_mode_that_the_team_set_stays(has_modes: bool, lost: tuple[str, ...]) -> None:
    """Where the file system knows modes."""
    base = tree({"a": BASE})
    before = tree({"a": BASE}, EXECUTABLE)
    after = tree({"a": THEIRS})
    trees = Trees(base, before, after, lambda: after, set(), has_modes)
    assert [verdict.lost for verdict in trees.verdicts()] == ([lost] if has_modes else [])


def test_a_conflict_that_was_shown_may_be_settled_for_the_template() -> None:
    """Not one that nobody saw; of a committed update, it is taken for seen."""
    ours = BASE.replace("five", "V")
    new = {"a": THEIRS}
    unseen = judged({"a": BASE}, {"a": ours}, new, new)
    assert unseen["a"].lost == ("V",)
    seen = judged({"a": BASE}, {"a": ours}, new, new, shown={"a"})
    assert seen["a"].state == "merged"
    committed = judged({"a": BASE}, {"a": ours}, new, new, shown=None)
    assert committed["a"].state == "merged"
