"""The example notebook: without outputs, and it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def cells(root: Path) -> list[dict[str, Any]]:
    """Return the cells of the example."""
    text = (root / "notebooks" / "example.ipynb").read_text(encoding="utf-8")
    notebook: dict[str, Any] = json.loads(text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = notebook["cells"]
    return found


def test_it_has_no_outputs(cells: list[dict[str, Any]]) -> None:
    """Each cell has an id of its own, and nothing that was printed."""
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")


def test_it_runs(
    cells: list[dict[str, Any]],
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its code cells run top to bottom, from a folder that is not the root, and log nothing."""
    before = sorted(root.glob("results/*/*"))
    monkeypatch.chdir(root / "notebooks")
    space: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), space)
    assert sorted(root.glob("results/*/*")) == before
