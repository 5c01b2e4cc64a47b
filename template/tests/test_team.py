"""The roster as YAML: read, written, compared; what is wrong with it is one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from quant_team_cli import team
from quant_team_cli.team import RosterSyntaxError, TeamError
from quant_team_utils import roster

ALICE = {"name": "Alice", "handle": "alice", "role": "researcher", "senior": True}
BOB = {"name": "Bob", "handle": "bob", "role": "researcher"}


# --- read


@pytest.mark.parametrize("text", ["- {handle: alice}\n", "team:\n- handle: alice\n"])
def test_a_roster_is_a_list_or_a_mapping_with_team(text: str) -> None:
    """The second is what `.copier-answers.yml` holds."""
    assert team.parse_roster(text) == [{"handle": "alice"}]


@pytest.mark.parametrize("text", ["", "17", "a: 1", "team: alice", "[", "\0", "- 2024-13-45", "&"])
def test_what_is_no_roster_is_one_sentence(text: str) -> None:
    """It shows how a line looks."""
    with pytest.raises(RosterSyntaxError, match=r"one line per member, `- \{name: "):
        team.parse_roster(text)


def test_nesting_without_end_is_one_sentence() -> None:
    """Python's limit is not the user's concern."""
    with pytest.raises(RosterSyntaxError):
        team.parse_roster("[" * 5_000)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, a folder, or bytes that are not text."""
    with pytest.raises(TeamError, match="There is no file"):
        team.read_roster(tmp_path / "gone.yml")
    with pytest.raises(TeamError, match="Cannot read"):
        team.read_roster(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(TeamError, match="Cannot read"):
        team.read_roster(tmp_path / "binary")


# --- write

# Names without control characters: the question refuses others.
MEMBER = st.dictionaries(
    st.sampled_from(["name", "handle", "role", "login"]),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60),
    min_size=1,
)


@given(st.lists(MEMBER, min_size=1, max_size=4))
def test_a_roster_survives_the_editor(members: list[dict[str, str]]) -> None:
    """What is dumped, one member a line, is read back as it was."""
    text = team.dump_roster(members)
    assert team.parse_roster(team.EDITOR_HELP + text) == members


def test_a_member_is_one_line() -> None:
    """Long names and grants are not folded."""
    members: list[Any] = [{**ALICE, "name": "A" * 300, "grants": {"broker_api": ["trade:paper"]}}]
    assert len(team.dump_roster(members).splitlines()) == 1


# --- compare


@pytest.mark.parametrize(
    ("new", "phrases"),
    [
        ([ALICE, BOB], []),
        ([BOB, ALICE], []),
        ([ALICE], ["bob is removed from the roster"]),
        ([ALICE, {**BOB, "left": True}], ["bob leaves the team"]),
        ([ALICE, {**BOB, "login": "b"}], ["change login of bob"]),
        ([ALICE, {**BOB, "handle": "dana"}], ["dana joins the team", "bob is removed"]),
    ],
)
def test_a_change_is_described(new: list[dict[str, object]], phrases: list[str]) -> None:
    """One phrase for each member whom it concerns."""
    described = team.describe([ALICE, BOB], new)
    assert len(described) == len(phrases)
    for phrase, start in zip(described, phrases, strict=True):
        assert phrase.startswith(start)


def test_who_left_can_return() -> None:
    """`left: false` is not a departure, and not a difference of its own."""
    left = {**BOB, "left": True}
    assert team.describe([left], [BOB]) == ["bob returns to the team"]
    assert team.describe([left], [{**BOB, "left": False}]) == ["bob returns to the team"]


# --- the commands


def test_the_list_names_every_member(root: Path) -> None:
    """A table with a header."""
    done = CliRunner().invoke(team.command, ["list"])
    assert done.exit_code == 0
    header, *rows = done.output.splitlines()
    assert header.split() == ["handle", "name", "role", "senior", "login"]
    for member in roster.members(root):
        assert any(row.startswith(member.handle) for row in rows)
