"""What a refused subject should be: the same words, with the type that was meant.

Only a refusal loads this file.
"""

from __future__ import annotations

import difflib
import re
import unicodedata

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
ENOUGH = 1000  # characters of a subject: what is suggested comes from the first of them
JOINERS = "\u200c\u200d"  # invisible, but parts of emoji and of Persian words
QUOTES = "'\"`\u201c\u201d\u201e\u201f\u2018\u2019\u00ab\u00bb\u2039\u203a\u300c\u300d\u300e\u300f"
COLONS = ":\uff1a\ufe55\u2236\ua789\ufe30\u02d0\u02f8"  # what looks like a colon
OPENING = r"[\[({<\uff08\u3010\u300c\u300e\uff3b]"
CLOSING = r"[\])}>\uff09\u3011\u300d\u300f\uff3d]"
# What people write where the type should be: `[fix] x`, `feat(loader)!: x`, `fix - x`, `wip/ x`.
LABEL = rf"""(?x)
    {OPENING}? [*_~`'"]*
    (?P<word> [^\W\d_] [^\W\d_]+ )
    [*_~`'"]* \s*
    (?: {OPENING} (?P<scope> [^\[\]()\x7b\x7d<>\uff08\uff09\u3010\u3011]* ) {CLOSING}? )? \s*
    (?: [-\#] (?P<number> \d+ ) \s* )?
    (?: (?! [{COLONS}\u2010-\u2015] ) [^\x00-\x7f\w\s] )* \s*  # emoji
    !? \s*
    (?: {CLOSING} \s* [{COLONS}]*
      | [{COLONS}]+
      | [;/=|\\] >?
      | -+ >? \s
      | [\u2010-\u2015]  # dashes
      | , [^\s:]* :
    ) \s*
    (?P<rest> .* )
"""
# What decorates the beginning of a subject: emoji and their codes, marks of a list, drafts.
DECORATION = r"""(?x)
    (?: [^\x00-\x7f\w\s]+ | \d\ufe0f?\u20e3  # emoji
      | :[\w+-]+:
      | [-*>~]+ | \d+[.)]
      | \[? \b (?i: wip|draft ) \b \]? :?
    ) \s*
"""
TICKET = r"""(?x)
    [\[(]? (?P<name> [A-Z][A-Z0-9]+-\d+ | [\#!]\d+ ) [\])]? :? \s+
"""


def suggestion(subject: str, types: dict[str, str]) -> str:
    """Return a subject as it should be, ready to paste; where it says nothing, the form of one."""
    text = cleaned(subject[:ENOUGH])
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
    letters = []
    for letter in subject:
        if letter.isprintable() or letter in JOINERS:
            letters.append(letter)
        elif unicodedata.category(letter) != "Cf":  # these are invisible, the others part words
            letters.append(" ")
    text = " ".join("".join(letters).split())
    if text[:1] in QUOTES and text.rstrip(".")[-1:] in QUOTES:
        text = text.strip(QUOTES + " ")
    while text.lower().startswith(AUTOSQUASH):
        text = text.partition(" ")[2]
    return text


def understood(text: str, types: dict[str, str]) -> tuple[str | None, str]:
    """Return the type that a cleaned subject names, if it names one, and what it says."""
    plain, tickets = peeled(text)
    if plain != text:
        kind, description = labelled(plain, types)
        if kind:
            return kind, " ".join([*tickets, description])
    return labelled(text, types)


def peeled(text: str) -> tuple[str, list[str]]:
    """Return a subject without what decorates its beginning, and the tickets that it began with."""
    tickets: list[str] = []
    while True:
        ticket = re.match(TICKET, text)
        mark = ticket or re.match(DECORATION, text)
        if not mark:
            return text, tickets
        if ticket:
            tickets.append(ticket["name"])
        text = text[mark.end() :]


def labelled(text: str, types: dict[str, str]) -> tuple[str | None, str]:
    """Return the type before a colon or what was meant for one, if any, and what follows it."""
    label = re.match(LABEL, text)
    if label is None:
        first, _, rest = text.partition(" ")
        if first.lower() in types:
            return first.lower(), rest
        without_code = re.sub(r"^(:[\w+-]+:\s*)+", "", text)
        return None, (without_code or text).lstrip(":-. ")
    kind = meant(label["word"], types)
    rest = label["rest"]
    if label["number"]:
        rest = f"#{label['number']} {rest}"
    scope = (label["scope"] or "").strip()
    if kind and scope:
        return kind, f"{scope}: {rest}" if rest else scope
    if is_good(rest, types):  # as in `WIP: feat: x`
        inner, _, description = rest.partition(": ")
        return inner, description
    return (kind, rest) if kind else (None, text)


def meant(word: str, types: dict[str, str]) -> str | None:
    """Return the type that a word in its place stands for: itself, a synonym, or the nearest."""
    known = synonyms(types)
    plain = unicodedata.normalize("NFKC", word).lower()
    near = difflib.get_close_matches(plain, known, n=1, cutoff=0.7)
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
