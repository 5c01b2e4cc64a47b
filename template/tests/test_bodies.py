"""A body is unpacked piece by piece, up to a limit, and is refused if its end is missing."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_team_data import bodies, errors
from quant_team_data.bodies import CutShortError, TooLargeError, UnknownCodingError
from tests.rude_server import OK, body, client_of, failure, says, serving
from tests.service import Service, hourly, ok

ANSWER = b'{"code": 0, "data": {"x": 1}}'
GZIP = b"Content-Encoding: gzip"


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate, raw": raw_deflate,
}


def chunks(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def read(content: bytes, coding: str, size: int = 7) -> bytes:
    return b"".join(bodies.unpacked(chunks(content, size), coding.partition(",")[0]))


@pytest.mark.parametrize("coding", PACKED)
@given(content=st.binary(max_size=300), size=st.integers(1, 400))
def test_any_body_is_as_it_was_before_it_was_packed(coding: str, content: bytes, size: int) -> None:
    """In whatever pieces it comes."""
    assert read(PACKED[coding](content), coding, size) == content


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, raw"])
@given(content=st.binary(min_size=1, max_size=300), data=st.data())
def test_a_body_that_ends_too_early_is_refused(
    coding: str, content: bytes, data: st.DataObject
) -> None:
    """Wherever it was cut, before its checksum was complete."""
    packed = PACKED[coding](content)
    end = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(CutShortError):
        read(packed[:end], coding)


def test_a_damaged_body_is_refused() -> None:
    """Also one that is not packed at all, though its header says so."""
    packed = bytearray(gzip.compress(ANSWER))
    packed[-6] ^= 1
    for content in (bytes(packed), ANSWER, b"\x1f\x8b"):
        with pytest.raises(CutShortError):
            read(content, "gzip")


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "x\x1b"])
def test_another_coding_is_refused(coding: str) -> None:
    """Only what was asked for is unpacked, and nothing twice."""
    with pytest.raises(UnknownCodingError):
        list(bodies.unpacked([ANSWER], coding))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate, raw"])
def test_a_bomb_never_takes_more_memory_than_the_limit_and_a_piece(coding: str) -> None:
    """Two hundred kilobytes that unpack to 200 MiB are left after 16."""
    bomb = PACKED[coding](bytes(200 << 20))
    headers = {"Content-Encoding": coding.partition(",")[0]}
    response = httpx2.Response(200, headers=headers, stream=Stream(bomb))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            bodies.content_of(response)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < bodies.MOST_BYTES + 4 * bodies.PIECE


class Stream(httpx2.SyncByteStream):
    """A body over a connection, in one chunk."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content


def test_a_body_at_the_limit_is_read() -> None:
    """And one byte more is not."""
    for extra, most in ((0, 100), (1, 99)):
        response = httpx2.Response(200, stream=Stream(bytes(100)))
        if extra:
            with pytest.raises(TooLargeError):
                bodies.content_of(response, most)
        else:
            assert len(bodies.content_of(response, most)) == 100


# --- over a connection


@pytest.mark.parametrize(
    "response",
    [
        body(gzip.compress(ANSWER), GZIP),
        OK + GZIP + b"\r\n\r\n" + gzip.compress(ANSWER),
        OK + b"Content-Encoding: GZip \r\n\r\n" + gzip.compress(ANSWER),
        OK + b"\r\n" + ANSWER,
        body(ANSWER),
        body(zlib.compress(ANSWER), b"Content-Encoding: deflate"),
    ],
)
def test_whole_responses_are_read(response: bytes) -> None:
    """Packed or not, with a length or without."""
    with serving(says(response)) as port:
        assert client_of(f"http://127.0.0.1:{port}").get("/x", {}) == {"x": 1}


CUT = {
    "its length": body(ANSWER)[:-4],
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n1d\r\n" + ANSWER[:9],
    "gzip": body(gzip.compress(ANSWER)[:-4], GZIP),
    "gzip without a length": OK + GZIP + b"\r\n\r\n" + gzip.compress(ANSWER)[:-12],
    "JSON without a length": OK + b"\r\n" + ANSWER[:-1],
    "JSON with the length of what is left": body(ANSWER[:-1]),
}


@pytest.mark.parametrize("response", CUT.values(), ids=CUT)
def test_a_response_that_is_cut_short_is_tried_again(response: bytes) -> None:
    """Like a dropped connection: the next whole one counts."""
    answers = iter([response, response, body(ANSWER)])

    with serving(lambda connection: connection.sendall(next(answers))) as port:
        assert client_of(f"http://127.0.0.1:{port}").get("/x", {}) == {"x": 1}
    assert next(answers, None) is None


@pytest.mark.parametrize("response", CUT.values(), ids=CUT)
def test_what_is_always_cut_short_is_said(response: bytes) -> None:
    """It is the network's or the proxy's fault, not that of TICKDB_BASE_URL."""
    with serving(says(response)) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        error = failure(lambda: client.klines("AAPL.US"))
    assert isinstance(error, errors.TransportError)
    assert "cut short on its way: check the network and the proxy" in str(error)
    assert "TICKDB_BASE_URL" not in str(error)


def test_a_response_cut_short_without_a_network_is_tried_again(service: Service) -> None:
    """A typed answer, too."""
    whole = ok({"klines": hourly(1)})
    service.replies(httpx2.Response(200, content=whole.content[:-9]), whole)
    with service.using() as client:
        assert len(client.klines("AAPL.US")) == 1
    assert len(service.requests) == 2


def test_a_bomb_over_a_connection_is_one_sentence() -> None:
    """It is not tried again."""
    bomb = gzip.compress(bytes(40 << 20))
    with serving(says(body(bomb, GZIP))) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        error = failure(lambda: client.klines("AAPL.US"))
    assert isinstance(error, errors.DecodeError)
    assert "more than 16 MiB" in str(error)
