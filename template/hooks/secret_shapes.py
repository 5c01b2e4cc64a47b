"""What looks like a secret, by its shape or by its place, in any file that holds text.

A line that ends in `not-a-secret` may look like one.
"""

from __future__ import annotations

import binascii
import os
import re
import sys
from collections.abc import Iterator

import notebook_filter

FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
sys.path.insert(0, os.path.join(FOLDER, "..", "src", "utils"))  # noqa: PTH118

from quant_team_utils.secret_patterns import SHAPES, patterns  # noqa: E402

BEGINNING = 8000  # bytes that tell whether a file is text
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# What may follow the mark on its line: the end of a string or of a comment.
MARKED = r"not-a-secret(?:\\n)?[\"'`,;)\]}]*\s*(?:-->|\*/)?\s*$"

EXAMPLE = r"(?i)example|0123456789"
PLACEHOLDER = (
    r"(?i)^[$<%]|\$[({]|\{[\w.!:()\[\]]*\}|<[^>]*>|%[(s]|\*\*\*|xxxx|\.\.\."
    r"|place_?holder|change_?me|dummy|redacted|^your|your[_-]"
)
DATE = r"\d{4}-\d\d-\d\d"
ADDRESS = r"0x[0-9a-fA-F]{40}"
TRANSACTION = r"0x[0-9a-fA-F]{64}"  # which may also be the private key of a wallet
UUID = r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
CALL = r"[(\[]"
ATTRIBUTE = r"[A-Za-z_]\w{0,20}(?:\.[A-Za-z_]\w{0,20})+"
# Of names.
ID = r"(?i)id\b"
PRIVATE = r"(?i)private|secret"
CURSOR_OR_DIGEST = (
    r"(?i)(?:page|next|continuation|public_?key)_?token"
    r"|(?:hash|digest|sha\d+|commit|checksum|fingerprint)\b"
)
SHORTER = r"(?i)passw|pwd|passphrase"
# A login that everybody knows, and a host that is nobody's or this one.
COMMON = r"(?i)pass|secret|user|admin|guest|root|test|postgres|redis|token|key|pw"
NO_HOST = r"(?i)@(?:localhost|127\.|0\.0\.0\.0|\[::1?\]|host(?![\w.])|[\w.-]*example)"


def faults(path: str, blob: bytes) -> Iterator[str]:
    """Yield the first thing that looks like a secret, as a sentence; never the secret itself."""
    for place, text in texts_of(path, blob):
        for name, found in secrets_in(text):
            line = text.count("\n", 0, found.start()) + 1
            yield (
                f"{place}line {line} looks like {name}. Take it out, and revoke it if it is real; "
                "if it is not a secret, end the line with: # not-a-secret"
            )
            return  # one is enough


def texts_of(path: str, blob: bytes) -> Iterator[tuple[str, str]]:
    """Yield the texts that a file holds, each with its place; none of a file that is not text."""
    if path.endswith(".ipynb"):
        try:
            yield from list(notebook_filter.texts(blob))
            return
        except (ValueError, RecursionError):
            pass  # not a notebook: judged as any other text
    encoding = encoding_of(blob)
    if encoding:
        yield "", blob.decode(encoding, "replace")


def encoding_of(blob: bytes) -> str | None:
    """Return the encoding of a text, or None if it is not text."""
    marked = BYTE_ORDER_MARKS.get(blob[:2])
    if marked:
        return marked
    beginning = blob[:BEGINNING]
    if b"\0" not in beginning:
        return "utf-8"
    # A letter of our alphabet and a zero, in one order or the other.
    even = beginning[0::2].count(0)
    odd = beginning[1::2].count(0)
    if odd > 4 * even:
        return "utf-16-le"
    if even > 4 * odd:
        return "utf-16-be"
    return None


def secrets_in(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield what looks like a secret, with its name; examples and marked lines are not reported."""
    for name, pattern in patterns(text):
        for found in pattern.finditer(text):
            if name not in SHAPES and not is_real(name, text, found):
                continue
            if not re.search(EXAMPLE, found[0]) and not is_marked(text, found):
                yield name, found


def is_marked(text: str, found: re.Match[str]) -> bool:
    """Tell whether a line on which the match starts or ends carries the mark."""
    for position in (found.start(), found.end()):
        end = text.find("\n", position)
        if end < 0:
            end = len(text)
        earliest = max(position, end - 60)
        if re.search(MARKED, text[earliest:end]):
            return True
    return False


def is_real(row: str, text: str, found: re.Match[str]) -> bool:
    """Tell whether the value of a place looks real, and not like an example, words or code."""
    value = found[0].removeprefix(found[1])
    end = found.end()
    follows = text[end : end + 60]
    if re.search(PLACEHOLDER, value):
        return False
    if row in ("a password in a URL", "a password of a login"):
        return is_password(value, follows)
    if found[1].lower().endswith("basic "):
        return is_basic(value)
    is_quoted = found[1].endswith(("'", '"', "`"))
    if not is_quoted and is_expression(value + follows[:1]):
        return False
    name = name_of(text, found)
    shortest = 16
    if is_quoted and re.search(SHORTER, name):
        shortest = 12
    return len(value) >= shortest and is_random(value) and not is_public(name, value)


def name_of(text: str, found: re.Match[str]) -> str:
    """Return the name that a value has, from its first letter, with what stands between them."""
    start = found.start()
    earliest = max(0, start - 99)
    before = text[earliest:start]
    parts = re.split(r"[\s\"']", before)
    return parts[-1] + found[1]


def is_public(name: str, value: str) -> bool:
    """Tell whether a value is known not to be a secret, by its form or by its name."""
    if re.fullmatch(ADDRESS, value):
        return True
    if re.fullmatch(TRANSACTION, value):
        return not re.search(PRIVATE, name)
    if re.fullmatch(UUID, value) and re.search(ID, name):
        return not re.search(PRIVATE, name)
    if re.search(CURSOR_OR_DIGEST, name) or re.match(DATE, value):
        return True
    if name.startswith("arn:") or value.startswith("arn:"):
        return True
    return "://" in value


def is_expression(code: str) -> bool:
    """Tell whether a value without quotes is a call, an index or an attribute."""
    return bool(re.search(CALL, code) or re.match(ATTRIBUTE + r"\W?$", code))


def is_random(value: str) -> bool:
    """Tell whether a value has letters and digits, and is not made of words, as in `a/b_v2`."""
    if not is_mixed(value):
        return False
    parts = re.findall(r"[A-Za-z0-9]+", value)
    return not all(is_word(part) for part in parts)


def is_mixed(value: str) -> bool:
    """Tell whether a value has both letters and digits."""
    return bool(re.search(r"\d.*[A-Za-z]|[A-Za-z].*\d", value))


def is_word(part: str) -> bool:
    """Tell whether letters and digits are a number, a word, or words with up to four digits."""
    pieces = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", part)
    if len(pieces) == 1:
        return True
    if pieces[-1].isdigit() and len(pieces[-1]) <= 4:
        pieces.pop()
    if len(pieces) == 1:
        return True
    return all(piece.isalpha() and len(piece) > 1 for piece in pieces)


def is_password(value: str, follows: str) -> bool:
    """Tell whether the password of a login looks real."""
    if re.match(NO_HOST, follows):
        return len(value) >= 16 and is_random(value)
    if is_mixed(value):
        return len(value) >= 6
    return len(value) >= 8 and not re.search(COMMON, value)


def is_basic(value: str) -> bool:
    """Tell whether a value is a user and a password as the scheme Basic writes them."""
    try:
        login = binascii.a2b_base64(value.encode())
    except ValueError:
        return False
    _, colon, password = login.partition(b":")
    return bool(colon) and is_password(password.decode("latin-1"), "")
