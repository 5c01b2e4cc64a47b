"""One GET to TickDB: its address, its key, the way there.

`Caller` sends requests through a `Transport`: `HttpTransport` for addresses, `SandboxTransport` for
the sandbox inside this process, or whatever a test brings. The key travels in one header; nothing
here keeps it where a log line, an error, a traceback or a `repr` could show it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from quant_team_data import addresses, errors, limits, messages
from quant_team_data.addresses import SANDBOX as SANDBOX
from quant_team_data.addresses import base_url as base_url
from quant_team_data.addresses import get_api_key as get_api_key
from quant_team_data.addresses import is_local as is_local
from quant_team_data.limits import Clock, Sleep, utc_now
from quant_team_data.retries import (
    Jitter,
    facts_of,
    json_of,
    until_answered,
)
from quant_team_utils import log

if TYPE_CHECKING:
    import httpx2

CONNECTIONS = 16

logger = logging.getLogger(__name__)

Timeout = tuple[float, float]  # seconds to connect, and to wait for the response
PATIENCE: Timeout = (3.05, 10)
READS = 3  # as often may a service use up the wait before a request is over
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
            messages.JsonError: a ValueError; it is not JSON, cut short, or nested too deeply.
        """
        return messages.plain(self.content)


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

    Raises:
        ConfigError: the address, or the proxy or certificates of the environment, cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        wire: httpx2.BaseTransport | None = None,
    ) -> None:
        # Slow, and not needed for the sandbox.
        import httpx2

        from quant_team_data import bodies, network

        url = _url(base_url)
        log.guard(*network.LOGGERS)
        self._address = base_url
        self._deadline = network.Deadline()
        if wire is None:
            wire = network.Wire(
                base_url,
                self._deadline,
                2 * CONNECTIONS,
                is_local=is_local(base_url),
            )
        self._http = httpx2.Client(
            base_url=url,
            headers={"Accept-Encoding": bodies.CODINGS},
            trust_env=False,
            transport=wire,
        )

    def send(
        self,
        path: str,
        params: Mapping[str, Any],
        headers: dict[str, str],
        timeout: Timeout,
    ) -> Response:
        """Send one GET, see `Transport`; it is over within `longest(timeout)`.

        Raises:
            TransportError: no response came, or not all of it in time.
            DecodeError: the response is too large, or its compression is unknown.
        """
        import httpx2

        from quant_team_data import bodies, failures

        most = longest(timeout)
        patience = httpx2.Timeout(timeout[1], connect=timeout[0], pool=most)
        self._deadline.start(most)
        try:
            with self._http.stream(
                "GET", path, params=params, headers=headers, timeout=patience
            ) as found:
                content = bodies.content_of(found)
                return Response(found.status_code, content, found.headers)
        except Exception as problem:
            is_late = self._deadline.is_over
            error = failures.error_of(problem, self._address, most, is_late=is_late)
        # Raised out here, the error does not hold on to the request and its key.
        raise error

    def close(self) -> None:
        """Close all connections."""
        self._http.close()


def longest(timeout: Timeout) -> float:
    """Return the seconds after which a request is over, however slowly its response drips in."""
    connect, wait = timeout
    return connect + READS * wait


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
        self._sleep = sleep
        self._jitter = jitter
        self._ask_plan = ask_plan
        self._transport = transport or _transport_of(base_url, clock)
        if api_key:
            log.hide(api_key)
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
        except errors.TickDBError as error:
            error.endpoint = path
            error.symbol = asked
            raise error.with_traceback(None) from None
        except BaseException as error:
            raise error.with_traceback(None) from None  # the frames below hold the key
        finally:
            headers.clear()


def _url(address: str) -> httpx2.URL:
    """Return the parts of an address of a service."""
    import httpx2

    parts = addresses.parts_of(address)
    if parts is not None and parts.scheme in ("http", "https"):
        with suppress(httpx2.InvalidURL, ValueError):
            return httpx2.URL(address)
    raise errors.ConfigError(
        f"{address!r} is not the address of a service: write it as https://api.tickdb.ai."
    )


def _transport_of(base_url: str, clock: Clock) -> Transport:
    return SandboxTransport(clock) if base_url == SANDBOX else http(base_url)


def _learn(limiter: limits.Limiter, body: object) -> None:
    """Take over what a rate limit says about the plan."""
    facts = facts_of(body)
    plan = facts.get("plan")
    if plan and errors.code_of(body) in ("3001", "429"):
        limiter.learn(limits.plan_of(plan, facts.get("limit")))
