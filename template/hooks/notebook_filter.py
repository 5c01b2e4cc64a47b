"""Jupyter notebooks as git records them: without outputs, counts and times.

`stripped` is the clean filter of `*.ipynb`, `faults` the check of what was recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def stripped(raw: bytes) -> bytes:
    """Return a notebook without outputs, counts and times.

    What has none, or is not a notebook, comes back byte for byte.
    """
    try:
        notebook = json.loads(raw)
        before = json.dumps(notebook)
        notebook.get("metadata", {}).pop("widgets", None)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                strip_cell(cell)
        if json.dumps(notebook) == before:
            return raw
        return json.dumps(notebook, indent=1, ensure_ascii=False).encode() + b"\n"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return raw  # half a merge, for one: the check names it


def strip_cell(cell: dict[str, Any]) -> None:
    """Take outputs, count and times out of a code cell."""
    cell.update(outputs=[], execution_count=None)
    for name in ("execution", "ExecuteTime"):
        cell.get("metadata", {}).pop(name, None)


def faults(blob: bytes) -> Iterator[str]:
    """Yield what is wrong with a notebook."""
    if not is_notebook(blob):
        yield "not a notebook of format 4. Save it again with Jupyter."
    elif stripped(blob) != blob:
        yield (
            "the notebook holds outputs. Run `quant setup` if you have not, then: "
            "git add --renormalize notebooks"
        )


def is_notebook(blob: bytes) -> bool:
    """Tell whether a file is a Jupyter notebook of the current format."""
    try:
        notebook = json.loads(blob)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(notebook, dict)
        and notebook.get("nbformat") == 4
        and isinstance(notebook.get("cells"), list)
    )
