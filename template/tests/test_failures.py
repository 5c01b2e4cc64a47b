"""Whatever a service, a proxy or an environment does, a person gets one sentence of ours."""

from __future__ import annotations

import itertools
import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from quant_team_data import errors
from quant_team_data.data_client import fetch_klines
from quant_team_data.transport import HttpTransport
from quant_team_utils.errors import QuantError
from tests.rude_server import OK, body, client_of, failure, says, serving
from tests.service import KEY, NOW, URL, Service

DEEP = 100_000
LONG = 300_000
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


# --- servers


def nested(opening: bytes, closing: bytes) -> bytes:
    return opening * DEEP + closing * DEEP


SERVERS = {
    "says nothing": (b"", "cannot be reached"),
    "is another service": (b"SSH-2.0-OpenSSH_9.6\r\n", "cannot be reached"),
    "answers in HTTP/0.9": (b"<html>hello</html>\n", "cannot be reached"),
    "sends bytes of TLS": (b"\x15\x03\x01\x00\x02\x02\x16", "cannot be reached"),
    "clears the terminal": (b"\x1b[2J\x1b[H\r\n\r\n", "cannot be reached"),
    "has no status": (b"HTTP/1.1 \r\n\r\n", "cannot be reached"),
    "has a status of letters": (b"HTTP/1.1 abc OK\r\n\r\n", "cannot be reached"),
    "ends in the headers": (OK + b"Content-Type: x", "cannot be reached"),
    "has a header without a name": (OK + b": x\r\n\r\n", "cannot be reached"),
    "has a zero byte in a header": (OK + b"X: \0\r\n\r\n", "cannot be reached"),
    "has too many headers": (OK + b"X-Long: y\r\n" * LONG, "cannot be reached"),
    "has two lengths": (
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "cannot be reached",
    ),
    "has a length below zero": (OK + b"Content-Length: -1\r\n\r\n", "cannot be reached"),
    "changes the protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        ".",
    ),
    "has a bad chunk": (
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "cut short",
    ),
    "sends us elsewhere": (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        "HTTP 302",
    ),
    "has nothing to say": (b"HTTP/1.1 204 No Content\r\n\r\n", "not TickDB's JSON"),
    "has an empty body": (body(b""), "not TickDB's JSON"),
    "packs with brotli": (body(b"x", b"Content-Encoding: br"), "compressed neither"),
    "nests lists": (body(nested(b"[", b"]")), "nested too deeply"),
    "nests mappings": (
        body(b'{"code": 0, "data": ' + nested(b'{"a":', b"}").replace(b":}", b":0}") + b"}"),
        "nested too deeply",
    ),
    "nests what nobody reads": (
        body(b'{"code": 0, "data": {"klines": []}, "x": ' + nested(b"[", b"]") + b"}"),
        "nested too deeply",
    ),
    "nests an open end": (body(b"[" * DEEP), "nested too deeply"),
    "has a number without end": (
        body(b'{"code": ' + b"9" * 5000 + b', "data": null}'),
        "not TickDB's JSON",
    ),
    "has a code without end": (
        body(b'{"code": "' + b"9" * 5000 + b'", "message": "m"}'),
        "code 999",
    ),
    "has a message that is a list": (body(b'{"code": 2001, "message": [1]}'), "no readable"),
    "waits for a time that is none": (
        body(b'{"code": 3001, "data": {"reset_at": 1e300}}'),
        "rate limit",
    ),
    "is not UTF-8": (body(b'{"code": 0, "data": "\xff\xfe"}'), "."),
    "sends a page": (body(b"<html>Sign in</html>"), "proxy"),
}


@pytest.mark.parametrize(("response", "words"), SERVERS.values(), ids=SERVERS)
def test_what_a_server_does_is_one_sentence(response: bytes, words: str) -> None:
    """Over a real connection, tried again or not."""
    with serving(says(response)) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        error = failure(lambda: client.klines("AAPL.US", timeout=(1, 1)))
    assert isinstance(error, errors.TickDBError)
    assert words in str(error)
    assert error.endpoint == "/v1/market/kline"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """Return what a server needs whose certificate nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    kind = serialization.PrivateFormat.PKCS8
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(pem, kind, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_that_nobody_signed_is_said_at_once(tls: ssl.SSLContext) -> None:
    """Trying again would not help."""
    with serving(says(body(b"{}")), tls) as port:
        client = client_of(f"https://127.0.0.1:{port}")
        error = failure(lambda: client.klines("AAPL.US"))
    assert "a certificate that this machine does not trust" in str(error)
    assert isinstance(error, errors.TransportError)
    assert not error.retryable


def test_tls_with_a_server_that_has_none() -> None:
    """An https address of a plain server."""
    with serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        client = client_of(f"https://127.0.0.1:{port}")
        error = failure(lambda: client.klines("AAPL.US"))
    assert "cannot be reached over TLS" in str(error)


def test_a_plain_address_of_a_server_with_tls(tls: ssl.SSLContext) -> None:
    """And the other way round."""
    with serving(says(body(b"{}")), tls) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        error = failure(lambda: client.klines("AAPL.US"))
    assert "cannot be reached" in str(error)


# --- environments

PROXY = "http://user:planted" + "-password@127.0.0.1:{port}"

ENVIRONMENTS = {
    "a SOCKS proxy": ({"ALL_PROXY": "socks5://127.0.0.1:1"}, "pip install socksio|cannot be"),
    "a SOCKS proxy, names there": ({"ALL_PROXY": "socks5h://h:1"}, "pip install socksio|cannot be"),
    "SOCKS 4": ({"ALL_PROXY": "socks4://127.0.0.1:1"}, "proxy that HTTPS_PROXY"),
    "an unknown scheme": ({"HTTPS_PROXY": "ftp://proxy.lan"}, "proxy that HTTPS_PROXY"),
    "no host": ({"HTTPS_PROXY": "http://"}, "proxy that HTTPS_PROXY"),
    "half an address": ({"HTTPS_PROXY": "http://["}, "proxy that HTTPS_PROXY"),
    "a port of letters": ({"HTTPS_PROXY": "http://proxy.lan:port"}, "proxy that HTTPS_PROXY"),
    "a port that is too large": ({"HTTPS_PROXY": "http://h:99999"}, "proxy that HTTPS_PROXY"),
    "an escape": ({"HTTPS_PROXY": "http://\x1b[2J"}, "proxy that HTTPS_PROXY"),
    "a name with an empty part": ({"HTTPS_PROXY": "http://a..ü"}, "proxy that HTTPS_PROXY"),
    "nobody there": ({"HTTPS_PROXY": "http://127.0.0.1:1"}, "cannot be reached"),
    "no certificates": ({"SSL_CERT_FILE": "/gone/ca.pem"}, "SSL_CERT_FILE or SSL_CERT_DIR"),
    "certificates in a folder": ({"SSL_CERT_FILE": "/"}, "SSL_CERT_FILE or SSL_CERT_DIR"),
    "certificates that are none": ({"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE or SSL_CERT_DIR"),
}


@pytest.mark.parametrize(("environment", "words"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_what_an_environment_names_is_one_sentence(
    environment: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy or certificates that cannot be used: which variable, and what to write."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    error = failure(lambda: client_of(URL).klines("AAPL.US"))
    assert isinstance(error, errors.TickDBError)
    assert any(part in str(error) for part in words.split("|"))


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy refuses"),
        (b"HTTP/1.1 502 \x1b[2J\r\n\r\n", "cannot be reached"),
        (b"nonsense\r\n\r\n", "cannot be reached"),
        (b"HTTP/1.1 200 Connection established\r\n\r\nnonsense", "cannot be reached"),
    ],
)
def test_a_proxy_that_does_not_help_is_one_sentence(
    response: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its password is in no sentence."""
    with serving(says(response)) as port:
        monkeypatch.setenv("HTTPS_PROXY", PROXY.format(port=port))
        client = client_of("https://quant.example")
        error = failure(lambda: client.klines("AAPL.US"))
    assert words in str(error)
    assert "planted" not in str(error)


ADDRESSES = [
    "https://api.tickdb.ai:99999",
    "https://api.tickdb.ai:0",
    "https://api.tickdb.ai:-1",
    "https://[::1",
    "https://[v1.x]",
    "https://a..b",
    "https://.",
    "https://" + "a" * 64 + ".org",
    "https://" + "a." * 200 + "org",
    "https://\u202eapi.tickdb.ai",
    "https://api.tickdb.ai\\@evil.org",
    "https://xn--\u00e9.org",
    "https://api\u2024tickdb\u2024ai..",
    "https://\udcff.org",
    "https:///v1",
    "https:api.tickdb.ai",
    "//api.tickdb.ai",
    "\x1b[2J",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_cannot_be_is_one_sentence(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the settings, or given to a client."""
    monkeypatch.setenv("TICKDB_BASE_URL", address)
    monkeypatch.setenv("TICKDB_API_KEY", KEY)
    calls: list[Callable[[], object]] = [
        lambda: fetch_klines("AAPL.US"),
        lambda: HttpTransport(address),
    ]
    for call in calls:
        assert isinstance(failure(call), errors.ConfigError)


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "gone")


def loop(path: Path) -> None:
    path.symlink_to(path)


def file(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


LINE = f"TICKDB_API_KEY={KEY}\n"
FILES = {
    "a folder": Path.mkdir,
    "a link to nowhere": dangling,
    "a link to itself": loop,
    "UTF-16": file(LINE.encode("utf-16")),
    "UTF-16 without a mark": file(LINE.encode("utf-16-le")),
    "zero bytes": file(b"TICKDB_API_KEY=a\0b\n"),
    "only zero bytes": file(bytes(4096)),
    "Windows-1252": file(b"# sch\xf6n\n"),
    "an archive": file(b"\x1f\x8b\x08" + bytes(range(256))),
    "too large": file(b"#" * (2 << 20)),
}


@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_an_env_file_that_cannot_be_read_is_one_sentence(
    make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands where `.env` should be."""
    monkeypatch.delenv("TICKDB_BASE_URL", raising=False)
    make(tmp_path / ".env")
    error = failure(lambda: fetch_klines("AAPL.US"))
    assert isinstance(error, QuantError)
    assert str(tmp_path / ".env") in str(error)


# --- the library


RAISED = [
    httpx2.InvalidURL("x"),
    httpx2.StreamClosed(),
    httpx2.DecodingError("x"),
    httpx2.UnsupportedProtocol("x"),
    httpx2.PoolTimeout("x"),
    RecursionError("x"),
    ImportError("x"),
    AssertionError("x"),
    OverflowError("port must be 0-65535"),
    ValueError(f"bad header {KEY}"),
    UnicodeEncodeError("ascii", KEY, 0, 1, "x"),
    ssl.SSLError("x"),
    OSError("x"),
]


@pytest.mark.parametrize("raised", RAISED, ids=repr)
def test_whatever_the_library_raises_is_one_sentence(service: Service, raised: Exception) -> None:
    """Its own text is in none of it."""
    service.replies(raised)
    with service.using() as client:
        error = failure(lambda: client.klines("AAPL.US"))
    assert isinstance(error, errors.TransportError)
    assert type(raised).__name__ in str(error)


def test_a_name_that_nobody_knows_is_said(service: Service) -> None:
    """A slip in the address, or no network; the look-up may pass the next time."""
    service.replies(socket.gaierror(-2, "Name or service not known"))
    with service.using() as client:
        error = failure(lambda: client.klines("AAPL.US"))
    assert "its name is not known (gaierror): check TICKDB_BASE_URL and the network" in str(error)
    assert len(service.requests) == 4


# --- what a service says


CONTROLS = [chr(code) for code in itertools.chain(range(32), range(127, 160))]
MARKS = ["\u202a", "\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u2028", "\u2029", "\ufeff"]


@pytest.mark.parametrize("where", ["message", "error", "types", "code"])
def test_control_characters_of_a_service_are_escaped(service: Service, where: str) -> None:
    """They could clear a terminal, or turn a sentence around; letters of all languages stay."""
    text = "价格 ціна ".join(["", *CONTROLS, *MARKS, ""])
    fields: dict[str, object] = {"code": 2001, "message": "m"}
    if where == "types":
        fields = {"code": "AMBIGUOUS_SYMBOL", "data": {"available_types": [text]}}
    elif where == "code":
        fields = {"code": text}
    else:
        fields = {"code": 2001, where: text[:100], "x": text}
    service.replies(httpx2.Response(400, json=fields))
    with service.using() as client:
        error = failure(lambda: client.klines("AAPL.US"))
    if where != "code":
        assert "价格" in str(error)
