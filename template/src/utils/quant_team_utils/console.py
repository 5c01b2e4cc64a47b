"""What a person sees on a terminal: tables, progress, colours, and the stamp of synthetic prices.

Colour is used only where the stream is a terminal that has it, and never with `NO_COLOR`.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TextIO

# How synthetic numbers are stamped wherever a person sees them.
SYNTHETIC = "SYNTHETIC prices of the sandbox, not a market"
NOTICEABLE = 2.0  # seconds: what takes longer shows its progress


def has_colour(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that shows colours and is allowed to."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, stream: TextIO | None = None, **style: Any) -> str:
    """Return text in a style of `click.style` (`fg="red"`, `bold=True`) where the stream shows it.

    Args:
        text: what to show.
        stream: where it will be printed; default: standard output.
        style: keywords of `click.style`.
    """
    if not has_colour(stream or sys.stdout):
        return text
    import click

    return click.style(text, **style)


def printable(text: str) -> str:
    r"""Return a text with every character escaped that is not to be seen, as in `\x1b` or `\n`.

    For whatever others wrote: a service, a file, a name. Its control characters could clear the
    terminal, its line breaks forge a line of a log, and its marks of direction turn a text around.
    Letters of all languages stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(map(_escaped, text))


def report_error(text: str) -> None:
    """Print an error on standard error, redacted, behind the one prefix `quant: `.

    Further lines, which help texts have, are indented: none begins as if it were another message.
    """
    import click

    from quant_team_utils.log import redact

    prefix = styled("quant:", sys.stderr, fg="red", bold=True)
    lines = redact(text).expandtabs(2).split("\n")
    shown = "\n  ".join(map(printable, lines))
    click.echo(f"{prefix} {shown}", err=True)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines below a header, in columns two blanks apart; no rows, no text.

    Args:
        header: names of the columns; empty: no header.
        rows: a row may be shorter than the header; what cannot be printed is escaped.
    """
    cells = [list(map(printable, row)) for row in rows]
    if not cells:
        return ""
    if header:
        cells.insert(0, list(map(printable, header)))
    columns = itertools.zip_longest(*cells, fillvalue="")
    widths = [max(map(_width, column)) for column in columns]
    return "\n".join(_line(row, widths) for row in cells)


def _escaped(letter: str) -> str:
    is_space = unicodedata.category(letter) == "Zs"  # such as the wide space of Chinese texts
    return letter if is_space or letter.isprintable() else ascii(letter)[1:-1]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for text, width in zip(row, widths, strict=False):
        padded.append(text + " " * (width - _width(text)))
    return "  ".join(padded).rstrip()


def _width(text: str) -> int:
    """Return how many columns a text takes: Chinese and Japanese characters take two."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide


@contextmanager
def progress(
    label: str,
    total: int,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts what is done; a bar shows once it takes longer than two seconds.

    Only on a terminal, on standard error, and for the main thread: one bar at a time.

    Args:
        label: what is counted, in front of the bar.
        total: how many there are.
        clock: seconds since any moment, for tests.
    """
    began = clock()
    done = 0
    bar = None
    is_main = threading.current_thread() is threading.main_thread()
    visible = is_main and sys.stderr.isatty()

    def advance(count: int) -> None:
        nonlocal done, bar
        done += count
        is_slow = clock() - began > NOTICEABLE
        if bar is None and visible and is_slow:
            import click

            bar = click.progressbar(length=total, label=label, file=sys.stderr)
            count = done
        if bar is not None:
            bar.update(count)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.render_finish()
