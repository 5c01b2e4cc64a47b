"""What a change of the team costs.

`copier update` with one more member: this template against the same questions and roster with five
of its files, and a team of 30 against a team of 3.

    python benchmarks/update_template.py [ROUNDS]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.copy_template import whole_and_five
from benchmarks.measure import Variant, interleave, report, run

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9


def team(size: int) -> list[dict[str, Any]]:
    """Return a roster of so many researchers, the first of them senior."""
    return [
        {"name": f"M{i}", "handle": f"m{i}", "role": "researcher", "senior": i == 0}
        for i in range(size)
    ]


def variant(folder: Path, name: str, template: Path, size: int) -> Variant:
    """Copy a template for a team, and return what adds one member to a fresh project of it."""
    base, data = folder / name, folder / f"{name}.json"
    copier = [sys.executable, "-m", "copier"]
    data.write_text(json.dumps({"team": team(size)}), encoding="utf-8")
    run(*copier, "copy", "--quiet", "--defaults", "--data-file", data, template, base, cwd=folder)
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "-m", "feat: start"],
    ):
        run("git", *command, cwd=base)
    data.write_text(json.dumps({"team": team(size + 1)}), encoding="utf-8")

    def one_more(number: int) -> None:
        project = folder / f"{name}-{number}"
        shutil.copytree(base, project, symlinks=True)
        update = [
            "update",
            "--quiet",
            "--skip-answered",
            "--vcs-ref=:current:",
            f"--data-file={data}",
        ]
        run(*copier, *update, cwd=project)
        shutil.rmtree(project)

    return one_more


def main() -> int:
    """Measure, print both tables, and return 1 if a limit is exceeded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, five = whole_and_five(folder)
        figures = interleave(
            {
                "five files, 3 members": variant(folder, "five3", five, 3),
                "whole template, 3 members": variant(folder, "whole3", whole, 3),
                "whole template, 30 members": variant(folder, "whole30", whole, 30),
            },
            ROUNDS,
        )
        limits = {"whole template, 3 members": 3.2}
        kept = report("copier update, one member more", figures, "five files, 3 members", limits)
        figures.pop("five files, 3 members")
        growth = {"whole template, 30 members": 1.5}
        return (
            0
            if report("growth of the team", figures, "whole template, 3 members", growth) and kept
            else 1
        )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr.decode(errors='replace')}")
