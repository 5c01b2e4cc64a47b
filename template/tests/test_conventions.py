"""docs/conventions.md: every rule is cited by a test, and every test cites a rule that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROW = re.compile(r"^\| ([a-z-]+) \| \S", re.MULTILINE)
CITED = re.compile(r"\[([a-z-]+)\]")


def rules(document: str) -> set[str]:
    """Return the ids of the table's rows."""
    return set(ROW.findall(document)) - {"id"}


def citations(source: str) -> Iterator[str]:
    """Yield the ids in brackets at the end of what the tests of a file say first."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            summary, _, _ = (ast.get_docstring(node) or "").partition("\n\n")
            end = re.search(r"(\[[a-z-]+\]\s*)+$", summary)
            yield from CITED.findall(end[0] if end else "")


def test_every_rule_is_tested_and_no_other_is_cited(root: Path) -> None:
    """The ids of the table and those that tests cite are the same."""
    document = (root / "docs" / "conventions.md").read_text(encoding="utf-8")
    cited: set[str] = set()
    for module in (root / "tests").glob("test_*.py"):
        cited.update(citations(module.read_text(encoding="utf-8")))
    assert rules(document) == cited


def test_a_rule_without_a_test_is_seen() -> None:
    """The test above can fail: a row is found in the table, a citation only in a docstring."""
    assert rules("| id | rule |\n|---|---|\n| fill | At the open. |\n") == {"fill"}
    source = 'def test_x() -> None:\n    """It fills. [fill] [wait]"""\n    y["cap"] = "[cap]"\n'
    assert list(citations(source)) == ["fill", "wait"]
