"""What came, as messages: decoded, checked, in batches of symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from quant_team_data import errors, messages
from quant_team_data.errors import TickDBError
from quant_team_data.many import Result, in_order
from quant_team_data.markets import canonical
from quant_team_data.retries import data_of, http_date
from quant_team_data.transport import PATIENCE, Caller, Response, Timeout
from quant_team_utils.errors import QuantError

BATCH = 50  # symbols that TickDB takes at most per request
SUCCESS = (0, "0")
TOO_LATE = "<= 9999999999999"  # what msgspec says of a time after `messages.Milliseconds`
SANDBOX_SERVER = "quant-sandbox"  # how `quant sandbox` calls itself in the header `Server`

T = TypeVar("T")
R = TypeVar("R")
Read = Callable[[msgspec.Raw | None, str], R]  # takes what came for a symbol, and the symbol


class TypedCaller(Caller):
    """A caller whose answers are messages.

    Attributes:
        skew: by how much this machine's clock is ahead of the service's; negative: behind.
        server: how the service calls itself, or None.
        has_warned: a clock that is far off has been reported.
    """

    skew: timedelta = timedelta()
    server: str | None = None
    has_warned: bool = False

    def request(
        self,
        path: str,
        params: Mapping[str, Any],
        timeout: Timeout = PATIENCE,
        *,
        counted: bool = True,
    ) -> Response:
        """Send one GET, as every caller does, and note what the service says of itself."""
        response = super().request(path, params, timeout, counted=counted)
        theirs = http_date(response.headers.get("Date"))
        self.skew = timedelta() if theirs is None else self.clock() - theirs
        self.server = response.headers.get("Server")
        return response

    def require_sandbox(self) -> None:
        """Refuse a service on this machine that is not the sandbox.

        Raises:
            ConfigError: the last answer came from another one.
        """
        if SANDBOX_SERVER not in (self.server or ""):
            raise errors.ConfigError(
                f"The server at {self.base_url} is not `quant sandbox`, so its bars are not kept: "
                "in .env, write TICKDB_BASE_URL=sandbox, or the address that `quant sandbox` "
                "prints."
            )

    def get(
        self,
        path: str,
        params: Mapping[str, Any],
        kind: type[T],
        about: str,
        timeout: Timeout = PATIENCE,
    ) -> T | None:
        """Return the `data` of the answer to a GET, sent again where that may help.

        Args:
            path: such as "/v1/market/kline".
            params: of the query; one that is None is left out.
            kind: a type that msgspec can decode.
            about: the symbol, or what else is requested; for the sentence of an error.
            timeout: seconds to connect, and to wait for the response.
        """

        def typed(response: Response) -> T | None:
            return read(response, kind, about, self.clock())

        return self.call(path, params, typed, timeout=timeout)

    def needed(
        self,
        path: str,
        params: Mapping[str, Any],
        kind: type[T],
        about: str,
    ) -> T:
        """Return what `get` returns, if that is not nothing."""
        found = self.get(path, params, kind, about)
        if found is None:
            raise invalid(f"{about}: nothing came", about)
        return found

    def batch(
        self,
        path: str,
        symbols: Iterable[str],
        params: Mapping[str, Any],
        read_one: Read[R],
        timeout: Timeout = PATIENCE,
    ) -> Result[R]:
        """Request 50 symbols at a time.

        A batch that is refused for one of them is halved until that one is alone.
        """
        asked = list(dict.fromkeys(symbols))
        parts = [asked[at : at + BATCH] for at in range(0, len(asked), BATCH)]
        data: dict[str, R] = {}
        failed: dict[str, QuantError] = {}
        while parts:
            part = parts.pop()
            try:
                given = self._part(path, part, params, timeout)
            except errors.FATAL:
                raise
            except TickDBError as error:
                if len(part) > 1 and error.code in errors.OF_ONE_SYMBOL:
                    middle = len(part) // 2
                    parts += [part[:middle], part[middle:]]
                else:
                    failed |= dict.fromkeys(part, error)
                continue
            for symbol in part:
                try:
                    data[symbol] = read_one(_item_of(given, symbol, part), symbol)
                except (errors.SymbolNotFoundError, errors.DecodeError) as error:
                    failed[symbol] = error
        return in_order(asked, data, failed)

    def _part(
        self,
        path: str,
        part: list[str],
        params: Mapping[str, Any],
        timeout: Timeout,
    ) -> dict[str, msgspec.Raw]:
        """Return what one request gives, by canonical symbol, undecoded."""
        spelled = {canonical(symbol): one_symbol(symbol) for symbol in part}
        names = ",".join(spelled.values())
        wanted = {"symbols": names, **params}
        items = self.get(path, wanted, list[msgspec.Raw], names, timeout) or []
        # The service repeats the spelling of the request, or its own.
        return {canonical(record(item, messages.Named, names).symbol): item for item in items}


def read(
    response: Response,
    kind: type[T],
    about: str,
    now: datetime,
) -> T | None:
    """Return the `data` of a response as a message; null is None.

    Args:
        response: of this project's transport.
        kind: a type that msgspec can decode.
        about: the symbol, or what else was requested; for the sentence.
        now: aware.

    Raises:
        TickDBError: the subclass that fits; DecodeError for data of another shape.
    """
    answer = None
    problem: Exception | None = None
    try:
        answer = messages.decoder(kind).decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = error
    if answer is None or response.status_code != 200 or answer.code not in SUCCESS:
        data_of(response, now)  # raises the error that the response means
    if answer is None:
        what = messages.describe(response.content, problem or ValueError(), about)
        if TOO_LATE in what:
            what += ": times are in microseconds or nanoseconds, not in milliseconds"
        raise invalid(what, about)
    return answer.data


def invalid(what: str, about: str) -> errors.DecodeError:
    """Return the error for data that the protocol does not allow."""
    return errors.DecodeError(
        f"TickDB's response contains invalid data ({what}): report it to TickDB, or leave it out.",
        symbol=about,
    )


def record(
    content: msgspec.Raw,
    kind: type[messages.M],
    about: str,
) -> messages.M:
    """Return what `messages.record` returns.

    Raises:
        DecodeError: it is of another shape.
    """
    with valid(about, bytes(content)):
        return messages.record(content, kind)


@contextmanager
def valid(about: str, content: bytes = b"") -> Iterator[None]:
    """Turn what goes wrong with a message of another shape into the one error for it."""
    try:
        yield
    except (msgspec.DecodeError, ValueError) as error:
        what = messages.describe(content, error, about)
        raise invalid(what, about) from None


def is_same_symbol(asked: str, given: str) -> bool:
    """Tell whether two spellings mean the same; six digits may come back with their exchange."""
    if canonical(given) == canonical(asked):
        return True
    return asked.isdecimal() and given.startswith(f"{asked}.")


def of_symbol(lists: Mapping[str, list[T]], symbol: str) -> list[T]:
    """Return the list of a symbol, out of lists by symbol as the service spells it.

    Raises:
        DecodeError: there are lists, but of other symbols.
    """
    for name, found in lists.items():
        if is_same_symbol(symbol, name):
            return found
    if lists:
        raise invalid(f"{next(iter(lists))!r} instead of {symbol!r}", symbol)
    return []


def one_symbol(symbol: str) -> str:
    """Return a symbol that is one symbol: a comma would ask for two.

    Raises:
        BadRequestError: it is not.
    """
    if not symbol or not symbol.isprintable() or any(mark in symbol for mark in ", "):
        raise errors.BadRequestError(
            f"{symbol!r} is not one symbol: spell it as in AAPL.US, 700.HK, BTCUSDT.",
            symbol=symbol,
            code="2005",
        )
    return symbol


# Details


def _item_of(
    given: Mapping[str, msgspec.Raw],
    symbol: str,
    asked: list[str],
) -> msgspec.Raw | None:
    """Return what came for a symbol, or None.

    Raises:
        DecodeError: nothing, but something came that was not asked for.
    """
    found = given.get(canonical(symbol))
    if found is not None:
        return found
    for name, item in given.items():
        if is_same_symbol(symbol, name):
            return item
        if not any(is_same_symbol(other, name) for other in asked):
            raise invalid(f"{name!r} instead of {symbol!r}", symbol)
    return None
