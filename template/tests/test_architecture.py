"""The direction of imports: utils <- data <- features <- strategies <- backtest; infrastructure imports utils only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYERS = [
    "quant_team_utils",
    "quant_team_data",
    "quant_team_features",
    "quant_team_strategies",
    "quant_team_backtest",
]
FOLDERS = {package: f"src/{package.removeprefix('quant_team_')}/{package}" for package in LAYERS}
ALLOWED = {
    **{package: set(LAYERS[: rank + 1]) for rank, package in enumerate(LAYERS)},
    "infrastructure": {"infrastructure", "quant_team_utils"},
}


def imports(source: str) -> Iterator[str]:
    """Yield the top-level packages that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def forbidden(package: str, source: str) -> set[str]:
    """Return which packages of this repository a module of `package` must not import, but does."""
    ours = {*ALLOWED, "notebooks", "tests"}
    return {name for name in imports(source) if name in ours and name not in ALLOWED[package]}


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_follow_the_layers(root: Path, package: str) -> None:
    """No room imports one that stands above it."""
    folder = root / FOLDERS.get(package, package)
    modules = sorted(folder.rglob("*.py"))
    assert modules
    for module in modules:
        assert not forbidden(package, module.read_text(encoding="utf-8")), module


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("quant_team_utils", "def f():\n    from quant_team_data import data_client\n"),
        ("quant_team_features", "import quant_team_backtest.engine"),
        ("infrastructure", "from quant_team_data.markets import market_of"),
        ("quant_team_strategies", "from notebooks.alice import trick"),
    ],
)
def test_a_planted_import_is_seen(package: str, source: str) -> None:
    """The test above can fail."""
    assert forbidden(package, source)


def test_nobody_imports_a_colleagues_folder(root: Path) -> None:
    """Code that two people need belongs in `src/`, so no module reaches into `notebooks/`."""
    for module in [
        *root.glob("src/**/*.py"),
        *root.glob("notebooks/**/*.py"),
        root / "load_env.py",
    ]:
        assert "notebooks" not in set(imports(module.read_text(encoding="utf-8"))), module
