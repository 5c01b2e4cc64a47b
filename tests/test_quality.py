"""This repository keeps its own rules: lint, types, addresses."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, git, run

# A team's own docstrings may be longer than its code; the template's are not.
E501 = ["check", "--select", "E501", "--config", "lint.pycodestyle.max-line-length = 100"]


def tracked(*patterns: str) -> list[Path]:
    listed = git(
        ROOT, "ls-files", "--cached", "--others", "--exclude-standard", *patterns
    ).splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"], E501])
def test_ruff_has_nothing_to_say(arguments: list[str]) -> None:
    """Both products are linted and formatted, the team's by its own configuration."""
    run(sys.executable, "-m", "ruff", *arguments, "--no-cache", ".", cwd=ROOT)


def test_the_template_is_typed(tmp_path: Path) -> None:
    """Mypy, strict, on the tests, the hooks and the benchmarks; a rendered repository types its
    own.
    """
    run(sys.executable, "-m", "mypy", "--cache-dir", tmp_path, cwd=ROOT)


def test_no_address_of_a_forge_is_invented() -> None:
    """A reader knows where they got this from; a team records the address from which it copied."""
    invented = re.compile(r"(github|gitlab)\.com[:/]quant-team")
    for path in tracked("*.md", "*.yml", "*.yaml", "*.py", "*.toml", "*.jinja"):
        if path != Path(__file__):
            assert not invented.search(path.read_text(encoding="utf-8")), path


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
