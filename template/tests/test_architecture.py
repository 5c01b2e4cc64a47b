"""The direction of imports, in statements and in strings.

utils <- data <- features <- strategies <- backtest <- cli. Infrastructure imports utils only. The
roof, cli, imports every room, and nobody imports it.
"""

from __future__ import annotations

import ast
import re
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
ROOF = "quant_team_cli"
FOLDERS = {
    package: f"src/{package.removeprefix('quant_team_')}/{package}" for package in [*LAYERS, ROOF]
}
ALLOWED = {
    "infrastructure": {"infrastructure", "quant_team_utils"},
    ROOF: {*LAYERS, ROOF, "infrastructure"},
}
for rank, layer in enumerate(LAYERS, start=1):
    ALLOWED[layer] = set(LAYERS[:rank])
OURS = {*ALLOWED, "notebooks", "tests"}

# `package.module`, `package.module:object`, and the beginning of such a name in an f-string.
DOTTED = re.compile(r"(\w+)(?:\.\w*)+(?::\w+)?")
IMPORTERS = {"import_module", "__import__", "run_module"}


def imports(source: str) -> Iterator[str]:
    """Yield the top-level packages that a module names, in imports or in strings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield top(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield top(node.module)
        elif isinstance(node, ast.Call) and called(node) in IMPORTERS:
            # `import_module("infrastructure")`: alone, such a word may mean anything.
            for argument in node.args[:1]:
                yield top(text_of(argument))
        elif isinstance(node, ast.Constant) and DOTTED.fullmatch(text_of(node)):
            yield top(text_of(node))


def top(name: str) -> str:
    return name.partition(".")[0]


def called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def text_of(node: ast.expr) -> str:
    """Return a text in the source, or nothing where the node is something else."""
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if isinstance(node, ast.Constant) and is_text else ""


def forbidden(package: str, source: str) -> set[str]:
    """Return which packages of this repository a module of `package` must not import, but does."""
    return set(imports(source)) & OURS - ALLOWED[package]


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
        ("infrastructure", "from quant_team_cli.doctor import Check"),
        ("quant_team_strategies", "from notebooks.alice import trick"),
        ("quant_team_backtest", "import quant_team_cli"),
        ("quant_team_backtest", "from infrastructure import access"),
        ("quant_team_cli", "from notebooks.alice import trick"),
        ("quant_team_utils", "COMMANDS = {'run': ('quant_team_backtest.commands:run', 'help')}"),
        ("quant_team_utils", "CHECK = 'infrastructure.access:check'"),
        ("quant_team_data", "import importlib\nimportlib.import_module('infrastructure')"),
        ("quant_team_data", "from importlib import import_module\nimport_module('quant_team_cli')"),
        ("quant_team_data", "__import__('quant_team_backtest')"),
        ("quant_team_data", "name = 'x'\nload(f'quant_team_strategies.{name}')"),
        ("quant_team_data", "run([python, '-m', 'quant_team_cli.main'])"),
    ],
)
def test_a_planted_import_is_seen(package: str, source: str) -> None:
    """The test above can fail."""
    assert forbidden(package, source)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("quant_team_utils", "ROLES = ('researcher', 'infrastructure')"),
        ("quant_team_utils", "PERMISSIONS = 'infrastructure/permissions.yaml'"),
        ("quant_team_utils", '"""What quant_team_data does with it."""'),
        ("quant_team_data", "from . import markets"),
        ("quant_team_cli", "CHECK = 'infrastructure.access:check'"),
    ],
)
def test_a_word_is_not_an_import(package: str, source: str) -> None:
    """A path, a role or a sentence may name a package."""
    assert not forbidden(package, source)


def test_nobody_imports_a_colleagues_folder(root: Path) -> None:
    """Code that two people need belongs in `src/`, so no module reaches into `notebooks/`."""
    modules = [
        *root.glob("src/**/*.py"),
        *root.glob("notebooks/**/*.py"),
        root / "load_env.py",
    ]
    for module in modules:
        assert "notebooks" not in set(imports(module.read_text(encoding="utf-8"))), module
