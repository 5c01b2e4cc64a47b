"""A simulated year of one team loses nothing, and planted faults are found in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TeamEnvironment
from tests.year import Year

pytestmark = pytest.mark.full


def test_a_year_loses_nothing(
    template: Path,
    team_environment: TeamEnvironment,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """What members wrote is there, the doctor is content, the tree is the template's and theirs."""
    days = int(request.config.getoption("--year-days"))
    seed = int(request.config.getoption("--year-seed"))
    Year(template, team_environment, tmp_path, seed).run(days)
