"""Names of files: which of them every system can hold, and how to print and to type them.

Names are bytes with `/`, as git records them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

# Windows allows none of these; `/` separates, and a control character has a sentence of its own.
FORBIDDEN = '<>:"|?*\\'
DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"}
for number in "123456789¹²³":
    DEVICES |= {f"com{number}", f"lpt{number}"}
# Line ends and control characters, and what turns the direction of a text.
UNPRINTABLE = ("Cc", "Zl", "Zp", "Cs")
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
PATTERN = b"*?[\\"  # what git's pathspecs take as a pattern


def shown(path: bytes) -> str:
    """Return a name as one line of text: what cannot be printed is escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(_escaped(letter) for letter in text)


def quoted(path: bytes) -> str:
    """Return a name as bash and zsh take it, for any program."""
    if path.startswith((b"-", b":")):
        path = b"./" + path  # neither an option nor git's pathspec magic
    return _typed(path)


def pathspec(path: bytes) -> str:
    """Return a name as bash and zsh take it, for git: nothing in it is a pattern."""
    if any(letter in path for letter in PATTERN):
        return _typed(b":(literal)" + path)
    return quoted(path)


def is_portable(path: bytes) -> bool:
    """Tell whether every system can hold a file of this name, by itself."""
    return fault_of(path) is None


def fault_of(path: bytes) -> str | None:
    """Return what is wrong with a name by itself, or None."""
    if not _is_utf8(path):
        return "its name is not UTF-8"
    text = path.decode()
    if any(_is_control(letter) for letter in text):
        return "its name holds a line end or another control character"
    for part in text.split("/"):
        fault = _fault_of_part(part)
        if fault:
            return fault
    return None


def better(path: bytes) -> bytes:
    """Return a name like this one that every system can hold."""
    parts = path.decode("utf-8", "replace").split("/")
    return "/".join(_better_part(part) for part in parts).encode()


def twins(new: Iterable[bytes], held: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield each new name with one that it cannot stand beside on Windows or macOS.

    They differ only in case or in how an accent is written, or one is a folder.
    """
    files: dict[str, set[bytes]] = {}
    folders: dict[str, set[bytes]] = {}
    for path in held:
        files.setdefault(_key(path), set()).add(path)
        for folder in _folders(path):
            folders.setdefault(_key(folder), set()).add(folder)
    for path in new:
        key = _key(path)
        others = files.get(key, set()) | folders.get(key, set())
        for folder in _folders(path):
            others = others | files.get(_key(folder), set())
        others = others - {path}
        if others:
            yield path, min(others)


def _fault_of_part(part: str) -> str | None:
    for letter in part:
        if letter in FORBIDDEN:
            return f"its name holds {letter}, which Windows does not allow"
    if part.endswith((".", " ")):
        return "its name ends in a dot or a space, which Windows does not allow"
    stem, _, _ = part.partition(".")
    if stem.strip().casefold() in DEVICES:
        return f"its name holds {part}, which is a device on Windows"
    return None


def _better_part(part: str) -> str:
    letters = []
    for letter in part:
        is_bad = letter in FORBIDDEN or letter == "\ufffd" or _is_control(letter)
        letters.append("_" if is_bad else letter)
    name = "".join(letters).rstrip(". ")
    stem, dot, rest = name.partition(".")
    if stem.strip().casefold() in DEVICES:
        return f"{stem}_{dot}{rest}"
    return name or "_"


def _folders(path: bytes) -> Iterator[bytes]:
    """Yield the folders that a file lies in, the nearest first."""
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def _typed(path: bytes) -> str:
    text = path.decode("utf-8", "backslashreplace")
    if _is_utf8(path) and not any(_is_control(letter) for letter in text):
        import shlex

        return shlex.quote(text)
    pieces = []
    for value in path:
        is_plain = 32 <= value < 127 and value not in b"'\\"
        pieces.append(chr(value) if is_plain else f"\\x{value:02x}")
    return f"$'{''.join(pieces)}'"


def _key(path: bytes) -> str:
    text = path.decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFC", text.casefold())


def _is_utf8(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in UNPRINTABLE or letter in TURNING


def _escaped(letter: str) -> str:
    if not _is_control(letter):
        return letter
    return letter.encode("unicode_escape").decode()
