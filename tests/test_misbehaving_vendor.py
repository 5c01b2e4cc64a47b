"""A thousand fetches from a vendor that misbehaves in every way, in a rendered repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import TeamEnvironment

SEEDS = 250
FETCHES = 4  # from each vendor, each followed by one from the vendor when it is right

SCRIPT = f"""
import os, sys, tempfile
from tests.test_misbehaving import FAULTS, check

failed = 0
for seed in range({SEEDS}):
    os.environ["QUANT_ROOT"] = tempfile.mkdtemp(dir=sys.argv[1])
    failed += check(seed, FAULTS, 0.3, {FETCHES})
print(failed)
"""


@pytest.mark.full
def test_every_frame_of_a_misbehaving_vendor_is_right_or_an_error(
    repository: Path, tmp_path: Path, team_environment: TeamEnvironment
) -> None:
    """`check` fails at the first wrong frame; most fetches give bars, many are errors."""
    folder = tmp_path / "caches"
    folder.mkdir()
    done = team_environment.run(repository, "python", "-c", SCRIPT, str(folder))
    assert SEEDS * FETCHES / 10 < int(done.stdout) < SEEDS * FETCHES / 2
