"""What this package's commands share: symbols as they are typed, and tables of series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from quant_team_utils import console

if TYPE_CHECKING:
    import polars as pl

SERIES_COLUMNS = ("symbol", "interval", "source")


def split(symbols: Iterable[str]) -> list[str]:
    """Return symbols that are separated by blanks or commas, each once, in TickDB's spelling."""
    from quant_team_data.markets import canonical

    names = []
    for part in ",".join(symbols).split(","):
        name = canonical(part.strip())
        if name and name not in names:
            names.append(name)
    return names


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a header, stamped if the third column, the source, is the sandbox."""
    if not rows:
        return
    click.echo(console.table(header, rows))
    if any(row[2] == "sandbox" for row in rows):
        click.echo(console.SYNTHETIC)


def ends(bars: pl.DataFrame) -> list[str]:
    """Return the first and last time of bars as text, UTC; nothing for no bars."""
    if bars.is_empty():
        return []
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in bars["time"][[0, -1]]]


def counted(number: int, noun: str) -> str:
    """Return a number and a noun, in the plural unless it is one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
