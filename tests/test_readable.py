"""Both products stay readable: what must be read to believe a number, and the size of each part."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.code import Weight, weigh
from tests.conftest import ROOT, run

# Lines: two days. An afternoon, 3,800 lines, was planned before bars were proven against calendars,
# answers against requests, splits and dividends, and an engine with the rules of real boards: each
# took some 700 lines, the engine's rules and numbers twice as many.
BELIEF = 8700
FILE = 250  # lines
FUNCTION = 40  # lines
DENSITY = 8.5  # tokens a line
SMALL = 20  # lines: in a smaller file one signature decides the density

# What must be read to believe a number: what computes it or decides what it is computed from.
ROOMS = ("utils", "data", "backtest")
BASES = ("quant_team_features/__init__.py", "quant_team_strategies/__init__.py")
# These show it, talk to a person or to the vendor, invent prices, take in another
# vendor's, or hide secrets.
NOT_BELIEVED = {
    "quant_team_utils": ("console", "git_environment", "git_errors", "options", "secret_patterns"),
    "quant_team_data": (
        "__init__",
        "action_commands",
        "action_table",
        "addresses",
        "bodies",
        "commands",
        "data_client",
        "errors",
        "failures",
        "fetch_command",
        "formats",
        "gaps",
        "holdings",
        "import_actions",
        "import_bars",
        "import_bytes",
        "import_commands",
        "import_numbers",
        "import_opens",
        "import_rows",
        "import_table",
        "import_times",
        "importing",
        "instruments",
        "keys",
        "limits",
        "listings",
        "lock_commands",
        "network",
        "parquet_footer",
        "price_chart",
        "reference",
        "removing",
        "sandbox",
        "sandbox_requests",
        "sandbox_server",
        "sandbox_symbols",
        "show_command",
        "synthetic",
        "tables",
        "tickdb",
        "time_formats",
    ),
    "quant_team_backtest": ("__init__", "commands", "idle", "results", "run", "words"),
}
PRODUCT = ("template/src", "template/infrastructure", "template/hooks", "template/load_env.py")
OWN = ("hooks", "release.py")
SCRIPTS = ("benchmarks",)  # tables of figures, which are read by column


def modules(*places: str) -> Iterator[str]:
    """Yield the Python files of some places, as paths below the root."""
    for place in places:
        path = ROOT / place
        found = [path] if path.is_file() else sorted(path.rglob("*.py"))
        for module in found:
            if "__pycache__" not in module.parts and module.read_bytes().strip():
                yield module.relative_to(ROOT).as_posix()


def weight_of(module: str) -> Weight:
    return weigh((ROOT / module).read_text(encoding="utf-8"))


def faults(weight: Weight) -> list[str]:
    """Return what is too large, a phrase each."""
    found = []
    if weight.lines > FILE:
        found.append(f"{weight.lines} lines of code, not {FILE}")
    if weight.longest > FUNCTION:
        found.append(f"{weight.function} has {weight.longest} lines, not {FUNCTION}")
    if weight.lines >= SMALL and weight.density > DENSITY:
        found.append(f"{weight.density:.2f} tokens a line, not {DENSITY}")
    return found


def is_believed(module: str) -> bool:
    path = Path(module)
    if path.match("*/src/*/*/*.py") and path.parts[2] in ROOMS:
        return path.stem not in NOT_BELIEVED[path.parent.name]
    return module.endswith(BASES)


def test_the_weight_leaves_out_comments_and_docstrings() -> None:
    """The scales show what they say."""
    source = '"""Doc.\n\nMore.\n"""\n\n# why\nx = 1  # what\ny = (\n    2\n)\n\n'
    source += 'def f():\n    """Doc."""\n    return x\n'
    assert weigh(source) == Weight(lines=6, tokens=15, longest=2, function="f")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = 1\n" * 251, "251 lines of code"),
        ("def f():\n" + "    x = 1\n" * 40, "f has 41 lines"),
        ("x = [1, 2, 3, 4]\n" * 20, "11.00 tokens a line"),
    ],
)
def test_a_planted_fault_is_seen(source: str, fault: str) -> None:
    """Each limit bites."""
    (found,) = faults(weigh(source))
    assert found.startswith(fault)


@pytest.mark.parametrize("module", list(modules(*PRODUCT, *OWN)))
def test_a_file_is_readable(module: str) -> None:
    """Short files, short functions, one thought a line."""
    assert faults(weight_of(module)) == []


@pytest.mark.parametrize("module", list(modules(*SCRIPTS)))
def test_a_benchmark_is_short(module: str) -> None:
    """Short files and short functions."""
    weight = weight_of(module)
    assert weight.lines <= FILE
    assert weight.longest <= FUNCTION


def test_a_number_can_be_believed_in_two_days() -> None:
    """What computes a number can be read at one go."""
    read = [module for module in modules("template/src") if is_believed(module)]
    assert {Path(module).stem for module in read} >= {"engine", "metrics", "cache", "messages"}
    assert sum(weight_of(module).lines for module in read) <= BELIEF


def test_complexity_is_limited(tmp_path: Path) -> None:
    """Ruff's C901 is on for both products, at 10."""
    branches = "".join(f"    if x == {number}:\n        return {number}\n" for number in range(10))
    planted = tmp_path / "planted.py"
    planted.write_text(f"def f(x):\n{branches}    return x\n", encoding="utf-8")
    for configuration in (ROOT / "pyproject.toml", ROOT / "template" / "pyproject.toml"):
        check = ("check", "--config", configuration, "--no-cache", planted)
        done = run(sys.executable, "-m", "ruff", *check, cwd=tmp_path, check=False)
        assert "C901 `f` is too complex (11 > 10)" in done.stdout


@pytest.mark.parametrize("room", ["utils", "data", "backtest", "cli"])
def test_the_architecture_page_names_every_file(room: str) -> None:
    """Each module of a package has its line under the package's heading, and none is invented."""
    package = f"src/{room}/quant_team_{room}"
    page = (ROOT / "template" / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, _, after = page.partition(f"**{package}**")
    table, _, _ = after.partition("\n**")
    named = re.findall(r"`(\w+\.py)`", table)
    files = {Path(module).name for module in modules(f"template/{package}")}
    assert len(named) == len(set(named))
    assert set(named) == files - {"__init__.py"}
