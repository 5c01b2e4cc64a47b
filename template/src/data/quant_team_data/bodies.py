"""The body of a response, unpacked piece by piece: never more of it than a limit, and all of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import httpcore2
import httpx2

MOST_BYTES = 16 << 20  # unpacked: 16 MiB; a page of 1,000 bars has 0.2
PIECE = 1 << 20  # bytes that are unpacked at once
CODINGS = "gzip, deflate"  # what is asked for
PLAIN = ("", "identity")
GZIP = ("gzip", "x-gzip")
DEFLATE = "deflate"
LOST = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpx2.NetworkError,
    httpx2.ProtocolError,
)


class CutShortError(Exception):
    """The body ended too early, or was damaged on its way."""


class TooLargeError(Exception):
    """The body has more bytes than are read."""


class UnknownCodingError(Exception):
    """The body is packed in a way that nobody asked for."""


def content_of(response: httpx2.Response, most: int = MOST_BYTES) -> bytes:
    """Return the whole body of a response whose body is unread.

    Args:
        response: as it comes from the client, streaming.
        most: bytes that the body may have, packed and unpacked.

    Raises:
        CutShortError: it is not all there.
        TooLargeError: it has more bytes.
        UnknownCodingError: it is packed neither with gzip nor with deflate.
    """
    if response.is_stream_consumed:  # a wire without a network brings it whole
        chunks: Iterable[bytes] = [response.content]
    else:
        coding = response.headers.get("Content-Encoding", "")
        packed = _limited(_received(response), most)
        chunks = unpacked(packed, coding.strip().lower())
    return b"".join(_limited(chunks, most))


def unpacked(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield a body as it was before it was packed, in pieces.

    Args:
        chunks: as they come.
        coding: of the header Content-Encoding, in lower case.

    Raises:
        CutShortError: they end too early.
        UnknownCodingError: it is not a coding that was asked for.
    """
    if coding in PLAIN:
        yield from chunks
    elif coding in GZIP:
        yield from _inflated(chunks, zlib.MAX_WBITS | 16)
    elif coding == DEFLATE:
        yield from _inflated(chunks, None)
    else:
        raise UnknownCodingError


# Details


def _received(response: httpx2.Response) -> Iterator[bytes]:
    """Yield what comes over the connection."""
    try:
        yield from response.iter_raw()
    except LOST:
        raise CutShortError from None


def _limited(chunks: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise TooLargeError
        yield chunk


def _inflated(chunks: Iterable[bytes], window: int | None) -> Iterator[bytes]:
    """Yield what zlib unpacks; without a window, the first two bytes say whether there is a header.

    Raises:
        CutShortError: the end is missing, or a byte is wrong.
    """
    unpacker = None
    first = b""
    for chunk in chunks:
        rest = first + chunk
        if unpacker is None:
            if len(rest) < 2:
                first = rest
                continue
            first = b""
            unpacker = zlib.decompressobj(_window(rest) if window is None else window)
        try:
            yield from _pieces(unpacker, rest)
        except zlib.error:
            raise CutShortError from None
    is_whole = unpacker.eof if unpacker else not first
    if not is_whole:
        raise CutShortError


def _pieces(unpacker: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    while True:
        piece = unpacker.decompress(packed, PIECE)
        packed = unpacker.unconsumed_tail
        if piece:
            yield piece
        elif not packed:
            return


def _window(start: bytes) -> int:
    """Return the window of a deflated body: some services leave out the header of zlib."""
    has_header = start[0] & 15 == 8 and int.from_bytes(start[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
