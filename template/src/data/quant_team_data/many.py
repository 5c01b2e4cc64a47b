"""Many symbols at once, in threads: one that fails never loses the others."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Generic, TypeVar

from quant_team_data import errors
from quant_team_data.markets import canonical
from quant_team_data.transport import CONNECTIONS
from quant_team_utils import console
from quant_team_utils.errors import QuantError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Result(Generic[T]):
    """What came for many symbols.

    Attributes:
        data: by symbol, in the order and spelling of the request.
        errors: why the other symbols have no data.
    """

    data: dict[str, T]
    errors: dict[str, QuantError]

    def complete(self) -> dict[str, T]:
        """Return the data of all symbols.

        Raises:
            QuantError: the first error, if one symbol is missing.
        """
        for error in self.errors.values():
            raise error
        return self.data


def each(symbols: Iterable[str], work: Callable[[str], R]) -> Result[R]:
    """Return what `work` returns for each symbol, from several threads.

    Spellings that mean the same, such as 700.HK and 00700.HK, are one symbol: one piece of work.
    The threads see the context variables of the caller.

    Raises:
        AuthError: the key is missing, wrong or expired: no symbol would do better.
        ConfigError: nor here.
        QuotaExhaustedError: nor here.
    """
    asked = list(dict.fromkeys(symbols))
    spellings: dict[str, list[str]] = {}
    for symbol in asked:
        spellings.setdefault(canonical(symbol), []).append(symbol)
    data: dict[str, R] = {}
    failed: dict[str, QuantError] = {}
    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        with console.progress(f"{len(spellings)} symbols", len(spellings)) as advance:
            running = {}
            for names in spellings.values():
                context = contextvars.copy_context()
                running[pool.submit(context.run, work, names[0])] = names
            for done in as_completed(running):
                names = running[done]
                try:
                    data |= dict.fromkeys(names, done.result())
                except errors.FATAL:
                    raise
                except QuantError as error:
                    failed |= dict.fromkeys(names, error)
                advance(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return in_order(asked, data, failed)


def in_order(asked: list[str], data: dict[str, R], failed: dict[str, QuantError]) -> Result[R]:
    """Return a result whose entries are in the order of the request."""
    return Result(
        {name: data[name] for name in asked if name in data},
        {name: failed[name] for name in asked if name in failed},
    )
