"""A server on this machine that answers with whatever bytes a test wants, as slowly as it wants."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from quant_team_data.tickdb import TickDBClient
from quant_team_data.transport import HttpTransport
from tests.service import KEY, Clock

Talk = Callable[[socket.socket], None]  # takes a connection whose request has been read

OK = b"HTTP/1.1 200 OK\r\n"
QUICK = (0.1, 0.1)  # seconds: the whole request then takes 0.4
PACE = 0.02  # seconds between two drops
_opened: list[HttpTransport] = []  # closed with the server


@contextlib.contextmanager
def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a port of this machine, and yield it; each connection is for one request."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []
    done = threading.Event()

    def converse(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            spoken = tls.wrap_socket(connection, server_side=True) if tls else connection
            with spoken:
                spoken.recv(65536)
                talk(spoken)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            if done.is_set():
                connection.close()
                return
            thread = threading.Thread(target=converse, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        while _opened:
            _opened.pop().close()
        done.set()
        socket.create_connection(listener.getsockname()).close()
        accepting.join()
        listener.close()
        for thread in threads:
            thread.join()


def says(*parts: bytes) -> Talk:
    """Send these bytes and close."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))

    return talk


def drips(first: bytes, drops: Iterable[bytes]) -> Talk:
    """Send the first bytes, then a drop now and then, until the peer closes."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(first)
        for drop in drops:
            closed, _, _ = select.select([connection], [], [], PACE)
            if closed:
                return
            connection.sendall(drop)

    return talk


def body(content: bytes, *headers: bytes) -> bytes:
    """Return a whole response, after which the connection ends."""
    length = b"Content-Length: %d" % len(content)
    lines = [length, b"Connection: close", *headers]
    return OK + b"\r\n".join(lines) + b"\r\n\r\n" + content


def client_of(address: str) -> TickDBClient:
    """Return a client of an address whose waits between two requests take no time."""
    clock = Clock()
    transport = HttpTransport(address)
    _opened.append(transport)
    return TickDBClient(
        address,
        KEY,
        plan="unlimited",
        transport=transport,
        clock=clock,
        sleep=clock.sleep,
    )


def failure(call: Callable[[], object]) -> Exception:
    """Return the error of a call, which is one sentence that can be printed, without the key."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks at it
        call()
    text = str(caught.value)
    assert text.isprintable()
    assert text.endswith(".")
    assert KEY not in text
    assert caught.value.__cause__ is None
    return caught.value
