"""The bytes of a file, and its text in UTF-8, whichever program wrote it."""

from __future__ import annotations

import os
from pathlib import Path

from quant_team_data.formats import ImportFileError

MOST_BYTES = 1 << 29  # of a file: 512 MiB
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}


def read(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        ImportFileError: it cannot be read, is too large, or is an archive.
    """
    try:
        with path.open("rb") as file:
            size = min(os.fstat(file.fileno()).st_size, MOST_BYTES)
            content = file.read(size + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ImportFileError(f"it cannot be read ({reason}): check the path") from None
    if len(content) > MOST_BYTES:
        raise ImportFileError(f"more than {MOST_BYTES >> 20} MiB: split it by year")
    for start, name in PACKED.items():
        if content.startswith(start):
            raise ImportFileError(f"it is {name}: unpack it first")
    return content


def utf8(content: bytes) -> bytes:
    """Return text in UTF-8, without a byte order mark and with line feeds.

    Args:
        content: text in UTF-8, UTF-16 or Windows-1252.

    Raises:
        ImportFileError: it is not text.
        UnicodeDecodeError: it says that it is UTF-16, and is not.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16").encode()
    elif content[1:2] == b"\0":
        content = content.decode("utf-16-le").encode()
    elif content[:1] == b"\0":
        content = content.decode("utf-16-be").encode()
    elif not content.isascii():
        content = _from_western(content.removeprefix(b"\xef\xbb\xbf"))
    if b"\0" in content:
        raise ImportFileError("it is not text: check the file")
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content


# Details


def _from_western(content: bytes) -> bytes:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace").encode()
    return content
