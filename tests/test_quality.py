"""This repository keeps its own rules: lint, types, sizes, addresses."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from pathlib import Path

import pytest

from tests.conftest import ROOT, SOURCE, git, run

# Lines of code without tests, docstrings and comments: what a team can read in an afternoon, room
# by room and in all.
BUDGETS = {
    "src/data": 1950,
    "src/backtest": 1250,
    "infrastructure": 900,
    "src/utils": 650,
    "src/features": 125,
    "src/strategies": 125,
}
AFTERNOON = 5000


def tracked(*patterns: str) -> list[Path]:
    listed = git(
        ROOT, "ls-files", "--cached", "--others", "--exclude-standard", *patterns
    ).splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]])
def test_ruff_has_nothing_to_say(arguments: list[str]) -> None:
    """Both products are linted and formatted, the team's by its own configuration."""
    run(sys.executable, "-m", "ruff", *arguments, "--no-cache", ".", cwd=ROOT)


def test_the_template_is_typed(tmp_path: Path) -> None:
    """Mypy, strict, on the tests, the hooks and the benchmarks; a rendered repository types its own."""
    run(sys.executable, "-m", "mypy", "--cache-dir", tmp_path, cwd=ROOT)


def code_lines(source: str) -> int:
    """Count the lines that hold code: no blank lines, comments or docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        skipped = (
            tokenize.COMMENT,
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
        )
        if token.type not in (*skipped, tokenize.ENDMARKER):
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_code_lines_leave_out_comments_and_docstrings() -> None:
    """The counter counts what it says."""
    assert (
        code_lines(
            '"""Doc.\n\nMore.\n"""\n\n# why\nx = 1  # what\ny = (\n    2\n)\n\ndef f():\n    """Doc."""\n'
        )
        == 5
    )


def code_of(team: Path, room: str) -> int:
    return sum(code_lines(path.read_text(encoding="utf-8")) for path in (team / room).rglob("*.py"))


@pytest.mark.parametrize("room", BUDGETS)
def test_a_room_is_readable(default_team: Path, room: str) -> None:
    """No room of the team repository is larger than its share of an afternoon."""
    count = code_of(default_team, room)
    assert 0 < count <= BUDGETS[room], f"{room} has {count} lines of code"


def test_the_whole_is_readable_in_an_afternoon(default_team: Path) -> None:
    """The shares add up to an afternoon, and the rooms keep to it together."""
    assert sum(BUDGETS.values()) <= AFTERNOON
    assert sum(code_of(default_team, room) for room in BUDGETS) <= AFTERNOON


def test_one_canonical_source() -> None:
    """The README names the address that the tests use, and no other address of the template."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert SOURCE in text
    assert set(re.findall(r"https://github\.com/\S+?\.git", text)) == {SOURCE}


def test_the_readme_is_short() -> None:
    """About 40 lines."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 45


def test_no_file_names_a_package_index_or_a_lock() -> None:
    """Pins stand in requirements.txt; whoever installs chooses the index."""
    for path in tracked():
        assert path.name not in ("uv.lock", "poetry.lock", "pdm.lock", "package-lock.json"), path
        if path.name.startswith("requirements") or path.suffix in (".toml", ".yml", ".yaml"):
            assert not re.search(
                r"index-url|find-links|extra-index|simple/", path.read_text(encoding="utf-8")
            ), path
