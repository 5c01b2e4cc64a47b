"""After any `copier update`, `quant doctor` says what it did to the team's own edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TeamEnvironment, git
from tests.releases import CHANGED, NEXT, TEAM, commit, copy, examined, update

EDITED = ("README.md", "docs/keys.md", "src/utils/quant_team_utils/paths.py")


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def line_of(doctor: str) -> str:
    """Return the doctor's line about edits."""
    (line,) = [line for line in doctor.splitlines() if "  edits:" in line]
    return line


def test_edits_that_an_update_drops_without_a_word_are_named(
    history: Path, tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """One line ends in blanks, git refuses those: Copier succeeds, and every edit is gone."""
    team = copy(history, tmp_path / "team", NEXT, TEAM)
    for name in EDITED:
        append(team / name, "# ours  \n")
    commit(team)
    git(team, "config", "apply.whitespace", "error")
    update(team, CHANGED)
    assert not git(team, "grep", "--files-with-matches", "# ours", check=False)
    line = line_of(examined(team, team_environment))
    assert line.startswith("FAIL")
    assert ", ".join(EDITED) in line
    show = line.rpartition("->  git ")[2]
    assert "-# ours" in git(team, *show.split())


@pytest.mark.full
def test_edits_of_all_kinds_on_the_way_from_the_last_release(
    history: Path, tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """Each is counted once; the one in a file that is gone is named until it stands elsewhere."""
    team = copy(history, tmp_path / "team", "0.3.0", TEAM)
    append(team / "README.md", "\nA line of the team.\n")
    append(team / "config" / "environments" / "research.yaml", "# ours\n")
    removed = "src/cli/quant_team_cli/removed.py"
    append(team / removed, "\n\ndef ours() -> int:\n    return 17\n")
    (team / "docs" / "scaling.md").unlink()
    (team / "docs" / "data.md").rename(team / "docs" / "prices.md")
    (team / "load_env.py").chmod(0o755)
    handles = team / "hooks" / "handles"
    append(handles, "a-robot\n")
    append(team / "src" / "strategies" / "quant_team_strategies" / "own.py", "OWN = 1\n")
    settings = team / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    assert "line-length = 100" in text
    settings.write_text(text.replace("line-length = 100", "line-length = 120"), encoding="utf-8")
    commit(team)
    newcomer = {"name": "Dana", "handle": "dana", "role": "researcher"}
    update(team, NEXT, team=[*TEAM, newcomer])
    assert "dana" in handles.read_text(encoding="utf-8")
    assert git(team, "diff", "--name-only", "--diff-filter=U") == "hooks/handles"
    line = line_of(examined(team, team_environment))
    assert line.startswith("FAIL")
    assert line.split()[2] == f"{removed}:"
    # Settled, and put where the code is now.
    handles.write_text("a-robot\nalice\nbob\ncharlie\ndana\n", encoding="utf-8")
    append(
        team / "src" / "cli" / "quant_team_cli" / "edits.py",
        "\n\ndef ours() -> int:\n    return 17\n",
    )
    git(team, "add", "--all")
    line = line_of(examined(team, team_environment))
    assert line.startswith("ok")
    for phrase in ("kept in", "merged in"):
        assert phrase in line
    commit(team)
    assert line_of(examined(team, team_environment)) == line
    # What somebody takes out of the newest commit is theirs to take out.
    git(team, "checkout", "--quiet", "HEAD~1", "--", "README.md")
    commit(team)
    assert "no update is waiting" in line_of(examined(team, team_environment))
