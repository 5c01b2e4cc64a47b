"""What a refused subject should be: the same words, with the type that was meant.

Only a refusal loads this file.
"""

from __future__ import annotations

import difflib
import re

from commit_subject import AUTOSQUASH, LONGEST, PLACEHOLDER, judge_subject, says_something

# Words that tell which type was meant, as the type of a refused subject or somewhere in it.
MEANT = {
    "feat": "feature features feats add adds added new implement introduce support update bump "
    "build release",
    "fix": "bug bugs bugfix bugfixes fixes fixed fixing hotfix patch repair correct revert "
    "security",
    "data": "dataset datasets feed feeds vendor ingest",
    "test": "tests testing tested coverage",
    "refactor": "refactoring refactored clean cleanup rename chore perf style ci lint format move "
    "remove",
    "docs": "doc document documentation documents readme comment comments changelog",
}
JOINERS = "\u200c\u200d"  # invisible, but parts of emoji and of Persian words
# What people write where the type should be: `[fix] x`, `feat(loader)!: x`, `fix - x`, `wip/ x`.
LABEL = r"""(?x)
    [\[({<]?
    (?P<word> [^\W\d_]{2,} ) \s*
    (?: \( (?P<scope> [^()]* ) \)? )? \s*
    !? \s*
    (?: [\])}>] \s* :? | [:;/=] | - \s | , [^\s:]* : ) \s*
    (?P<rest> .* )
"""


def suggestion(subject: str, types: dict[str, str]) -> str:
    """Return a subject as it should be, ready to paste; where it says nothing, the form of one."""
    text = cleaned(subject)
    kind, description = understood(text, types)
    if kind is None:
        kind = hinted(text, types)
    form = f"{kind}: {PLACEHOLDER}"
    if description == PLACEHOLDER or not says_something(description):
        return form
    whole = shortened(f"{kind}: {description}")
    return whole if is_good(whole, types) else form


def cleaned(subject: str) -> str:
    """Return a subject on one line, without what a terminal obeys, quotes and autosquash marks."""
    letters = [letter if letter.isprintable() or letter in JOINERS else " " for letter in subject]
    text = " ".join("".join(letters).split())
    if text[:1] in ("'", '"', "`"):
        text = text.strip("'\"` ")
    while text.lower().startswith(AUTOSQUASH):
        text = text.partition(" ")[2]
    return text


def understood(text: str, types: dict[str, str]) -> tuple[str | None, str]:
    """Return the type that a cleaned subject names, if it names one, and what it says."""
    label = re.match(LABEL, text)
    if label is None:
        first, _, rest = text.partition(" ")
        if first.lower() in types:
            return first.lower(), rest
        return None, text.lstrip(":-. ")
    kind = meant(label["word"], types)
    scope = (label["scope"] or "").strip()
    rest = label["rest"]
    if kind and scope:
        return kind, f"{scope}: {rest}"
    if is_good(rest, types):  # as in `WIP: feat: x`
        inner, _, description = rest.partition(": ")
        return inner, description
    return (kind, rest) if kind else (None, text)


def meant(word: str, types: dict[str, str]) -> str | None:
    """Return the type that a word in its place stands for: itself, a synonym, or the nearest."""
    known = synonyms(types)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.7)
    return known[near[0]] if near else None


def hinted(text: str, types: dict[str, str]) -> str:
    """Return the type that a word somewhere in a text hints at: any other before the usual one."""
    known = synonyms(types)
    usual = next(iter(types))
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        kind = known.get(word, usual)
        if kind != usual:
            return kind
    return usual


def synonyms(types: dict[str, str]) -> dict[str, str]:
    """Return each word that means a type, and that type."""
    known = {}
    for kind in types:
        for word in (kind, *MEANT.get(kind, "").split()):
            known[word] = kind
    return known


def shortened(subject: str) -> str:
    """Return a subject cut at the limit, between two words where there is a good place."""
    if len(subject) <= LONGEST:
        return subject
    short = subject[: LONGEST + 1].rpartition(" ")[0]
    if len(short) <= LONGEST // 2:
        short = subject[:LONGEST]
    return short.rstrip(" ,;:-")


def is_good(subject: str, types: dict[str, str]) -> bool:
    """Tell whether a subject would be accepted without a scope."""
    return judge_subject(subject, types, False) is None
