"""The one "did you mean" of the project."""

from __future__ import annotations

import pytest

from quant_team_utils.errors import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("lokback", "lookback"),
        ("LOOKBACK", "lookback"),
        ("top", "Top"),
        ("xyz", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_the_nearest_name_is_found_in_any_case(name: object, wanted: str | None) -> None:
    """Whatever was typed, the result is a known name as it is written, or None."""
    assert nearest(name, ["lookback", "Top"]) == wanted


def test_the_cutoff_says_how_alike() -> None:
    """A lower cutoff finds what is less alike."""
    assert nearest("1hour", ["1h", "1d"], cutoff=0.5) == "1h"
    assert nearest("1hour", ["1h", "1d"], cutoff=0.9) is None


@pytest.mark.parametrize(
    ("known", "end"),
    [
        (["alice", "bob"], "did you mean alice?"),
        (["carol", "bob"], "known: carol, bob."),
        ([], "there are none yet."),
    ],
)
def test_a_sentence_ends_with_the_nearest_or_with_all(known: list[str], end: str) -> None:
    """What is shown is in the order of the known names."""
    assert did_you_mean("alise", iter(known)) == end
