"""Why no response came, in one sentence: for whatever the HTTP library raises."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpcore2
import httpx2

from quant_team_data import bodies, errors

OFFLINE = "or work offline with TICKDB_BASE_URL=sandbox."
NETWORK = "check the network and the proxy"
TIMEOUTS = (httpcore2.TimeoutException, httpx2.TimeoutException)
PROXY = (httpcore2.ProxyError, httpx2.ProxyError)
UNREACHED = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpx2.TransportError,
    OSError,
)
UNSENT = (
    httpcore2.LocalProtocolError,
    httpcore2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
    httpx2.UnsupportedProtocol,
    UnicodeError,
)


def error_of(
    problem: Exception,
    address: str,
    longest: float,
    *,
    is_late: bool,
) -> errors.TickDBError:
    """Return the error for what the library raised; it holds on to nothing of the request.

    Args:
        problem: anything.
        address: of the service.
        longest: seconds that the request might take.
        is_late: they are used up.
    """
    if is_late:
        return errors.TransportError(
            f"TickDB at {address} did not send its whole response within {longest:.3g} s: "
            f"{NETWORK}, pass a longer timeout, {OFFLINE}"
        )
    if isinstance(problem, bodies.CutShortError):
        return errors.TransportError(
            f"TickDB's response was cut short on its way: {NETWORK}, and try again.",
            retryable=True,
        )
    if isinstance(problem, bodies.TooLargeError):
        return errors.DecodeError(
            f"TickDB's response has more than {bodies.MOST_BYTES >> 20} MiB, which no response of "
            "the protocol has: request less, or report it to TickDB."
        )
    if isinstance(problem, bodies.UnknownCodingError):
        return errors.DecodeError(
            "TickDB's response is compressed neither with gzip nor with deflate, which is what was "
            "asked for: check the proxy, or report it to TickDB."
        )
    return _unreached(problem, address)


# Details


def _unreached(problem: Exception, address: str) -> errors.TransportError:
    name = type(problem).__name__
    if isinstance(problem, TIMEOUTS):
        happened, advice = "took too long to respond", NETWORK
        retryable = True
    else:
        happened, advice = _reason(problem)
        is_certificate = _caused_by(problem, ssl.SSLCertVerificationError)
        is_passing = isinstance(problem, UNREACHED) and not isinstance(problem, UNSENT)
        retryable = is_passing and not is_certificate
    return errors.TransportError(
        f"TickDB at {address} {happened} ({name}): {advice}, {OFFLINE}",
        retryable=retryable,
    )


def _reason(problem: Exception) -> tuple[str, str]:
    """Return what happened, and what to check."""
    if isinstance(problem, PROXY):
        return "cannot be reached: the proxy refuses", "check HTTPS_PROXY and ALL_PROXY"
    if _caused_by(problem, ssl.SSLCertVerificationError):
        return (
            "has a certificate that this machine does not trust",
            "check TICKDB_BASE_URL, the clock and SSL_CERT_FILE",
        )
    if _caused_by(problem, ssl.SSLError):
        return "cannot be reached over TLS", "check TICKDB_BASE_URL and the proxy"
    if _caused_by(problem, socket.gaierror):
        return "cannot be reached: its name is not known", "check TICKDB_BASE_URL and the network"
    if isinstance(problem, UNREACHED) and not isinstance(problem, UNSENT):
        return "cannot be reached", NETWORK
    return "cannot be asked", "check TICKDB_BASE_URL and the proxy"


def _caused_by(problem: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(error, kind) for error in _causes(problem))


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of that, and so on."""
    error: BaseException | None = problem
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
