"""The error a user can mend: one sentence that says what is wrong, where, and what to type next."""

from __future__ import annotations


class QuantError(Exception):
    """A fault of the set-up, the input or a service; its text is one sentence for the user.

    The `quant` command prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 1
