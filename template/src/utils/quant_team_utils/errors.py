"""The error a user can fix: one sentence that says what is wrong, where, and what to type next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QuantError(Exception):
    """A fault of the set-up, the input or a service; its text is one sentence for the user.

    The `quant` command prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 1


def nearest(
    name: object,
    known: Iterable[str],
    *,
    cutoff: float = 0.6,
) -> str | None:
    """Return the known name that is most like `name`, in any case, or None if none is alike.

    Args:
        name: what was typed.
        known: the names there are.
        cutoff: how alike they must be, from 0 (anything) to 1 (the same).
    """
    by_lower_case = {}
    for candidate in known:
        by_lower_case[candidate.lower()] = candidate
    lowered = str(name).lower()
    found = difflib.get_close_matches(
        lowered,
        by_lower_case,
        n=1,
        cutoff=cutoff,
    )
    if not found:
        return None
    return by_lower_case[found[0]]


def did_you_mean(
    name: object,
    known: Iterable[str],
    *,
    cutoff: float = 0.6,
) -> str:
    """Return the end of a sentence about an unknown name: "did you mean X?", or all known names.

    Args:
        name: what was typed.
        known: the names there are, in the order in which they are shown.
        cutoff: how alike they must be, from 0 (anything) to 1 (the same).
    """
    names = list(known)
    near = nearest(name, names, cutoff=cutoff)
    if near is not None:
        return f"did you mean {near}?"
    if not names:
        return "there are none yet."
    shown = ", ".join(names)
    return f"known: {shown}."
