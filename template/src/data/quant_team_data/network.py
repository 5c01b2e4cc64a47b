"""What is below HTTP: connections that end in time, the proxy, and the certificates.

A library's timeout bounds each read. A service that sends a byte now and then, or interim responses
for ever, would keep a request open without end; here every step of a request gets what is left of
the time for the whole of it. Only the look-up of a name is the system's, and takes its time.
"""

from __future__ import annotations

import importlib.util
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from quant_team_data import addresses, errors

SOCKS = ("socks5", "socks5h")
LOGGERS = (  # which may log what a service says
    "httpx2",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.proxy",
    "httpcore2.socks",
)
JUST = 0.01  # seconds: less is over

Monotonic = Callable[[], float]  # seconds since any moment
Resolve = Callable[[str, int], list[str]]  # takes a host and a port


class Deadline(threading.local):
    """When the request that a thread waits for must be over; each thread has its own.

    Args:
        clock: seconds since any moment.
    """

    def __init__(self, clock: Monotonic = time.monotonic) -> None:
        self._clock = clock
        self._end = math.inf

    def start(self, seconds: float) -> None:
        """Give the request that begins now so many seconds."""
        self._end = self._clock() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self._end - self._clock() <= JUST

    def within(self, timeout: float | None) -> float | None:
        """Return the seconds that one step may take: its own timeout, or what is left if less.

        Raises:
            httpcore2.ReadTimeout: nothing is left.
        """
        left = self._end - self._clock()
        if left <= JUST:
            raise httpcore2.ReadTimeout("the time for the whole request is used up")
        if left == math.inf:
            return timeout
        return left if timeout is None else min(timeout, left)


class Backend(httpcore2.NetworkBackend):
    """Sockets of which every step ends by the deadline of its thread.

    Args:
        deadline: shared with whoever starts requests.
        below: opens the connections; default: sockets of this machine.
        resolve: returns the addresses of a host and a port; default: the system's look-up.
    """

    def __init__(
        self,
        deadline: Deadline,
        below: httpcore2.NetworkBackend | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._deadline = deadline
        self._resolve = resolve or addresses_of
        self._below = below or httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Open a connection to the first address of a host that accepts one.

        Raises:
            OSError: the host has no address.
            httpcore2.NetworkError: none accepts one.
            httpcore2.TimeoutException: nor did the last in time.
        """
        failed: Exception = httpcore2.ConnectError("no address")
        for address in self._resolve(host, port):
            left = self._deadline.within(timeout)
            try:
                opened = self._below.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
                failed = error
                continue
            return _Stream(opened, self._deadline)
        raise failed


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses of a host, each once, in the order in which the system would try them.

    Raises:
        OSError: it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class Wire(httpx2.BaseTransport):
    """The connections to one address, straight or through the proxy that the environment names.

    Args:
        address: such as "https://api.tickdb.ai".
        deadline: started for each request, in its thread.
        connections: how many may be open at once; half of them are kept.
        is_local: on this machine: no proxy, and no certificates out of the environment.
        below: opens the connections; default: sockets of this machine.

    Raises:
        ConfigError: the proxy or the certificates that the environment names cannot be used.
    """

    def __init__(
        self,
        address: str,
        deadline: Deadline,
        connections: int,
        *,
        is_local: bool,
        below: httpcore2.NetworkBackend | None = None,
    ) -> None:
        context = None
        if urlsplit(address).scheme == "https":
            context = certificates(trust_env=not is_local)
        proxy = None if is_local else proxy_for(address)
        self._pool = _pool(
            proxy,
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections // 2,
            keepalive_expiry=5.0,
            network_backend=Backend(deadline, below),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return the response, its body unread."""
        url = request.url
        target = httpcore2.URL(
            scheme=url.raw_scheme,
            host=url.raw_host,
            port=url.port,
            target=url.raw_path,
        )
        sent = httpcore2.Request(
            request.method,
            target,
            headers=request.headers.raw,
            content=cast("httpx2.SyncByteStream", request.stream),
            extensions=request.extensions,
        )
        found = self._pool.handle_request(sent)
        return httpx2.Response(
            found.status,
            headers=found.headers,
            stream=_Body(found),
            extensions=found.extensions,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def certificates(*, trust_env: bool = True) -> ssl.SSLContext:
    """Return what proves that an address is who it says.

    Args:
        trust_env: look at `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Raises:
        ConfigError: they cannot be read.
    """
    with suppress(OSError, ValueError):
        return httpx2.create_ssl_context(trust_env=trust_env)
    raise errors.ConfigError(
        "The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: name a file in "
        "PEM format, or unset both to use those of the system."
    )


def proxy_for(address: str) -> httpx2.Proxy | None:
    """Return the proxy that the environment or the system names for an address, or None.

    The sentence never quotes it, for it may hold a password.

    Raises:
        ConfigError: it cannot be used.
    """
    parts = urlsplit(address)
    if proxy_bypass(parts.netloc):
        return None
    named = getproxies()
    text = named.get(parts.scheme) or named.get("all")
    if not text:
        return None
    if "://" not in text:
        text = f"http://{text}"
    proxy = None
    with suppress(httpx2.InvalidURL, ValueError):
        proxy = httpx2.Proxy(text)
    if proxy is None or addresses.parts_of(str(proxy.url)) is None:
        raise errors.ConfigError(
            "The proxy that HTTPS_PROXY or ALL_PROXY names cannot be used: write it as "
            "http://HOST:PORT, or unset both."
        )
    if proxy.url.scheme in SOCKS and importlib.util.find_spec("socksio") is None:
        raise errors.ConfigError(
            "HTTPS_PROXY or ALL_PROXY names a SOCKS proxy, which needs one more package: run "
            "`pip install socksio`, name a proxy as http://HOST:PORT, or unset both."
        )
    return proxy


# Details


class _Stream(httpcore2.NetworkStream):
    """An open connection of which every step ends by the deadline of its thread."""

    def __init__(self, below: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._below = below
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._below.read(max_bytes, self._deadline.within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._below.write(buffer, self._deadline.within(timeout))

    def close(self) -> None:
        self._below.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        left = self._deadline.within(timeout)
        secured = self._below.start_tls(ssl_context, server_hostname, left)
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._below.get_extra_info(info)


class _Body(httpx2.SyncByteStream):
    """The body of a response, as it comes."""

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


def _pool(proxy: httpx2.Proxy | None, **options: Any) -> httpcore2.ConnectionPool:
    if proxy is None:
        return httpcore2.ConnectionPool(**options)
    url = httpcore2.URL(
        scheme=proxy.url.raw_scheme,
        host=proxy.url.raw_host,
        port=proxy.url.port,
        target=proxy.url.raw_path,
    )
    if proxy.url.scheme in SOCKS:
        return httpcore2.SOCKSProxy(url, proxy_auth=proxy.raw_auth, **options)
    if proxy.url.scheme == "https":
        options["proxy_ssl_context"] = certificates()
    return httpcore2.HTTPProxy(url, proxy_auth=proxy.raw_auth, **options)
