"""Jupyter notebooks as git records them: without outputs, execution counts, run times.

    notebook_filter.py  the clean filter of `*.ipynb`: a notebook, standard input to output

`stripped` cuts what a run has written out of the writer's own text, so indent, order of keys,
escapes and the end of the file stay as they are. `faults` looks for outputs by itself and shares
no code with it: a notebook that could not be stripped is refused. `texts` is what cells say.

The filter runs for each notebook at each `git add`, so it imports little.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

BLANK = re.compile(r"[ \t\r\n]*")
BOM = "\ufeff".encode().decode("latin-1")
WIDGETS = ("widgets",)
RUN_TIMES = ("execution", "ExecuteTime")  # of JupyterLab and VS Code, of an older extension
# Base 64, which may look like anything. A drawing in SVG is text.
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")
# float: Python refuses an integer of more than 4,300 digits.
READER = json.JSONDecoder(parse_int=float)
PAIRS = json.JSONDecoder(parse_int=float, object_pairs_hook=tuple)


class Member:
    """A member of an object, and where it stands: from start to end, its value from `at`."""

    def __init__(self, text: str, start: int) -> None:
        """Read the member that starts here."""
        self.start = start
        self.name, colon = READER.raw_decode(text, start)
        self.at = skip_blank(text, skip_blank(text, colon) + 1)
        self.value, self.end = READER.raw_decode(text, self.at)


def main() -> int:
    """Strip standard input to standard output."""
    raw = sys.stdin.buffer.read()
    sys.stdout.buffer.write(stripped(raw))
    return 0


def stripped(raw: bytes) -> bytes:
    """Return a notebook without outputs, execution counts, run times and the state of widgets.

    What has none, or is not a notebook, comes back byte for byte.
    """
    # Latin-1: a character is a byte, so that nothing is lost, whatever the encoding.
    text = raw.decode("latin-1")
    try:
        cuts = sorted(cuts_of_notebook(text))
    except (ValueError, RecursionError):
        return raw  # half a merge, for one: the check reports it
    kept = []
    position = 0
    for start, end, replacement in cuts:
        kept.append(text[position:start])
        kept.append(replacement)
        position = end
    kept.append(text[position:])
    return "".join(kept).encode("latin-1")


def cuts_of_notebook(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield what to cut: from where, to where, and what to put in its place.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: it is nested too deeply.
    """
    start = len(BOM) if text.startswith(BOM) else 0
    start = skip_blank(text, start)
    _, end = READER.raw_decode(text, start)
    if skip_blank(text, end) != len(text):
        raise ValueError("more than one value")
    for member in members(text, start):
        if member.name == "metadata":
            yield from cuts_of_members(text, member.at, WIDGETS)
        elif member.name == "cells":
            for cell in items(text, member.at):
                yield from cuts_of_cell(text, cell)


def cuts_of_cell(text: str, start: int) -> Iterator[tuple[int, int, str]]:
    """Yield the cuts in one cell; it may be of any type, or of none."""
    for member in members(text, start):
        if member.name == "outputs" and member.value:
            yield member.at, member.end, "[]"
        elif member.name == "execution_count" and member.value is not None:
            yield member.at, member.end, "null"
        elif member.name == "metadata":
            yield from cuts_of_members(text, member.at, RUN_TIMES)


def cuts_of_members(
    text: str, start: int, names: tuple[str, ...]
) -> Iterator[tuple[int, int, str]]:
    """Yield the cuts that take members out of an object, each with one comma."""
    found = members(text, start)
    kept = []
    for member in found:
        if member.name not in names:
            kept.append(member)
    if found and not kept:
        _, end = READER.raw_decode(text, start)
        yield start, end, "{}"
        return
    for index, member in enumerate(found):
        if member.name not in names:
            continue
        if member.start < kept[0].start:
            yield member.start, found[index + 1].start, ""
        else:
            yield found[index - 1].end, member.end, ""


def members(text: str, start: int) -> list[Member]:
    """Return the members of the object that starts here; what is not an object has none.

    The text is known to be JSON.
    """
    found: list[Member] = []
    if text[start] != "{":
        return found
    position = skip_blank(text, start + 1)
    while text[position] != "}":
        member = Member(text, position)
        found.append(member)
        position = next_item(text, member.end)
    return found


def items(text: str, start: int) -> Iterator[int]:
    """Yield where each item of the array that starts here starts."""
    if text[start] != "[":
        return
    position = skip_blank(text, start + 1)
    while text[position] != "]":
        yield position
        _, end = READER.raw_decode(text, position)
        position = next_item(text, end)


def next_item(text: str, end: int) -> int:
    """Return where the next item starts, or the bracket that closes."""
    position = skip_blank(text, end)
    if text[position] == ",":
        position = skip_blank(text, position + 1)
    return position


def skip_blank(text: str, start: int) -> int:
    """Return where the blank that starts here ends."""
    found = BLANK.match(text, start)
    return found.end() if found else start


def faults(path: str, blob: bytes) -> Iterator[str]:
    """Yield the first thing that is wrong with a notebook, as a sentence."""
    try:
        notebook = read(blob)
    except (ValueError, RecursionError):
        yield "not a notebook: it cannot be read as JSON. Save it again with Jupyter."
        return
    fault = fault_of_format(path, notebook)
    leftover = next(leftovers(notebook), None)
    if fault:
        yield fault
    elif leftover:
        yield (
            f"{leftover}. Run `quant setup` if you have not, then: git add --renormalize notebooks"
        )


def fault_of_format(path: str, notebook: object) -> str | None:
    """Return what is wrong with the format of a notebook, or None."""
    formats = values(notebook, "nbformat")
    lists = values(notebook, "cells")
    if formats in ([1], [2], [3]):
        return (
            f"a notebook of format {formats[0]:.0f}, not 4. Convert it: "
            f"jupyter nbconvert --to notebook --inplace '{path}'"
        )
    if formats != [4] or len(lists) != 1 or not isinstance(lists[0], list):
        return "not a notebook of format 4. Save it again with Jupyter."
    return None


def leftovers(notebook: object) -> Iterator[str]:
    """Yield what a run has left behind."""
    for number, cell in enumerate(cells_of(notebook), 1):
        if any(values(cell, "outputs")):
            yield f"cell {number} holds outputs"
        for count in values(cell, "execution_count"):
            if count is not None:
                yield f"cell {number} holds an execution count"
        for metadata in values(cell, "metadata"):
            for name in RUN_TIMES:
                if values(metadata, name):
                    yield f"cell {number} holds the time of a run"
    for metadata in values(notebook, "metadata"):
        if values(metadata, "widgets"):
            yield "the notebook holds the state of widgets"


def texts(blob: bytes) -> Iterator[tuple[str, str]]:
    """Yield all text of a notebook as its reader sees it, each with its place, as in `cell 3, `.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    notebook = read(blob)
    for number, cell in enumerate(cells_of(notebook), 1):
        for name, value in members_of(cell):
            place = f"cell {number}, "
            if name != "source":
                place += f"{name}, "
            yield place, "\n".join(strings(value))
    for name, value in members_of(notebook):
        if name != "cells":
            yield f"{name}, ", "\n".join(strings(value))


def read(blob: bytes) -> object:
    """Return a notebook with objects as tuples of pairs: no member of two of a name is lost."""
    text = blob.decode("utf-8-sig")
    value: object = PAIRS.decode(text)
    return value


def strings(value: object) -> Iterator[str]:
    """Yield each text within a value, with the name that it has there; no pictures."""
    waiting = [("", value)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, tuple):
            waiting.extend(reversed(value))
        elif not isinstance(value, list):
            if not name.startswith(PICTURES):
                yield f"{name}: {value}" if name else str(value)
        elif all(isinstance(line, str) for line in value):
            waiting.append((name, "".join(value)))
        else:
            waiting.extend((name, item) for item in reversed(value))


def cells_of(notebook: object) -> list[object]:
    """Return the cells of a notebook."""
    found: list[object] = []
    for cells in values(notebook, "cells"):
        if isinstance(cells, list):
            found.extend(cells)
    return found


def values(value: object, name: str) -> list[object]:
    """Return each value that an object has under a name: JSON allows a name twice."""
    found = []
    for key, member in members_of(value):
        if key == name:
            found.append(member)
    return found


def members_of(value: object) -> tuple[tuple[str, object], ...]:
    """Return the members of what `read` returns for an object; of anything else, none."""
    if isinstance(value, tuple):
        return value
    return ()


if __name__ == "__main__":
    sys.exit(main())
