"""What to know before the numbers of a simulation are believed, in words."""

from __future__ import annotations

from collections.abc import Mapping


def warnings_of(
    counts: Mapping[str, int],
    deepest_debit: float,
    is_ruin: bool,
) -> list[str]:
    """Return what to know of a simulation, one sentence each.

    Args:
        counts: as in `Simulation`.
        deepest_debit: the most that the account owed its broker, in its currency.
        is_ruin: equity fell to zero or below.
    """
    found = []
    orders = counts["orders"]
    if is_ruin:
        found.append("Ruin: equity fell to zero or below, and the run ended there.")
    if counts["expired"]:
        found.append(
            f"{counts['expired']:,} of {_orders(orders)} expired before being filled whole, "
            "for lack of volume: what was filled by then stays."
        )
    if counts["waiting"]:
        were = "was" if counts["waiting"] == 1 else "were"
        found.append(
            f"{_orders(counts['waiting'])} {were} still waiting at the end: no bar was left."
        )
    if counts["too_small"]:
        were = "was" if counts["too_small"] == 1 else "were"
        found.append(
            f"{_orders(counts['too_small'])} {were} for less than one lot and changed nothing."
        )
    if counts["scaled"]:
        closes = "close" if counts["scaled"] == 1 else "closes"
        found.append(
            f"At {counts['scaled']:,} {closes} more was decided than `max_gross` allows, and was "
            "scaled down."
        )
    if deepest_debit > 0.01:
        found.append(f"The account owed its broker up to {deepest_debit:,.2f}, with interest.")
    return found


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count:,} orders"
