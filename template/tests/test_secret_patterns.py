"""One table of what a secret looks like: the same in the logs and in the file check."""

from __future__ import annotations

import base64
import hashlib
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_team_utils import log, secret_patterns
from quant_team_utils.git import CONFLICT_MARKER

# All are in pieces, because the file check reads this file too.
PLANTED = {
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----\n{}\n-----END",
    "a TickDB key": "tk_live_" + "{}",
    "an AWS access key": "AKIA" + "{upper}",
    "a GitHub token": "ghp_" + "{}",
    "a GitLab token": "glpat-" + "{}",
    "a Slack token": "xoxb-" + "{}",
    "a signed token": "eyJ{}." + "eyJ{}.{}",
    "a Fernet key": "Fernet(b'" + "{fernet}')",
    "a credential": "DATABASE_PASS" + "WORD: {}",
    "a password in a URL": "postgres://quant:" + "{}@db.internal/prices",
    "a password of a login": "curl -s -u quant:" + "{} https://host",
    "a key in a URL": "wss://host/v1?x=1&sig" + "nature={}&y=2",
    "a key in a header": "{{'Author" + "ization': 'Bearer {}'}}",
    "a bearer token": "sent Bearer " + "{}",
    "a key": "encryption_" + "key = '{}'",
    "a key of an option": "quant sandbox --api-" + "key {}",
    "a key of TickDB": "tk_test_" + "{}",
}
PATTERNS = {
    name: pattern
    for name, (_, pattern) in (secret_patterns.SHAPES | secret_patterns.PLACES).items()
}
Check = Callable[[str], list[str]]
NUMBERS = st.integers(min_value=0, max_value=2**64)


@pytest.fixture(scope="module")
def names_in() -> Iterator[Check]:
    """Return the function of the file check that names what is in a text."""
    folder = str(Path(__file__).parents[1] / "hooks")
    sys.path.insert(0, folder)
    check = importlib.import_module("secret_shapes")
    sys.path.remove(folder)

    def names(text: str) -> list[str]:
        return [name for name, _ in check.secrets_in(text)]

    yield names
    for module in ("secret_shapes", "notebook_filter"):
        del sys.modules[module]


def planted(name: str, number: int) -> str:
    """Return the text of a row with a secret in it, which depends on a number."""
    digest = hashlib.sha256(str(number).encode()).digest()
    letters = base64.b64encode(digest).decode().translate(str.maketrans("+/=xXyY", "qjkqjkq"))
    letters = f"{letters[:17]}7{letters[17:35]}"  # no row takes a value without a digit
    fernet = base64.urlsafe_b64encode(digest).decode()
    upper = base64.b32encode(digest).decode()[:16]
    return PLANTED[name].format(*3 * [letters], fernet=fernet, upper=upper)


def test_every_row_has_a_planted_secret() -> None:
    """No row of the table is without a test below."""
    assert PLANTED.keys() == PATTERNS.keys()


@pytest.mark.parametrize("name", PATTERNS)
@given(number=NUMBERS)
def test_each_row_is_known_to_the_log_and_to_the_check(
    names_in: Check, name: str, number: int
) -> None:
    """The log hides the value and keeps what is before it; the check names it."""
    line = planted(name, number)
    found = re.search(PATTERNS[name], line)
    assert found
    secret = found[0].removeprefix(found[1])
    assert secret
    assert secret not in log.redact(line)
    assert log.redact(line).startswith(line[: found.end(1)])
    assert name in names_in(line)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_row_is_read_where_its_words_are(name: str) -> None:
    """The words of a row, which are looked for first, never hide it."""
    for number in range(99):
        rows = dict(secret_patterns.patterns(planted(name, number)))
        assert name in rows


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
def test_examples_may_be_committed(names_in: Check, text: str) -> None:
    """Where a document shows the place of a key, the check asks for a value that looks real."""
    assert names_in(text) == []


def test_the_check_reads_the_table_in_any_python(root: Path) -> None:
    """Isolated and without packages, as a hook runs it: of this package it imports the table."""
    program = (
        "import sys; sys.path.append('hooks'); import secret_shapes;"
        "print([name for name in sys.modules if name.startswith('quant')])"
    )
    command = [sys.executable, "-S", "-E", "-I", "-c", program]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['quant_team_utils', 'quant_team_utils.secret_patterns']"


def test_the_file_check_knows_the_same_conflict_markers(root: Path) -> None:
    """`hooks/file_checks.py` runs without the environment, so it repeats the pattern."""
    source = (root / "hooks" / "file_checks.py").read_text(encoding="utf-8")
    assert f'CONFLICT_MARKER = r"{CONFLICT_MARKER}"' in source
