"""What a refusal suggests to write instead."""

# ruff: noqa: RUF001
from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.judged import TYPES, called, check, judge, messages

FORM = "<short description>"


@pytest.mark.parametrize(
    ("subject", "better"),
    [
        ("feature: x", "feat: x"),
        ("Feat: x", "feat: x"),
        ("feat(loader): x", "feat: loader: x"),
        ("feat(loader)!: x", "feat: loader: x"),
        ("feat!: x", "feat: x"),
        ("feat:x", "feat: x"),
        ("feat :x", "feat: x"),
        ("feat:\u00a0x", "feat: x"),
        (" feat: x", "feat: x"),
        ("'feat: x'", "feat: x"),
        ("[fix] x", "fix: x"),
        ("fix - x", "fix: x"),
        ("docs x", "docs: x"),
        ("faet: x", "feat: x"),
        ("bugfix: x", "fix: x"),
        ("chore: x", "refactor: x"),
        ("WIP: fix: x", "fix: x"),
        ("Update README.md", "docs: Update README.md"),
        ("add tests of the cache", "test: add tests of the cache"),
        ("nothing known", "feat: nothing known"),
        ("feat: \x1b[31mred\x07", "feat: [31mred"),
        ("fix:", "fix: <short description>"),
        ("feat: " + "word " * 20, "feat: " + "word " * 12 + "word"),
        # Other colons, blanks and brackets.
        ("feat：add", "feat: add"),
        ("feat： add", "feat: add"),
        ("feat﹕x", "feat: x"),
        ("feat∶x", "feat: x"),
        ("feat꞉ x", "feat: x"),
        ("feat::x", "feat: x"),
        ("feat :\u3000x", "feat: x"),
        ("feat\u00a0: x", "feat: x"),
        ("feat：时间：12", "feat: 时间：12"),
        ("feat(x)：y", "feat: x: y"),
        ("feat[loader]: x", "feat: loader: x"),
        ("feat{loader}: x", "feat: loader: x"),
        ("（feat）x", "feat: x"),
        ("【feat】x", "feat: x"),
        ("fix (a)", "fix: a"),
        # Emoji and their codes.
        ("✨ feat: x", "feat: x"),
        ("✨feat: x", "feat: x"),
        ("feat ✨: x", "feat: x"),
        ("❤️ fix: y", "fix: y"),
        ("🧑\u200d💻 feat: x", "feat: x"),
        ("1️⃣ feat: x", "feat: x"),
        (":sparkles: feat: x", "feat: x"),
        (":bug: x", "fix: x"),
        ("🐛 x", "feat: 🐛 x"),
        # Tickets, which stay.
        ("ABC-12 feat: x", "feat: ABC-12 x"),
        ("ABC-12: feat: x", "feat: ABC-12 x"),
        ("[ABC-12] feat: x", "feat: ABC-12 x"),
        ("#12 feat: x", "feat: #12 x"),
        ("hotfix-12: x", "fix: #12 x"),
        # Other marks.
        ("feat -> x", "feat: x"),
        ("feat => x", "feat: x"),
        ("feat — x", "feat: x"),
        ("FEAT : x", "feat: x"),
        ("ＦＥＡＴ: x", "feat: x"),
        ("“feat: x”", "feat: x"),
        ("「feat: x」", "feat: x"),
        ("**feat**: x", "feat: x"),
        ("`feat`: x", "feat: x"),
        ("- feat: x", "feat: x"),
        ("1. feat: x", "feat: x"),
        ("WIP feat: x", "feat: x"),
        ("wip: x", "feat: wip: x"),
        ('"x" is missing', 'feat: "x" is missing'),
        ("fix-up the loader", "fix: fix-up the loader"),
        # What nobody sees.
        ("\ufefffeat: x", "feat: x"),
        ("fe\u200bat: x", "feat: x"),
        ("feat: a\rb", "feat: a b"),
        ("feat: \u202eabc", "feat: abc"),
    ],
)
def test_a_refusal_shows_the_subject_as_it_should_be(subject: str, better: str) -> None:
    """The suggestion keeps what was meant, ready to paste."""
    assert judge.suggestion(subject, TYPES) == better


def test_a_long_subject_is_answered_at_once() -> None:
    """A megabyte of marks takes no longer than a line of them."""
    assert judge.suggestion("- " * 1_000_000, TYPES) == f"feat: {FORM}"


MARKS = [
    *TYPES,
    *("feature", "Fix", "bugfix", "wip", "ABC-12", "#7", "x", "add", ":bug:"),
    *(": ", ":", "：", "﹕", "∶", "꞉", " - ", "—", "->", "=>", "/", ";", ",", "!"),
    *"[](){}<>【】（）「」",
    *"\"'`*“”",
    *("✨", "❤️", "1️⃣", "\u200d", "\u200b", "\ufeff", "\u202e", "\xa0", "\u3000", "\t", "\r"),
    *("fixup! ", "Draft: ", 'Revert "', "<short description>", "x" * 70),
]
typed = st.one_of(
    st.text(max_size=100),
    st.lists(st.sampled_from(MARKS), max_size=10).map("".join),
    st.text(alphabet=string.printable, max_size=80),
    messages.map(lambda message: message.decode("utf-8", "replace")),
)


@check
@given(typed)
@example('Revert "feat: x')
@example("fixup! fixup!")
@example("feat: \u200d")
@pytest.mark.parametrize("scopes", [False, True])
def test_every_suggestion_is_accepted(scopes: bool, subject: str) -> None:
    """What a refusal tells people to write passes as a title, or visibly lacks its description."""
    better = judge.suggestion(subject, TYPES)
    if not better.endswith(f": {FORM}"):
        options = ["--allow-scopes"] * scopes
        assert called(*options, "--title", better) == (True, "")
    assert better.replace("\u200d", "").replace("\u200c", "").isprintable()
