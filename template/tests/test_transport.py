"""One GET: the address is checked, the key is sent and never shown, the sandbox needs none."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from quant_team_data import data_client, errors
from quant_team_data.data_client import (
    TickDBClient,
    TickDBError,
    fetch_klines,
    fetch_latest_price,
    get_api_key,
)
from quant_team_data.limits import Limiter
from quant_team_data.transport import Response
from quant_team_utils.log import RedactingFormatter
from tests.service import (
    KEY,
    URL,
    Clock,
    Service,
    fault,
    hourly,
    ok,
)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


@pytest.fixture
def service() -> Iterator[Service]:
    fake = Service()
    with fake.using():
        yield fake


@pytest.mark.parametrize(
    ("url", "key", "error", "words"),
    [
        (
            "",
            KEY,
            errors.ConfigError,
            r"TICKDB_BASE_URL=sandbox .* or TICKDB_BASE_URL=https://api\.tickdb\.ai",
        ),
        ("Sandbox", KEY, errors.ConfigError, "neither `sandbox` nor an https address"),
        ("http://api.tickdb.ai", KEY, errors.ConfigError, "show your key"),
        ("https://user:pw@api.tickdb.ai", KEY, errors.ConfigError, "neither"),
        ("https://api.tickdb.ai?key=x", KEY, errors.ConfigError, "neither"),
        ("https://", KEY, errors.ConfigError, "neither"),
        ("https://[", KEY, errors.ConfigError, "neither"),
        ("https://a b", KEY, errors.ConfigError, "neither"),
        ("https://a.b:port", KEY, errors.ConfigError, "neither"),
        ("https://api.tickdb.ai", "", errors.AuthError, "TICKDB_API_KEY is not set"),
        (
            "https://api.tickdb.ai",
            "tk_live_your_key_here",
            errors.AuthError,
            "TICKDB_API_KEY is not set",
        ),
        ("https://api.tickdb.ai", "two words", errors.AuthError, "characters"),
        ("https://api.tickdb.ai", "schlüssel", errors.AuthError, "characters"),
        ("http://127.0.0.1:1", "", errors.AuthError, "TICKDB_API_KEY is not set"),
    ],
)
def test_settings_that_cannot_work_are_one_sentence(
    url: str,
    key: str,
    error: type[TickDBError],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Only the literal `sandbox` is the sandbox; all else needs a key, and never plain http."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setenv("TICKDB_BASE_URL", url)
    monkeypatch.setenv("TICKDB_API_KEY", key)
    with pytest.raises(error, match=words) as caught:
        fetch_latest_price("AAPL.US")
    assert "\n" not in str(caught.value)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (httpx2.ConnectError("refused"), "cannot be reached"),
        (httpx2.ReadTimeout("slow"), "took too long"),
        (httpx2.RemoteProtocolError("cut"), "cannot be reached"),
    ],
)
def test_a_lost_connection_is_tried_again_then_said(
    service: Service, broken: Exception, words: str
) -> None:
    """One fault passes unnoticed; without a network the sentence says what to do."""
    service.replies(broken, ok({"klines": hourly(1)}))
    assert len(fetch_klines("AAPL.US")) == 1
    service.replies(broken)
    with pytest.raises(
        errors.TransportError, match=rf"api\.tickdb\.ai {words}.*TICKDB_BASE_URL=sandbox"
    ):
        fetch_klines("AAPL.US")
    assert len(service.requests) == 2 + 4


def test_the_key_is_sent_in_its_header(service: Service) -> None:
    """The service gets the key as `X-API-Key`."""
    seen: list[str] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["X-API-Key"])
        return ok({"klines": []})

    service.reply = reply
    fetch_klines("AAPL.US")
    assert seen == [KEY]


@pytest.mark.parametrize(
    "reply",
    [
        ok({"klines": []}),
        fault(401, 1001),
        fault(429, 3001),
        httpx2.ConnectError("no"),
        fault(500, 5000),
    ],
)
def test_the_key_is_never_shown(
    service: Service, caplog: pytest.LogCaptureFixture, reply: httpx2.Response | Exception
) -> None:
    """No log line down to DEBUG, no exception, response or client holds the key that was sent."""
    caplog.set_level(logging.DEBUG)
    service.replies(reply)
    shown = ""
    try:
        params = {"symbol": "AAPL.US", "interval": "1h"}
        response = data_client.client().request("/v1/market/kline", params)
        shown = f"{response.headers!r} {response!r} {vars(response)!r}"
        fetch_klines("AAPL.US")
    except TickDBError as error:
        shown += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert service.requests
    assert KEY not in shown + caplog.text + repr(data_client.client())


class Echo(BaseHTTPRequestHandler):
    """A service that repeats the key in its answer, and breaks some connections."""

    def do_GET(self) -> None:
        if "depth" in self.path:
            self.connection.close()
            return
        body = json.dumps(
            {"code": 2001, "message": f"bad key {self.headers['X-API-Key']}"}
        ).encode()
        self.send_response(400, f"no {self.headers['X-API-Key']}")
        self.send_header("X-Echo", str(self.headers["X-API-Key"]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Return what is logged, every library at DEBUG, as the commands of this project write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter())
    caplog.set_level(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def echo() -> Iterator[str]:
    """Serve the service that repeats the key, and return its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        serve = {"poll_interval": 0.01}
        thread = threading.Thread(target=server.serve_forever, kwargs=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_key_is_in_no_handler_of_a_notebook(echo: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where the service repeats it in its reason phrase and headers, all libraries at DEBUG."""
    caplog.set_level(logging.DEBUG)
    key = "plantedsecret" + "4711"  # of no shape, and in no setting
    client = TickDBClient(echo, key, plan="unlimited", sleep=Clock().sleep)
    with pytest.raises(errors.BadRequestError, match=r"bad key \*\*\*"):
        client.klines("AAPL.US")
    assert "httpcore2" in caplog.text
    assert "X-Echo" in caplog.text
    assert key not in caplog.text


def shown_by(call: Callable[[], object]) -> str:
    """Return all that an error of a call shows: trace with locals, repr, attributes, context."""
    try:
        call()
    except TickDBError as error:
        # Without this test's own frame.
        frames = error.__traceback__ and error.__traceback__.tb_next
        trace = traceback.TracebackException(type(error), error, frames, capture_locals=True)
        logging.getLogger("notebook").exception("failed")
        parts = [*trace.format(), repr(error), repr(vars(error)), repr(error.__context__)]
        return "".join(parts)
    return ""


@pytest.mark.parametrize("place", ["environment", ".env", "argument"])
def test_a_key_is_nowhere_in_the_output_at_debug(
    place: str, echo: str, log: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a real connection, every library at DEBUG: in no log line, error, local or repr."""
    key = KEY if place == "argument" else "plantedsecret4711"
    if place == ".env":
        (tmp_path / ".env").write_text(f"TICKDB_API_KEY={key}\n", encoding="utf-8")
    elif place == "environment":
        monkeypatch.setenv("TICKDB_API_KEY", key)
    sent = key if place == "argument" else get_api_key()
    limiter = Limiter(key, "free", folder=tmp_path) if place == "argument" else None
    client = TickDBClient(echo, sent, limiter=limiter, sleep=Clock().sleep)
    shown = repr(client) + repr(vars(client))
    shown += shown_by(lambda: client.klines("AAPL.US"))
    shown += shown_by(lambda: client.depth("AAPL.US"))
    shown += repr(client.request("/v1/market/kline", {"symbol": "AAPL.US"}))
    logged = log.getvalue()
    assert "httpcore2" in logged  # the libraries did log
    assert re.search(r"bad key (tk_live_)?\*\*\*", shown)
    assert key[-11:] not in logged + shown


def test_a_stop_in_the_middle_of_a_request_shows_no_key(service: Service) -> None:
    """Ctrl-C ends in a traceback without the frames that hold the header."""

    def stop(request: httpx2.Request) -> httpx2.Response:
        raise KeyboardInterrupt

    service.reply = stop
    with pytest.raises(KeyboardInterrupt) as caught:
        data_client.client().klines("AAPL.US")
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [Path(frame.filename).name for frame in frames][-1] == "transport.py"
    assert caught.value.__suppress_context__


def test_the_sandbox_needs_no_http_library(tmp_path: Path) -> None:
    """Cached or not, a price and a range of the sandbox load neither httpx2 nor a rate limiter."""
    script = (
        "import sys\n"
        "from quant_team_data import fetch_bars, fetch_latest_price\n"
        "fetch_latest_price('BTCUSDT'), fetch_bars('BTCUSDT', '1d', '2024-01-01', '2024-01-31')\n"
        "print({'httpx2', 'pyrate_limiter', 'numpy.ma', 'pandas'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "set()\n", "")


def test_importing_the_package_loads_nothing() -> None:
    """A command that only needs the stamp does not wait for data frames."""
    script = (
        "import sys, quant_team_data\n"
        "quant_team_data.SYNTHETIC\n"
        "print({'polars', 'numpy', 'msgspec', 'click'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_the_same_client_can_be_had_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport of one's own is all that a client needs."""
    monkeypatch.delenv("TICKDB_BASE_URL")

    class Canned:
        def send(self, path: str, params: Any, headers: Any, timeout: Any) -> Response:
            return Response(200, b'{"code": 0, "data": {"intervals": ["1m"]}}')

    assert TickDBClient(URL, KEY, plan="unlimited", transport=Canned()).intervals() == ["1m"]


@pytest.mark.parametrize("kind", [TimeoutError, KeyboardInterrupt, RuntimeError])
def test_whatever_a_transport_raises_shows_no_key(kind: type[BaseException]) -> None:
    """The frames below hold the header, so they are cut off."""

    class Broken:
        def send(self, path: str, params: Any, headers: Any, timeout: Any) -> Response:
            raise kind("broken")

    client = TickDBClient(URL, KEY, plan="unlimited", transport=Broken())
    with pytest.raises(kind) as caught:
        client.intervals()
    frames = caught.value.__traceback__
    shown = traceback.TracebackException(kind, caught.value, frames, capture_locals=True)
    assert KEY not in "".join(shown.format())
