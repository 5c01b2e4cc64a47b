"""What a secret looks like: the one table, for the logs and for the file check.

`hooks/secret_shapes.py` reads it in any Python, so this file imports the standard library only.
In every pattern, group 1 is what may stay; the rest of the match is the secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Between a name and its value: `X = "`, `"X": '`, `os.environ[NAME] = `, `("X", b"`, `X: str = "`,
# `<X>`, `X = (` or `X: >-` and a line below, and all of it inside a JSON string, whose quotes are
# escaped.
_TYPE = r"(?:str|bytes|[A-Za-z_][\w.\[\] |]{0,40}[ \t])"
_COMMENT = r"[ \t]*(?:#[^\n]*)?"
_GAP = (
    r"(?:\\*[\"'`]|\])*[ \t]*"
    rf"(?::?=>?|:[ \t]*{_TYPE}=|:[ \t]*[>|][+-]?{_COMMENT}\r?\n[ \t]*|[:>]|(?<=[\"']),)"
    r"[ \t]*(?:\(\s*)?(?:[bBfFrRuU]{0,2}\\*[\"'`](?:[\"']{2})?)?"
)
# Long enough to be no word, with both letters and digits; in quotes, with any other sign as well.
_UNQUOTED = r"[\w+/=.~!@#$%^*?-]"
_VALUE = (
    r"(?:(?<=[\"'`])(?=[^\s\"'`\\]{0,99}\d)(?=[^\s\"'`\\]{0,99}[a-z])[^\s\"'`\\]{8,}"
    rf"|(?={_UNQUOTED}{{0,99}}\d)(?={_UNQUOTED}{{0,99}}[a-z]){_UNQUOTED}{{16,}})"
)
_LOGIN = r"\bcurl\b[^\n]{0,300}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,64}:"
_AUTH = r"\bauth\s*=\s*\(\s*[\"'][^\"'\n]{0,64}[\"']\s*,\s*[\"']"
# What it is: words of which it holds at least one, in small letters; the pattern.
# Shapes that betray themselves, wherever they are.
SHAPES = {
    "a private key": (
        "-----begin",
        r"()-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----(?:[^-]*-----END)?",
    ),
    "a TickDB key": ("tk_", r"\b(tk_live_)(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}"),
    "an AWS access key": ("akia asia", r"\b()(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": (
        "gho_ ghp_ ghr_ ghs_ ghu_ github_pat_",
        r"\b()(?:gh[opsru]_[A-Za-z0-9]{36}|github_pat_\w{22})",
    ),
    "a GitLab token": ("glpat-", r"\b()glpat-[\w-]{20}"),
    "a Slack token": ("xox", r"\b()xox[abeprs]-[\w-]{10}"),
    "a signed token": ("eyj", r"\b()eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a Fernet key": (
        "=",
        r"(?<![\w+/:.-])(?<![A-Za-z0-9+/]\n)()"
        r"(?=[\w-]{0,42}\d)(?=[\w-]{0,42}[a-z])(?=[\w-]{0,42}[A-Z])"
        r"[A-Za-z0-9_-]{43}=(?![\w=])",
    ),
}
# Places where a secret stands. A log hides whatever is there; a file may hold an example there, so
# the check asks whether the value looks real.
PLACES = {
    "a credential": (
        "key secret token passw pwd passphrase",
        rf"(?i)((?:api[_-]?key|secret|token|passw(?:or)?d|pwd|passphrase)[\w-]{{0,30}}{_GAP})"
        rf"{_VALUE}",
    ),
    "a password in a URL": (
        "@",
        r"(?i)(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>]{0,64}:)[^\s/\"'<>]+(?=@)",
    ),
    "a password of a login": ("curl auth", rf"(?i)({_LOGIN}|{_AUTH})[^\s\"']+"),
    "a key in a URL": (
        "key token secret signature passw",
        r"(?i)([?&][\w-]{0,20}(?:key|token|secret|signature|password)=)[^&\s\"'#]+",
    ),
    "a key in a header": (
        "key auth token cookie",
        r"(?i)((?:api-?key(?:-id)?|api-secret-key|(?:auth|private)-token|authorization|cookie)"
        rf"{_GAP}(?:(?:bearer|basic|token)\s+)?)[^\s\"',;)\\]+",
    ),
    "a bearer token": ("bearer", r"(?i)\b(bearer\s+)[\w.~+/=-]{20,}"),
    "a key": (
        "key",
        r"(?i)((?:api|secret|encryption|private|access|account|signing|master|fernet)[_-]?key"
        rf"{_GAP})[^\s\"',;)\\]+",
    ),
    "a key of an option": (
        "--",
        r"(?i)((?<![\w-])--[\w-]{0,20}(?:api-key|secret-key|token|password|secret)[ =][\"']?)"
        r"[^\s\"']+",
    ),
    "a key of TickDB": ("tk_", r"(tk_(?:live|test)_)[A-Za-z0-9_-]+"),
}
_ROWS = [
    (name, frozenset(words.split()), pattern)
    for name, (words, pattern) in (SHAPES | PLACES).items()
]
_WORDS = sorted(frozenset.union(*(words for _, words, _ in _ROWS)))


def patterns(text: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield each row that may match a text: what it is, and its pattern.

    The words are looked for first, which is ten times as quick.
    """
    lowered = text.lower()
    present = [word for word in _WORDS if word in lowered]
    if not present:
        return
    for name, words, pattern in _ROWS:
        if not words.isdisjoint(present):
            yield name, re.compile(pattern, re.ASCII)  # which keeps what it has compiled
