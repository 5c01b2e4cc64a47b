"""One GET to TickDB: its address, its key, the way there.

`Caller` sends requests through a `Transport`: `HttpTransport` for addresses, `SandboxTransport` for
the sandbox inside this process, or whatever a test brings. The key travels in one header; nothing
here keeps it where a log line, an error, a traceback or a `repr` could show it.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from quant_team_data import errors, limits
from quant_team_data.limits import Clock, Sleep, utc_now
from quant_team_data.retries import (
    Jitter,
    facts_of,
    http_date,
    json_of,
    until_answered,
)
from quant_team_utils import settings

if TYPE_CHECKING:
    import httpx2

SANDBOX = "sandbox"
CONNECTIONS = 16
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

logger = logging.getLogger(__name__)

Timeout = tuple[float, float]  # seconds to connect, and to wait for the response
PATIENCE: Timeout = (3.05, 10)
R = TypeVar("R")


@dataclass(frozen=True)
class Response:
    """A response, checked by nobody yet.

    Attributes:
        status_code: HTTP status.
        content: the body.
        headers: by name.
        endpoint: path of the request, such as "/v1/market/kline".
        symbol: the symbol or symbols of the request, as the caller spelled them.
        resend: sends the same request again.
    """

    status_code: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    endpoint: str = "TickDB"
    symbol: str | None = None
    resend: Callable[[], Response] | None = field(default=None, repr=False)

    def json(self) -> Any:
        """Return the decoded body.

        Raises:
            ValueError: it is not JSON.
        """
        try:
            return msgspec.json.decode(self.content)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None


class Transport(Protocol):
    """The way to a service and back; a test may bring its own."""

    def send(
        self,
        path: str,
        params: Mapping[str, Any],
        headers: dict[str, str],
        timeout: Timeout,
    ) -> Response:
        """Send one GET.

        Args:
            path: such as "/v1/market/kline".
            params: of the query.
            headers: the key; whoever keeps this dict keeps the key.
            timeout: seconds to connect, and to wait for the response.

        Raises:
            TransportError: no response came.
        """


class HttpTransport:
    """HTTP to one address, over connections that are kept.

    Args:
        base_url: such as "https://api.tickdb.ai".
        wire: a transport of httpx2 in place of the network.
    """

    def __init__(
        self,
        base_url: str,
        wire: httpx2.BaseTransport | None = None,
    ) -> None:
        import httpx2  # slow, and not needed for the sandbox

        self._address = base_url
        pool = httpx2.Limits(max_connections=2 * CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        self._http = httpx2.Client(
            base_url=base_url, limits=pool, trust_env=not is_local(base_url), transport=wire
        )

    def send(
        self,
        path: str,
        params: Mapping[str, Any],
        headers: dict[str, str],
        timeout: Timeout,
    ) -> Response:
        """Send one GET, see `Transport`."""
        import httpx2

        patience = httpx2.Timeout(timeout[1], connect=timeout[0], pool=None)
        try:
            found = self._http.get(path, params=params, headers=headers, timeout=patience)
            return Response(found.status_code, found.content, found.headers)
        except httpx2.HTTPError as error:
            slow = isinstance(error, httpx2.TimeoutException)
            name = type(error).__name__
        # Raised out here, the error does not hold on to the request and its key.
        happened = "took too long to respond" if slow else "cannot be reached"
        raise errors.TransportError(
            f"TickDB at {self._address} {happened} ({name}): check the network and the proxy, or "
            "work offline with TICKDB_BASE_URL=sandbox.",
            retryable=True,
        )


class SandboxTransport:
    """The sandbox inside this process; it needs no network, no key and no HTTP library.

    Args:
        clock: returns the time at which the sandbox answers, aware.
    """

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock

    def send(
        self,
        path: str,
        params: Mapping[str, Any],
        headers: dict[str, str],
        timeout: Timeout,
    ) -> Response:
        """Ask the sandbox, see `Transport`."""
        from quant_team_data import sandbox
        from quant_team_data.markets import milliseconds

        texts = {name: str(value) for name, value in params.items()}
        now = milliseconds(self._clock())
        status, body = sandbox.answer(path, texts, {}, now=now)
        return Response(status, msgspec.json.encode(body))


@cache
def http(base_url: str) -> HttpTransport:
    """Return the transport to an address: its connections are shared by all clients."""
    return HttpTransport(base_url)


class Caller:
    """Sends GETs to one address with one key, and tries again where that may help.

    Args:
        base_url: `sandbox`, or an address.
        api_key: sent as the header `X-API-Key`; the sandbox inside this process needs none.
        limiter: keeps the rate of the key; None keeps none.
        transport: the way there; default: the sandbox in this process, or HTTP.
        clock: returns the time, aware.
        sleep: waits for seconds before a request is sent again.
        jitter: picks a wait between two numbers of seconds.
        ask_plan: returns the plan as key status says, or None; the limiter calls it.

    Attributes:
        ahead: by how much this machine's clock is ahead of the service's.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        limiter: limits.Limiter | None = None,
        transport: Transport | None = None,
        clock: Clock = utc_now,
        sleep: Sleep = time.sleep,
        jitter: Jitter = random.uniform,
        ask_plan: Callable[[], limits.Plan | None] = lambda: None,
    ) -> None:
        self.base_url = base_url
        self.limiter = limiter
        self.clock = clock
        self.ahead = timedelta()
        self._sleep = sleep
        self._jitter = jitter
        self._ask_plan = ask_plan
        self._transport = transport or _transport_of(base_url, clock)
        # Behind a function: whatever shows attributes does not show the key.
        self.headers: Callable[[], dict[str, str]] = lambda: (
            {"X-API-Key": api_key} if api_key else {}
        )

    def request(
        self,
        path: str,
        params: Mapping[str, Any],
        timeout: Timeout = PATIENCE,
        *,
        counted: bool = True,
    ) -> Response:
        """Send one GET and return the response, unchecked; it carries the means to send it again.

        Raises:
            TransportError: no response came.
        """
        if self.limiter and counted:
            self.limiter.acquire(self._ask_plan)
        asked = params.get("symbol", params.get("symbols"))
        found = self._send(path, params, timeout, asked)
        theirs = http_date(found.headers.get("Date"))
        if theirs is not None:
            self.ahead = max(self.clock() - theirs, timedelta())
        if self.limiter and found.status_code == 429:
            _learn(self.limiter, json_of(found))
        return Response(
            found.status_code,
            found.content,
            found.headers,
            path,
            asked,
            lambda: self.request(path, params, timeout),
        )

    def call(
        self,
        path: str,
        params: Mapping[str, Any],
        read: Callable[[Response], R],
        *,
        timeout: Timeout = PATIENCE,
        max_retries: int = 3,
    ) -> R:
        """Return what `read` makes of the response to a GET, sent again where that may help.

        A parameter that is None is left out.
        """
        sent = {name: value for name, value in params.items() if value is not None}
        logger.info("GET %s %s", path, sent)

        def send() -> Response:
            return self.request(path, sent, timeout)

        return until_answered(
            send,
            send,
            read,
            max_retries=max_retries,
            sleep=self._sleep,
            jitter=self._jitter,
        )

    def _send(
        self,
        path: str,
        params: Mapping[str, Any],
        timeout: Timeout,
        asked: str | None,
    ) -> Response:
        headers = self.headers()
        try:
            return self._transport.send(path, params, headers, timeout)
        except errors.TransportError as error:
            error.endpoint = path
            error.symbol = asked
            raise error.with_traceback(None) from None
        except BaseException as error:
            raise error.with_traceback(None) from None  # the frames below hold the key
        finally:
            headers.clear()


def _transport_of(base_url: str, clock: Clock) -> Transport:
    return SandboxTransport(clock) if base_url == SANDBOX else http(base_url)


def _learn(limiter: limits.Limiter, body: object) -> None:
    """Take over what a rate limit says about the plan."""
    facts = facts_of(body)
    plan = facts.get("plan")
    if plan and errors.code_of(body) in ("3001", "429"):
        limiter.learn(limits.plan_of(plan, facts.get("limit")))


# Settings


def get_api_key() -> str:
    """Return the TickDB key from `TICKDB_API_KEY`.

    Raises:
        AuthError: it is unset, the placeholder of `.env.example`, or cannot be a key (blanks, line
            ends).
    """
    key = settings.get("TICKDB_API_KEY")
    if not key or settings.is_placeholder(key):
        raise errors.AuthError(
            "TICKDB_API_KEY is not set: put your own key into .env, or set "
            "TICKDB_BASE_URL=sandbox to work without one."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise errors.AuthError(
            "TICKDB_API_KEY contains characters that no key has: copy it again from the TickDB "
            "dashboard."
        )
    return key


def base_url() -> str:
    """Return the checked `TICKDB_BASE_URL`: `sandbox`, or an address without a slash at its end.

    Raises:
        ConfigError: it is unset, or neither `sandbox` nor an https address.
    """
    url = settings.get("TICKDB_BASE_URL")
    if not url:
        raise errors.ConfigError(
            "TICKDB_BASE_URL is not set: in .env, write TICKDB_BASE_URL=sandbox for synthetic "
            "prices, or TICKDB_BASE_URL=https://api.tickdb.ai and your own key for real ones."
        )
    if url == SANDBOX:
        return url
    parts = _parts(url)
    if parts is None or not (parts.scheme == "https" or (parts.scheme == "http" and is_local(url))):
        raise errors.ConfigError(
            "TICKDB_BASE_URL is neither `sandbox` nor an https address (plain http would show your "
            "key): in .env, write TICKDB_BASE_URL=https://api.tickdb.ai or TICKDB_BASE_URL=sandbox."
        )
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Tell whether an address is the sandbox or on this machine."""
    if url == SANDBOX:
        return True
    parts = _parts(url)
    return parts is not None and parts.hostname in LOOPBACK


def _parts(url: str) -> SplitResult | None:
    """Return the parts of an address with a host and without a user, query or fragment."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return None
    extra = parts.username or parts.password or parts.query or parts.fragment
    usable = url.isprintable() and " " not in url and re.fullmatch(r"[\w.:-]+", host)
    return parts if usable and port != 0 and not extra else None
