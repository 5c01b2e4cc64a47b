"""The error a user can fix: one sentence that says what is wrong, where, and what to type next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QuantError(Exception):
    """A fault of the set-up, the input or a service; its text is one sentence for the user.

    The `quant` command prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 1


def nearest(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known name that is most like `name`, in any case, or None if none is alike."""
    names = list(known)
    text = str(name)
    for candidate in names:
        if candidate.lower() == text.lower():
            return candidate
    found = difflib.get_close_matches(text, names, n=1, cutoff=cutoff)
    return found[0] if found else None


def did_you_mean(name: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return the end of a sentence about an unknown name: "did you mean X?", or all known names."""
    names = list(known)
    near = nearest(name, names, cutoff=cutoff)
    if near is not None:
        return f"did you mean {near}?"
    return f"known: {', '.join(names)}." if names else "there are none yet."
