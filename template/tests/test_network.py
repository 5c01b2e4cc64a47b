"""Connections end in time, however a service delays; the proxy and certificates are checked."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import httpcore2
import httpx2
import pytest

from quant_team_data import errors, network
from quant_team_data.network import Backend, Deadline, Wire
from quant_team_data.transport import PATIENCE, HttpTransport, longest
from tests.rude_server import OK, QUICK, Talk, body, client_of, drips, failure, serving

DROPS = 200  # four seconds of them: without a deadline a test fails instead of hanging
LENGTH = b"Content-Length: 1000\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
NAMED = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"  # a file name follows, of any length


class Timer:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Slow(httpcore2.NetworkStream):
    """A connection on which each read takes a second, and brings the next of some parts."""

    def __init__(self, parts: Iterable[bytes], timer: Timer) -> None:
        self.parts = iter(parts)
        self.timer = timer
        self.timeouts: list[float | None] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.timeouts.append(timeout)
        self.timer.now += 1
        return next(self.parts, b"")

    def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

    def close(self) -> None: ...


class SlowBackend(httpcore2.NetworkBackend):
    def __init__(self, stream: Slow) -> None:
        self.stream = stream

    def connect_tcp(self, *arguments: object, **options: object) -> httpcore2.NetworkStream:
        return self.stream


@pytest.mark.parametrize(
    ("first", "drops"),
    [
        (OK + b"Content-Length: 100000\r\n\r\n", [b"x"]),
        (OK + b"Connection: close\r\n\r\n", [b"x"]),
        (OK + CHUNKED, [b"1\r\nx\r\n"]),
        (OK + GZIP + LENGTH + NAMED, [b"x"]),
        (b"", [b"HTTP/1.1 100 Continue\r\n\r\n"]),
        (b"", [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]),
        (b"", [b"H"]),
        (OK, [b"X-Endless: y\r\n"]),
        (OK + b"X-Endless: ", [b"y"]),
    ],
    ids=[
        "a body with a length",
        "a body without a length",
        "chunks",
        "gzip",
        "100 Continue",
        "103 Early Hints",
        "the status line",
        "headers",
        "one header",
    ],
)
def test_a_response_that_drips_ends_at_the_deadline(first: bytes, drops: list[bytes]) -> None:
    """Each read is quick, so only the time for the whole request ends it; it is not tried again."""
    dripping = itertools.islice(itertools.cycle(drops), DROPS)
    with serving(drips(first, dripping)) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        error = failure(lambda: client.get("/v1/intervals", {}, timeout=QUICK))
    assert isinstance(error, errors.TransportError)
    assert not error.retryable
    assert error.endpoint == "/v1/intervals"


def test_the_sentence_says_how_long_it_took() -> None:
    """The whole request may take the time to connect, and three times the wait."""
    assert longest(PATIENCE) == pytest.approx(33.05)
    dripping = drips(OK + LENGTH, itertools.repeat(b"x", DROPS))
    with serving(dripping) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        error = failure(lambda: client.klines("AAPL.US", timeout=QUICK))
    assert "did not send its whole response within 0.4 s" in str(error)
    assert "pass a longer timeout" in str(error)


def test_a_slow_but_whole_response_is_read() -> None:
    """A body in drops that ends in time is as good as any."""
    content = b'{"code": 0, "data": {"x": 1}}'
    whole = body(content)
    talk: Talk = drips(whole[:-3], [whole[-3:-2], whole[-2:]])
    with serving(talk) as port:
        assert client_of(f"http://127.0.0.1:{port}").get("/x", {}, timeout=(2, 2)) == {"x": 1}


def test_each_step_gets_what_is_left() -> None:
    """By a clock of the test's own: ten seconds are ten reads of a second."""
    timer = Timer()
    deadline = Deadline(timer)
    stream = Slow(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), timer)
    wire = Wire(
        "http://127.0.0.1", deadline, connections=2, is_local=True, below=SlowBackend(stream)
    )
    deadline.start(10)
    with httpx2.Client(transport=wire, timeout=6) as client, pytest.raises(httpcore2.ReadTimeout):
        client.get("http://127.0.0.1/")
    assert stream.timeouts == [6, 6, 6, 6, 6, 5, 4, 3, 2, 1]
    assert deadline.is_over


class Refusing(httpcore2.NetworkBackend):
    """Addresses of which each is silent for three seconds."""

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.asked: list[tuple[str, float | None]] = []

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *rest: object
    ) -> httpcore2.NetworkStream:
        self.asked.append((host, timeout))
        self.timer.now += timeout or 3
        raise httpcore2.ConnectTimeout("silent")


def test_many_silent_addresses_end_at_the_deadline() -> None:
    """A name may have many: together they get no more time than one."""
    timer = Timer()
    deadline = Deadline(timer)
    below = Refusing(timer)
    hosts = [f"10.0.0.{number}" for number in range(9)]
    backend = Backend(deadline, below, resolve=lambda host, port: hosts)
    deadline.start(8)
    with pytest.raises(httpcore2.TimeoutException):
        backend.connect_tcp("many.example", 443, timeout=3)
    assert below.asked == [("10.0.0.0", 3), ("10.0.0.1", 3), ("10.0.0.2", 2)]


def test_the_last_refusal_counts() -> None:
    """Where no address accepts a connection."""
    backend = Backend(Deadline(), Refusing(Timer()), resolve=lambda host, port: ["10.0.0.1"])
    with pytest.raises(httpcore2.ConnectTimeout, match="silent"):
        backend.connect_tcp("one.example", 443)
    assert network.addresses_of("127.0.0.1", 1) == ["127.0.0.1"]


def test_a_new_request_has_its_own_time() -> None:
    """What the last one used up does not count."""
    timer = Timer()
    deadline = Deadline(timer)
    assert deadline.within(None) is None
    deadline.start(2)
    timer.now += 3
    assert deadline.is_over
    deadline.start(2)
    assert not deadline.is_over
    assert deadline.within(None) == 2


# --- the proxy


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.lan:8080"}, "http://proxy.lan:8080"),
        ({"https_proxy": "proxy.lan:8080"}, "http://proxy.lan:8080"),
        ({"ALL_PROXY": "http://all.lan:1"}, "http://all.lan:1"),
        ({"ALL_PROXY": "http://all.lan:1", "HTTPS_PROXY": "http://one.lan:1"}, "http://one.lan:1"),
        ({"HTTP_PROXY": "nonsense://"}, None),
        ({"HTTPS_PROXY": "http://proxy.lan:8080", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy.lan:8080", "NO_PROXY": "x.org, .tickdb.ai"}, None),
        ({"HTTPS_PROXY": "http://proxy.lan:1", "NO_PROXY": "x.org"}, "http://proxy.lan:1"),
    ],
)
def test_the_proxy_is_the_environments(
    environment: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY before ALL_PROXY, in either case of letters; NO_PROXY takes names out."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = network.proxy_for("https://api.tickdb.ai")
    assert (str(found.url) if found else None) == proxy


def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local sandbox answers whatever the environment says."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/gone")
    HttpTransport("http://127.0.0.1:1")
    HttpTransport("https://127.0.0.1:1")
