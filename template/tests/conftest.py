"""Every test runs on the sandbox, without a key, whatever the machine's own settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant_team_utils import settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _sandboxed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in settings.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TICKDB_BASE_URL", "sandbox")
    monkeypatch.setenv("QUANT_ROOT", str(ROOT))


@pytest.fixture
def root() -> Path:
    """Return the root of this repository."""
    return ROOT
