"""The rules of a commit's subject: what `commit_message.py` judges by.

Every judged message loads this file, so it imports nothing at the start.
"""

from __future__ import annotations

LONGEST = 72
PLACEHOLDER = "<short description>"
AUTOSQUASH = ("fixup! ", "squash! ", "amend! ")
MERGED = (
    "branch",
    "branches",
    "tag",
    "tags",
    "commit",
    "commits",
    "remote-tracking branch",
    "remote-tracking branches",
)
# Programs that go by these names on a forge or a server of one's own.
BOTS = ("dependabot", "renovate", "renovate-bot", "renovate bot")
# The names that GitLab gives to the holders of tokens: `project_12_bot_ab34`.
GITLAB_BOT = r"(project|group)_\d+_bot\w*|service_account_\w+"
UNSEEN = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
QUOTED = 40  # characters of a subject that a refusal repeats


def judge_subject(subject: str, types: dict[str, str], scopes: bool) -> str | None:
    """Return what is wrong with a subject that a person wrote, or None."""
    label, colon, description = subject.partition(":")
    kind, extra = without_scope(label, types)
    if kind not in types or not colon:
        return judge_label(subject, label, colon, types)
    says_what = extra[:2] != "()"
    if extra and not (scopes and says_what):
        return (
            f"{quoted(extra)} is not part of the convention: write the type alone before the colon"
        )
    return judge_description(description) or judge_letters(subject) or judge_length(subject)


def judge_label(subject: str, label: str, colon: str, types: dict[str, str]) -> str:
    """Return what is wrong with what is where the type should be."""
    if subject[:1].isspace():
        return "the subject begins with a space"
    if colon and label.strip() in types:
        return "there is a space before the colon"
    if colon and label.lower() in types:
        return f"{quoted(label)} must be in lower case"
    is_a_word = label and not any(letter.isspace() for letter in label)
    if colon and is_a_word:
        # The wrong letter may look right.
        name = quoted(label) if label.isascii() else ascii(label)
        return f"{name} is not one of the types"
    return f"{quoted(subject)} does not begin with a type and a colon"


def judge_description(description: str) -> str | None:
    """Return what is wrong with what follows the colon, or None."""
    first = description[:1]
    if first and first != " ":
        if first.isprintable() and not first.isspace():
            return "a space is missing after the colon"
        import unicodedata

        name = unicodedata.name(first, "control character").lower()
        return f"a {name} ({shown(first)}) follows the colon, not a space"
    if description.strip() == PLACEHOLDER or not says_something(description):
        return "the description is missing"
    return None


def judge_letters(subject: str) -> str | None:
    """Return that a subject holds what a terminal obeys and a reader does not see, or None."""
    for letter in subject:
        is_control = letter < " " or "\x7f" <= letter <= "\x9f"
        if letter in UNSEEN or (is_control and letter != "\t"):
            return f"the subject holds an invisible character ({shown(letter)})"
    return None


def judge_length(subject: str) -> str | None:
    """Return that a subject is too long, or None."""
    if len(subject) <= LONGEST:
        return None
    return (
        f"the subject has {len(subject)} characters; the limit is {LONGEST}: "
        "move the rest to the body"
    )


def without_scope(label: str, types: dict[str, str]) -> tuple[str, str]:
    """Split `feat(loader)!` into `feat` and `(loader)!`; a label of another form stays whole."""
    kind = label.removesuffix("!")
    if kind.endswith(")"):
        kind, opening, scope = kind[:-1].partition("(")
        if not opening or "(" in scope or ")" in scope:
            return label, ""
    if kind not in types:
        return label, ""
    return kind, label[len(kind) :]


def written_by_git(subject: str) -> bool:
    """Tell whether git, or the forge's merge button, wrote a subject."""
    for verb in ('Revert "', 'Reapply "'):
        if subject.startswith(verb):
            return subject.find('"', len(verb)) > len(verb)
    merges = tuple(f"Merge {what} '" for what in MERGED)
    if subject.startswith(merges):
        return "'" in subject.partition("'")[2]
    pull = "Merge pull request #"
    if subject.startswith(pull):
        return subject[len(pull) :][:1].isdigit()
    return subject.startswith(AUTOSQUASH)


def is_a_bot(author: str) -> bool:
    """Tell whether an author is a program.

    Args:
        author: a forge's login, or `NAME <ADDRESS>`.
    """
    import re

    name, _, address = author.partition(" <")
    for login in (name, address.partition("@")[0]):
        if login.endswith("[bot]") or login.lower() in BOTS or re.fullmatch(GITLAB_BOT, login):
            return True
    return False


def says_something(text: str) -> bool:
    """Tell whether a text has a letter, a digit, or a symbol such as an emoji."""
    if any(character.isalnum() for character in text):
        return True
    import unicodedata

    beyond_ascii = [character for character in text if character > "\x7f"]
    return any(unicodedata.category(character).startswith("S") for character in beyond_ascii)


def quoted(text: str) -> str:
    """Return the beginning of a text in double quotes, harmless on a terminal."""
    beginning = text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
    return f'"{shown(beginning)}"'


def shown(text: str) -> str:
    """Return a text with every character that a terminal would obey, or not show, escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
