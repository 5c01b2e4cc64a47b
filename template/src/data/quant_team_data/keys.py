"""What TickDB says about the key in use: its status and its plan."""

from __future__ import annotations

import logging

from quant_team_data import answers, limits, messages
from quant_team_data.answers import TypedCaller
from quant_team_data.errors import TickDBError
from quant_team_data.messages import Keys, KeyStatus

PATH = "/v1/apikeys/subscriptions"
ABOUT = "the key status"

logger = logging.getLogger(__name__)


def status(caller: TypedCaller) -> KeyStatus:
    """Return the status of the caller's key, without the key's first letters.

    Raises:
        TickDBError: the subclass that says what to do.
    """
    return _own(caller, caller.needed(PATH, {}, Keys, ABOUT))


def plan(caller: TypedCaller) -> limits.Plan | None:
    """Return the plan of the caller's key, or None if key status does not say it.

    The request is not counted: it is the limiter that waits for it.
    """
    try:
        response = caller.request(PATH, {}, counted=False)
        keys = answers.read(response, Keys, ABOUT, caller.clock())
        own = _own(caller, keys) if keys else None
    except TickDBError as error:
        logger.info("the plan of the key is not known: %s", error)
        return None
    if own is None or own.plan is None:
        return None
    return limits.plan_of(own.plan)


def _own(caller: TypedCaller, keys: Keys) -> KeyStatus:
    """Return the entry of the caller's key among those of an account, else the first."""
    mine = caller.headers().get("X-API-Key", "")
    if not keys.api_keys:
        raise answers.invalid("a key status without a key", ABOUT)
    found = keys.api_keys[0]
    for key in keys.api_keys:
        listed = answers.record(key, messages.KeyPrefix, ABOUT)
        prefix = listed.key_prefix or "?"
        if mine.startswith(prefix.rstrip(".*")):
            found = key
            break
    return answers.record(found, KeyStatus, ABOUT)
