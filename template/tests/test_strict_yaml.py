"""YAML is read without guessing, and whatever the text is, one kind of exception comes out."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_team_utils import strict_yaml

DEEP = 5_000  # far beyond the recursion limit of Python
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)
PIECES = st.sampled_from([
    "a", "true", "1_0", "2024-13-45", "0001-01-01 00:00:00 +23:00", "*x", "&x", "<<", "? ", "---",
    "!!int ", "!!bool ", "!!float ", "!!timestamp ", "!!set ", "!!omap ", "!!binary ", ": ", "- ",
    "[", "]", "{", "}", ",", "\n", "\n  ", "'", '"', "|", "#", "\t", "\0", "\ufeff", "%YAML 9.9\n",
])  # fmt: skip


def refused(text: str) -> str:
    with pytest.raises(strict_yaml.YamlError) as caught:
        strict_yaml.parse(text)
    return str(caught.value)


def test_plain_yaml_is_read() -> None:
    """Mappings, lists and scalars come back as Python's."""
    assert strict_yaml.parse("a: [1, x, true]\nb:\n") == {"a": [1, "x", True], "b": None}
    assert strict_yaml.parse("") is None
    assert strict_yaml.parse("a: &x [1]\nb: *x\n") == {"a": [1], "b": [1]}
    assert strict_yaml.parse("[" * 50 + "]" * 50)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\n<<<<<<< ours\n", "line 2 has conflict markers"),
        ("a: 1\n||||||| base\n", "line 2 has conflict markers"),
        ("a: 1\nb: 2\n>>>>>>> theirs\n", "line 3 has conflict markers"),
        ("a: 1\nb: 2\na: 3\n", "'a' appears twice, again on line 3"),
        ("m: {a: 1, a: 2}\n", "'a' appears twice, again on line 1"),
        ("a: [1\n", "not valid YAML (line 2)"),
        ("a: 2024-13-45\n", "not valid YAML"),
        ("a: !!int ''\n", "not valid YAML"),
        ("a: !!bool x\n", "not valid YAML"),
        ("a: !!timestamp x\n", "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "not valid YAML"),
        ("? [a]\n: 1\n", "not valid YAML"),
        ("a: \x07\n", "not valid YAML"),
        ("[" * DEEP, "not valid YAML (nested more than 50 levels deep)"),
        ("- " * DEEP + "a", "not valid YAML (nested more than 50 levels deep)"),
        ("[" * 51 + "]" * 51, "nested more than 50 levels deep"),
        ("{a: " * 51 + "b" + "}" * 51, "nested more than 50 levels deep"),
        (LAUGHS, "more than 1,000,000 values"),
    ],
)
def test_what_is_not_plain_is_refused(text: str, words: str) -> None:
    """Each fault is one phrase, with its line where YAML knows it."""
    assert words in refused(text)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in another exception."""
    with contextlib.suppress(strict_yaml.YamlError):
        strict_yaml.parse(text)
