"""The repository that the template makes passes its own lint, types and tests."""

from __future__ import annotations

import pytest

from tests.conftest import Copy, TeamEnvironment, git

# GitLab's copy differs in a few files only: the full tier is often enough for it.
FORGES = ["github", pytest.param("gitlab", marks=pytest.mark.full)]


@pytest.mark.parametrize("forge", FORGES)
def test_a_copy_passes_its_own_lint_and_types(
    copy: Copy, team_environment: TeamEnvironment, forge: str
) -> None:
    """Ruff and mypy, as the team configured them, have nothing to say about a fresh copy."""
    folder = copy(forge=forge, owner="acme", systems=["postgres", "s3", "broker"])
    git(folder, "init", "--quiet")
    team_environment.run(folder, "ruff", "check")
    team_environment.run(folder, "ruff", "format", "--check")
    team_environment.run(folder, "mypy")


@pytest.mark.parametrize("forge", FORGES)
def test_a_copy_passes_its_own_tests(
    copy: Copy, team_environment: TeamEnvironment, forge: str
) -> None:
    """The rendered repository's suite passes, whatever key and address the machine has set."""
    folder = copy(forge=forge, owner="acme")
    team_environment.run(folder, "quant", "setup", "--defaults")
    machine = {
        "TICKDB_BASE_URL": "https://api.tickdb.ai",
        "TICKDB_API_KEY": "tk_live_not_used_by_any_test",
    }
    team_environment.test(folder, env=machine)
    assert git(folder, "status", "--porcelain") == "", "its tests leave the work tree as it was"
