"""One table of what a secret looks like: the same in the logs and in the file check."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from quant_team_utils import log, secret_patterns
from quant_team_utils.git import CONFLICT_MARKER

# Like no known shape by itself. All are in pieces, because the file check reads this file too.
VALUE = "a1b2" * 9
PLANTED = {
    "a private key": "-----BEGIN " + f"RSA PRIVATE KEY-----\n{VALUE}\n-----END",
    "a TickDB key": "tk_live_" + VALUE,
    "an AWS access key": "AKIA" + "ABCDEFGH12345678",
    "a GitHub token": "ghp_" + VALUE,
    "a GitLab token": "glpat-" + VALUE,
    "a Slack token": "xoxb-" + VALUE,
    "a credential": "DATABASE_PASS" + f"WORD: {VALUE}",
    "a key in a URL": "wss://host/v1?x=1&sig" + f"nature={VALUE}&y=2",
    "a key in a header": "{'Author" + f"ization': 'Bearer {VALUE}'}}",
    "a bearer token": "sent Bearer " + VALUE,
    "a key": "encryption_" + f"key = '{VALUE}'",
    "a key of TickDB": "tk_test_" + VALUE,
}
PATTERNS = secret_patterns.SHAPES | secret_patterns.PLACES


def test_the_file_check_repeats_the_table(root: Path) -> None:
    """`hooks/secret_shapes.py` runs without this package, and knows the same."""
    check = runpy.run_path(str(root / "hooks" / "secret_shapes.py"))
    assert check["SHAPES"] == secret_patterns.SHAPES
    assert check["PLACES"] == secret_patterns.PLACES
    assert check["REAL"] == secret_patterns.REAL
    checks = runpy.run_path(str(root / "hooks" / "file_checks.py"))
    assert checks["CONFLICT_MARKER"] == CONFLICT_MARKER


def test_every_row_has_a_planted_secret() -> None:
    """No row of the table is without a test below."""
    assert PLANTED.keys() == PATTERNS.keys()


@pytest.mark.parametrize("name", PATTERNS)
def test_each_row_is_known_to_the_log_and_to_the_check(root: Path, name: str) -> None:
    """The log hides the value and keeps what is before it; the check names it."""
    line = PLANTED[name]
    found = re.search(PATTERNS[name], line)
    assert found
    secret = line[found.end(1) : found.end()]
    assert log.redact(line) == line.replace(secret, log.HIDDEN)
    check = runpy.run_path(str(root / "hooks" / "secret_shapes.py"))
    names = [what for what, _ in check["secrets_in"](line.encode())]
    assert name in names


@pytest.mark.parametrize(
    "text",
    [
        "X-API-Key: your_key_here",
        "api_key=os.environ['TICKDB_API_KEY']",
        "Authorization: Bearer <your token>",
        "https://host/v1?token=TOKEN",
        "tk_test_key",
    ],
)
def test_examples_may_be_committed(root: Path, text: str) -> None:
    """Where a document shows the place of a key, the check asks for a value that looks real."""
    check = runpy.run_path(str(root / "hooks" / "secret_shapes.py"))
    assert list(check["secrets_in"](text.encode())) == []
