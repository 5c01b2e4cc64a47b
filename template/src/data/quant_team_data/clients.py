"""The client in use: the one of `using`, else one for the settings of this moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Literal

from quant_team_data.limits import utc_now
from quant_team_data.tickdb import TickDBClient
from quant_team_data.transport import SANDBOX, base_url, get_api_key, is_local

Source = Literal["sandbox", "tickdb"]
_IN_USE: ContextVar[TickDBClient | None] = ContextVar("client in use", default=None)


def client() -> TickDBClient:
    """Return the client of `using`, else one for the settings of this moment.

    Connections are shared by all clients of one address.

    Raises:
        ConfigError: `TICKDB_BASE_URL` is unset or unusable.
        AuthError: there is no key, and the address is not `sandbox`.
    """
    given = _IN_USE.get()
    if given is not None:
        return given
    url = base_url()
    return TickDBClient(url, None if url == SANDBOX else get_api_key())


@contextmanager
def using(given: TickDBClient) -> Iterator[TickDBClient]:
    """Let everything in this block that would make its own client take this one.

    It holds for the threads of `fetch_many`, too. For tests, and for two keys in one notebook.
    """
    token = _IN_USE.set(given)
    try:
        yield given
    finally:
        _IN_USE.reset(token)


def source() -> Source:
    """Return where bars come from; a local address counts as the sandbox.

    Raises:
        ConfigError: `TICKDB_BASE_URL` is unset or unusable.
    """
    given = _IN_USE.get()
    if given is not None:
        return given.source
    return "sandbox" if is_local(base_url()) else "tickdb"


def now() -> datetime:
    """Return the time of the client of `using`, else of this machine; aware."""
    given = _IN_USE.get()
    return given.clock() if given is not None else utc_now()
