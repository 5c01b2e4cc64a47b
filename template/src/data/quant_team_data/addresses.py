"""The address and the key that the settings name, checked before anything is sent."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from quant_team_data import errors
from quant_team_utils import settings

SANDBOX = "sandbox"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
HOST = re.compile(r"[\w.:-]+")
LONGEST_HOST = 253  # characters, as names on the internet have it


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
    parts = parts_of(url)
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
    parts = parts_of(url)
    return parts is not None and parts.hostname in LOOPBACK


def parts_of(url: str) -> SplitResult | None:
    """Return the parts of an address, or None if it cannot be one of a service.

    It has a host that may be a name on the internet, and neither user, query nor fragment.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
        host.encode("idna")
    except ValueError:
        return None
    extra = parts.username or parts.password or parts.query or parts.fragment
    if extra or port == 0 or not url.isprintable() or " " in url:
        return None
    if "[" in parts.netloc and ":" not in host:  # only numbers of version 6 are in brackets
        return None
    is_name = HOST.fullmatch(host) and len(host) <= LONGEST_HOST
    return parts if is_name else None
