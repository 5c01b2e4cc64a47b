"""What a copy and a command cost.

`copier copy` of this template against the same questions and roster with five of its files; `quant
--help` against the import of its command-line library.

    python benchmarks/copy_template.py [ROUNDS]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measure import interleave, report, run
from tests.conftest import snapshot

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9
FIVE = {
    "template/.copier-answers.yml.jinja",
    "template/README.md.jinja",
    "template/infrastructure/permissions.yaml.jinja",
    "template/pyproject.toml",
    "template/src/utils/quant_team_utils/settings.py",
}


def five_files(template: Path, target: Path) -> Path:
    """Return a template with the same copier.yml and hooks, and five files."""
    shutil.copytree(template, target)
    for path in (target / "template").rglob("*"):
        if path.is_file() and path.relative_to(target).as_posix() not in FIVE:
            path.unlink()
    run("git", "commit", "--quiet", "--all", "-m", "feat: five files", cwd=target)
    return target


def whole_and_five(folder: Path) -> tuple[Path, Path]:
    """Return this template and the one with five files; nobody's settings of Copier count."""
    (folder / "settings.yml").write_text("{}\n", encoding="utf-8")
    os.environ["COPIER_SETTINGS_PATH"] = str(folder / "settings.yml")
    (folder / "whole").mkdir()
    whole = snapshot(folder / "whole")
    return whole, five_files(whole, folder / "five")


def copies_kept(folder: Path) -> bool:
    """Measure `copier copy`, print the table, and tell whether the limit is kept."""
    whole, five = whole_and_five(folder)
    copier: list[str | Path] = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults"]
    copies = interleave(
        {
            "five files": lambda i: run(*copier, five, folder / f"a{i}", cwd=folder),
            "whole template": lambda i: run(*copier, whole, folder / f"b{i}", cwd=folder),
        },
        ROUNDS,
    )
    return report("copier copy", copies, "five files", {"whole template": 2.8})


def installed(team: Path, environment: Path) -> Path:
    """Install a team repository into a new environment and return its `quant`."""
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    uv: list[str | Path] = [sys.executable, "-m", "uv"]
    run(
        *uv,
        "venv",
        "--quiet",
        "--python",
        sys.executable,
        environment,
        cwd=team,
    )
    run(
        *uv,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--python",
        scripts / "python",
        "-r",
        "requirements.txt",
        cwd=team,
    )
    return scripts / "quant"


def helps_kept(team: Path, environment: Path) -> bool:
    """Measure `quant --help`, print the table, and tell whether the limit is kept."""
    quant = installed(team, environment)
    python = quant.parent / "python"
    helps = interleave(
        {
            "import click": lambda _: run(python, "-c", "import click", cwd=team),
            "quant --help": lambda _: run(quant, "--help", cwd=team),
        },
        max(ROUNDS, 21),
    )
    return report("quant --help", helps, "import click", {"quant --help": 1.5})


def main() -> int:
    """Measure, print both tables, and return 1 if a limit is exceeded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = copies_kept(folder)
        return 0 if helps_kept(folder / "b0", folder / "venv") and kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr.decode(errors='replace')}")
