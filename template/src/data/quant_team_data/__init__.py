"""Market data: the shared TickDB client, its errors, and the stamp of synthetic prices.

The names below are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from quant_team_utils.console import SYNTHETIC

if TYPE_CHECKING:
    from quant_team_data.data_client import (
        Result,
        TickDBClient,
        client,
        fetch_bars,
        fetch_klines,
        fetch_latest_price,
        fetch_many,
        get_api_key,
        handle_api_response,
        source,
        to_pandas,
        using,
    )
    from quant_team_data.errors import TickDBError

__all__ = [
    "SYNTHETIC",
    "Result",
    "TickDBClient",
    "TickDBError",
    "client",
    "fetch_bars",
    "fetch_klines",
    "fetch_latest_price",
    "fetch_many",
    "get_api_key",
    "handle_api_response",
    "source",
    "to_pandas",
    "using",
]


def __getattr__(name: str) -> Any:
    """Return a public name of `quant_team_data.data_client`, loaded now."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("quant_team_data.data_client"), name)
