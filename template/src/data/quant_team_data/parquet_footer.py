"""What a Parquet file says of its own size, read from its last bytes and nothing else.

A file of a few kilobytes may unpack to gigabytes. The footer is a struct in Thrift's compact
protocol; the numbers of the fields are those of parquet-format, `parquet.thrift`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

MAGIC = b"PAR1"
LONGEST = 16 << 20  # bytes of a footer
LONGEST_NUMBER = 64  # bits
WIDTH = 8  # bytes that a value takes at least, once it is read
ROW_COUNT, ROW_GROUPS = 3, 4  # of a file
COLUMNS = 1  # of a row group
COLUMN = 3  # what a column chunk says of itself
VALUES, UNPACKED = 5, 6

Struct = dict[int, Any]


class FooterError(ValueError):
    """There is no footer that can be read."""


class Size(NamedTuple):
    """How large a file is, as it says itself.

    Attributes:
        rows: in all.
        most: bytes of all columns once they are read, about.
    """

    rows: int
    most: int


def size_of(content: bytes) -> Size:
    """Return the size of a Parquet file.

    Raises:
        FooterError: its footer cannot be read.
    """
    length = int.from_bytes(content[-8:-4], "little")
    is_there = content.endswith(MAGIC) and length <= min(LONGEST, len(content) - 12)
    if not is_there:
        raise FooterError
    footer = _Reader(content[-8 - length : -8])
    try:
        file = footer.struct()
        rows = int(file[ROW_COUNT])
        most = 0
        for group in file.get(ROW_GROUPS, []):
            most += sum(map(_bytes_of, group[COLUMNS]))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise FooterError from None
    return Size(rows, most)


# Details


def _bytes_of(chunk: Struct) -> int:
    column = chunk[COLUMN]
    return max(int(column[UNPACKED]), WIDTH * int(column[VALUES]))


class _Reader:
    """Reads Thrift's compact protocol, see its `thrift-compact-protocol.md`."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def struct(self) -> Struct:
        """Return the fields of a struct by number."""
        fields: Struct = {}
        number = 0
        while head := self._byte():
            step, kind = divmod(head, 16)
            number = number + step if step else self._signed()
            # A field that is true or false has no bytes of its own.
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._number())
        if kind in (9, 10):
            return self._list()
        if kind == 11:
            return self._map()
        if kind == 12:
            return self.struct()
        raise FooterError

    def _list(self) -> list[Any]:
        count, kind = divmod(self._byte(), 16)
        if count == 15:
            count = self._number()
        return [self._value(kind) for _ in range(count)]

    def _map(self) -> list[Any]:
        count = self._number()
        if not count:
            return []
        kinds = divmod(self._byte(), 16)
        return [self._value(kind) for _ in range(count) for kind in kinds]

    def _signed(self) -> int:
        number = self._number()
        return (number >> 1) ^ -(number & 1)

    def _number(self) -> int:
        number = 0
        for shift in range(0, LONGEST_NUMBER, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise FooterError

    def _byte(self) -> int:
        byte = self._content[self._place]
        self._place += 1
        return byte

    def _bytes(self, count: int) -> bytes:
        start = self._place
        self._place += count
        if self._place > len(self._content):
            raise FooterError
        return self._content[start : self._place]
