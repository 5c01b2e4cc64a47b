"""The template during the simulated year: releases that change what teams have edited."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from release import add_release, open_history
from tests import year_text

EXTRA = "src/features/quant_team_features/extra.py"
Plant = Callable[[Path], object]
LEFT_OUT = ("tests", "docs/decisions")
STARTERS = (
    "config/environments/research.yaml",
    "src/strategies/quant_team_strategies/momentum.py",
    "requirements-team.txt",
)


class Releases:
    """The template's history, one release at a time.

    Attributes:
        history: the repository that teams update from.
        number: how many releases there are after the first.
    """

    def __init__(self, snapshot: Path, folder: Path, plant: Plant | None = None) -> None:
        """Start with the working tree as the first release, but for its tests and decisions.

        Those are half of the files; an update renders every file several times. Nobody runs the
        tests here, and other pages are edited.

        Args:
            snapshot: the working tree.
            folder: where the history goes.
            plant: changes the source of the template: a fault.
        """
        self.source = folder / "source"
        ignored = shutil.ignore_patterns(".git")
        shutil.copytree(snapshot, self.source, ignore=ignored)
        for name in LEFT_OUT:
            shutil.rmtree(self.files / name)
        if plant:
            plant(self.source)
        self.history = open_history(folder / "none", folder / "history")
        self.number = 0
        add_release(self.history, self.source, self.version)

    @property
    def version(self) -> str:
        return f"9999.{self.number}.0"

    @property
    def files(self) -> Path:
        return self.source / "template"

    def release(self, random: Random) -> str:
        """Change the template in a dozen places, release it and return the version."""
        self.number += 1
        pages = [*sorted(self.files.glob("docs/**/*.md")), self.files / "README.md.jinja"]
        code = sorted(self.files.glob("src/**/quant_team_*/*.py"))
        code += sorted(self.files.glob("infrastructure/*.py"))
        for path in random.sample(pages, 5) + random.sample(code, 5):
            self._insert(path, random)
        for path in random.sample(pages, 4) + random.sample(code, 2):
            self._amend(path, random)
        self._change_default()
        self._move_code()
        self._replace_page()
        for name in STARTERS:
            path = self.files / name
            path.write_text(f"# release {self.number}\n" + path.read_text("utf-8"), "utf-8")
        add_release(self.history, self.source, self.version)
        return self.version

    def _insert(self, path: Path, random: Random) -> None:
        text = path.read_text("utf-8")
        name = path.name.removesuffix(".jinja")
        line = f"A line of release {self.number}."
        if not year_text.is_page(name):
            line = f"# {line}"
        path.write_text(year_text.inserted(text, name, line, random), "utf-8")

    def _amend(self, path: Path, random: Random) -> None:
        text = path.read_text("utf-8")
        name = path.name.removesuffix(".jinja")
        ending = f" (Release {self.number}.)"
        if not year_text.is_page(name):
            ending = f"  # since release {self.number}"
        path.write_text(year_text.amended(text, name, ending, random), "utf-8")

    def _change_default(self) -> None:
        path = self.files / "pyproject.toml"
        text = path.read_text("utf-8")
        new = re.sub(r'(?m)^version = ".*"$', f'version = "0.1.{self.number}"', text)
        assert new != text
        path.write_text(new, "utf-8")

    def _move_code(self) -> None:
        """Add a function to a module; every fourth release moves them all to another one."""
        path = self.files / EXTRA
        text = path.read_text("utf-8") if path.is_file() else '"""Extra features."""\n'
        if self.number % 4 == 0:
            target = path.with_name(f"extra_{self.number}.py")
            target.write_text(text, "utf-8")
            text = '"""Extra features."""\n'
        function = f"def extra_{self.number}() -> int:\n"
        text += f'\n\n{function}    """Return a number."""\n    return {self.number}\n'
        path.write_text(text, "utf-8")

    def _replace_page(self) -> None:
        """Add a page, move a part of the page before to it, and remove the one before that."""
        folder = self.files / "docs" / "news"
        folder.mkdir(exist_ok=True)
        parts = [f"# Release {self.number}\n"]
        parts += [f"Release {self.number} says line {count}.\n" for count in range(12)]
        before = folder / f"release-{self.number - 1}.md"
        if before.is_file():
            old = before.read_text("utf-8").split("\n\n")
            before.write_text("\n\n".join(old[:-2]) + "\n", "utf-8")
            parts += [part.rstrip("\n") + "\n" for part in old[-2:]]
        (folder / f"release-{self.number}.md").write_text("\n".join(parts), "utf-8")
        (folder / f"release-{self.number - 2}.md").unlink(missing_ok=True)
