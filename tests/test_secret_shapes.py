"""What the file check takes for a secret, in any kind of file, and what it does not."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "template" / "hooks"))
import secret_shapes  # which also makes the next one importable
from quant_team_utils.secret_patterns import patterns

sys.path.remove(str(ROOT / "template" / "hooks"))

# Put in below, because other checks read this file.
HEX = "3f9a" * 10
WIDE = "3f9a" * 16
MIXED = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC3dE5f"
SHORT = "Xk9mP2vL5q"
SIGNS = "Xk9#mP2$vL5@qR8w"
IDENTITY = "550e8400-e29b-41d4-a716-446655440000"
ACCOUNT = "PKAB12CD34EF56GH78IJ"
BASIC = "YWxpY2U6WGs5bVAydkw1cQ=="  # a user and `SHORT`
VALUES = {
    "HEX": HEX,
    "WIDE": WIDE,
    "PHRASE": "correcthorsebattery",
    "MIXED": MIXED,
    "SHORT": SHORT,
    "SIGNS": SIGNS,
    "IDENTITY": IDENTITY,
    "ACCOUNT": ACCOUNT,
    "BASIC": BASIC,
}
SECRETS = """
"X-API-Key": "HEX"
X-API-Key: HEX
('X-API-Key', b'HEX')
APCA-API-SECRET-KEY: MIXED
APCA-API-KEY-ID: ACCOUNT
headers = {"APCA-API-KEY-ID": "ACCOUNT"}
X-MBX-APIKEY: MIXED
ALPACA_API_KEY_ID='ACCOUNT'
Authorization: Bearer MIXED
Authorization: Basic BASIC
Authorization: token HEX
Authorization: HEX
'Authorization', 'Basic BASIC'
"Authorization": f"Bearer MIXED"
Proxy-Authorization: Bearer MIXED
Cookie: session=MIXED
encryption_key = 'MIXED'
ENCRYPTION_KEY=HEX
export SECRETS_ENCRYPTION_KEY=HEX
set TICKDB_API_KEY=MIXED
$env:TICKDB_API_KEY = "MIXED"
secret_key = rb'MIXED'
private_key = '0xWIDE'
signing-key: MIXED
os.environ["TICKDB_API_KEY"] = "HEX"
os.environ['X_SECRET'] = 'MIXED'
os.environ.setdefault("API_KEY", "HEX")
monkeypatch.setenv("ALPACA_SECRET_KEY", "MIXED")
api_key: str = "HEX"
api_key: str | None = "HEX"
api_key: >-|  MIXED
api_key: ||    MIXED
api_key: >-  # of alice|  MIXED
api_key = (|    "MIXED"|)
api_key: MIXED
apiKey: 'MIXED'
"api_key":"MIXED"
{"env": "ALPACA_SECRET_KEY=\\"MIXED\\""}
api_key_1 = \"\"\"MIXED\"\"\"
clientSecret = "MIXED"
client_secret: IDENTITY
access_token => 'MIXED'
token := "MIXED"
<password>MIXED</password>
Server=db;User Id=sa;Password=SIGNS;
password = "SIGNS"
DB_PWD=MIXED
AccountKey=MIXED==
Fernet(b"MIXED-_1=")
FERNET=MIXED-_1=
quant sandbox --api-key MIXED
quant x --password=MIXED
curl -H 'X-API-Key: HEX' https://host
curl -H "Authorization: Bearer MIXED" https://host
curl -u alice:SHORT https://host
curl -s --user 'alice:SHORT' https://host
requests.get(url, auth=('alice', 'SHORT'))
https://host/prices?access_token=MIXED
https://host/prices?x=1&apikey=MIXED
https://alice:SHORT@host.io/prices
postgres://alice:SHORT@db.internal:5432/prices
postgresql+psycopg2://a:SHORT@h/x
redis://:SHORT@cache:6379/0
amqp://u:SHORT@mq:5672/
mongodb+srv://app:PHRASE@cluster0.abc.mongodb.net
""".strip().splitlines()
NO_SECRETS = """
usdc = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'
usdc_token = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'
token: 0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48
token_tx = '0xWIDE'
api_key_env = "TICKDB_API_KEY_PRODUCTION_2"
secret: secret/data/tickdb/v2/production-1
secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:tickdb-AbC1eF"
"ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:MyTickdb-a1b2c3"
secret: projects/my-proj-1234/secrets/tickdb-key/versions/3
secret_name = 'tickdb-production-2024'
secret = settings.secrets_v2.production_key_2
token = self._reader_v2.next_token_value(1)
token = base64.b64encode(os.urandom(32))
private_key = Ed25519PrivateKey.generate()
api_key = os.environ['TICKDB_API_KEY_2_PRODUCTION']
secret: ${{ secrets.TICKDB_API_KEY_2 }}
password_file=/run/secrets/db_password_2
commit: HEX
digest: sha256:HEX
secret_sha256: WIDE
token_id: IDENTITY
id: IDENTITY
next_page_token: QUFQTHxNfDIwMjQtMDE0
token_expires = '2024-01-15T10:00:00Z'
token_url = "https://auth.io/oauth2/token/v2x3"
https://user:password@host/
https://user:pass1234@example.com
https://${USER}:${TOKEN}@host.io
https://{user}:{password}@host.io
https://host:8080/@scope/package1
postgres://postgres:postgres@localhost:5432/x
amqp://guest:guest@localhost//
Authorization: Bearer <your token>
Authorization: Bearer ${TOKEN_OF_2024_LONG}
f"Bearer {token_of_the_client_2}"
Basic auth is required
curl -u user:password https://host
curl -u $USER:$PASS https://host
docker run -u 1000:1000 image
sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
h1:47DEQpj8HBSaTImW5JCeuQeRkm5NMpJWZG3hSuFUab4=
token = 'MIXED'  # not-a-secret
<!-- token: MIXED not-a-secret -->
api_key: >-  # not-a-secret|  MIXED
api_key: >-|  MIXED # not-a-secret
{"a": "token = 'MIXED'  # not-a-secret\\n"},
""".strip().splitlines()


def text_of(row: str) -> str:
    """Return the text of a row: with its values, and lines where it has bars before blanks."""
    for name, value in VALUES.items():
        row = row.replace(name, value)
    return row.replace("|  ", "\n  ").replace("|)", "\n)")


def faults(text: str, path: str = "a.txt", encoding: str = "utf-8") -> list[str]:
    return list(secret_shapes.faults(path, text.encode(encoding)))


def notebook(*sources: Any, **members: Any) -> str:
    """Return a notebook of code cells, with more members in the last."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources
    ]
    cells[-1].update(members)
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=1)


@pytest.mark.parametrize("row", SECRETS)
def test_a_secret_is_refused(row: str) -> None:
    """In a file of any kind, on its own line, in a cell; the sentence does not show it."""
    text = text_of(row)
    (fault,) = faults(f"first\n{text}\nlast\n")
    assert fault.startswith("line 2 looks like a")
    assert fault.endswith("end the line with: # not-a-secret")
    assert not any(value in fault for value in VALUES.values())
    lines = f"first\n{text}\nlast".splitlines(keepends=True)
    for source in (lines, "".join(lines)):
        (fault,) = faults(notebook("x = 1", source), "a.ipynb")
        assert fault.startswith("cell 2, line 2 looks like a")
    assert not any(value in redacted(text) for value in VALUES.values())


def redacted(text: str) -> str:
    """Return what a log shows of a text, as `quant_team_utils.log` does it."""
    for _, pattern in patterns(text):
        text = pattern.sub(r"\g<1>***", text)
    return text


@pytest.mark.parametrize("row", NO_SECRETS)
def test_what_is_no_secret_is_not_refused(row: str) -> None:
    """Addresses, names, paths, digests, examples, and whatever carries the mark."""
    text = text_of(row)
    assert faults(f"first\n{text}\nlast\n") == []
    assert faults(notebook(f"first\n{text}\nlast\n".splitlines(keepends=True)), "a.ipynb") == []


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1", "gb18030"]
)
def test_a_text_is_read_in_its_encoding(encoding: str) -> None:
    """UTF-16 with and without a byte order mark, and every encoding that holds ASCII."""
    note = "# Schlüssel\n" if encoding != "gb18030" else "# 密钥一\n"
    text = note + "prices = 1\n" * 9 + text_of("encryption_key = 'MIXED'\r\n")
    for marked in ("", "\ufeff") if encoding.startswith("utf-16-") else ("",):
        (fault,) = faults(marked + text, encoding=encoding)
        assert fault.startswith("line 11 looks like a key.")


@given(raw=st.binary(), path=st.sampled_from(["a.txt", "a.ipynb"]))
def test_no_bytes_break_the_check(raw: bytes, path: str) -> None:
    """Whatever stands in a file, no crash."""
    list(secret_shapes.faults(path, raw))


def test_what_is_not_text_is_not_read() -> None:
    """A picture or an archive may hold anything."""
    text = text_of("api_key = 'MIXED'\n").encode()
    pixels = bytes(range(256)) * 9
    assert list(secret_shapes.faults("a.png", pixels + text)) == []


SECRET = text_of('ALPACA_SECRET_KEY = "MIXED"')
MARKED = text_of('ALPACA_SECRET_KEY = "MIXED"  # not-a-secret')
PICTURE = {"data": {"image/png": f"token={MIXED}"}, "output_type": "display_data"}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (notebook(["x = 1\n", SECRET]), "cell 1, line 2 "),
        (notebook("x", ["x = 1\n", "\n", SECRET + "\n", "y"]), "cell 2, line 3 "),
        (notebook(SECRET, cell_type="markdown"), "cell 1, line 1 "),
        (notebook(SECRET, cell_type="raw"), "cell 1, line 1 "),
        (notebook([MARKED + "\n", "x"]), None),
        (notebook([MARKED]), None),
        (notebook("x", outputs=[{"text": ["a\n", SECRET], "name": "stdout"}]), "cell 1, outputs, "),
        (notebook("x", outputs=[{"data": {"text/html": [f"<p>{SECRET}"]}}]), "cell 1, outputs, "),
        (notebook("x", outputs=[{"data": {"image/svg+xml": SECRET}}]), "cell 1, outputs, "),
        (notebook("x", outputs=[{"data": {"application/json": {"api_key": MIXED}}}]), "cell 1, "),
        (notebook("x", outputs=[{"traceback": ["a", SECRET], "ename": "E"}]), "cell 1, outputs, "),
        (notebook("x", outputs=[PICTURE]), None),
        (notebook("x", metadata={"papermill": {"api_key": MIXED}}), "cell 1, metadata, line 1 "),
        (notebook("x", attachments={"a": {"text/plain": SECRET}}), "cell 1, attachments, "),
        (
            json.dumps({"cells": [], "metadata": {"env": {"X-API-Key": HEX}}, "nbformat": 4}),
            "metadata, line 1 ",
        ),
        (json.dumps({"worksheets": [{"cells": [{"input": SECRET}]}], "nbformat": 3}), "worksheets"),
        (notebook("x", SECRET).replace(' "metadata"', ' "source": "x", "x"'), "cell 2, line 1 "),
        (notebook(SECRET)[:-30], "line "),
        ("[" * 100_000 + SECRET, "line 1 "),
        (SECRET.encode("utf-16").decode("latin-1"), "line 1 "),
    ],
)
def test_a_notebook_is_read_as_the_text_it_holds(content: str, place: str | None) -> None:
    """Sources, outputs, metadata, attachments; what is not JSON is read as any other text."""
    encoding = "latin-1" if content.startswith("ÿþ") else "utf-8"
    found = faults(content, "notebooks/a.ipynb", encoding)
    assert bool(found) == (place is not None)
    assert all(fault.startswith(place or "") for fault in found)


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def test_two_hundred_results_and_notebooks_hold_no_secret() -> None:
    """Digests, commits and identities in the fields that hold them are not secrets."""
    for number in range(100):
        commit = digest(number)[:40]
        result = (
            f"experiment_id: exp_2024-01-02_aapl_momentum_v{number}_alice-{commit[:6]}\n"
            f"commit: {commit}\nsources: {digest(number + 1)}\ntree: {commit[::-1]}\n"
            f"data:\n- digest: {digest(number + 2)}\n  source: sandbox\n"
            f"- {{symbol: AAPL.US, digest: sha256:{digest(number + 3)}}}\n"
        )
        assert faults(result, "results/momentum/a.yaml") == []
        lock = f"sandbox kline AAPL.US 1d 2024-01 2024-01-31 21 {digest(number)} alice 2024-02-01\n"
        assert faults(lock, "data.lock") == []
        cells = [
            f"run = load('exp_2024_{commit[:6]}')\n# commit {commit}\nrun.digest == '{commit}'",
            f"usdc = '0x{commit}'\nkey = 'TICKDB_API_KEY'\nsecret = 'secret/data/tickdb'",
        ]
        assert faults(notebook(*cells, id=commit[:8]), "notebooks/a.ipynb") == []


def refused(folder: Path, pattern: str) -> list[str]:
    """Return the faults of the files of a folder."""
    found = []
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and "site-packages" not in path.parts:
            for fault in secret_shapes.faults(path.name, path.read_bytes()):
                found.append(f"{path}: {fault}")
    return found


def test_no_file_of_this_repository_is_refused() -> None:
    """The template and its own code and tests pass the check that a team gets."""
    for name in ("template/src", "template/tests", "template/docs", "hooks", "tests", "benchmarks"):
        assert refused(ROOT / name, "*.*") == []


@pytest.mark.full
def test_the_standard_library_passes() -> None:
    """Of the thousands of sources that Python comes with, none is taken for one with a secret."""
    folder = Path(sysconfig.get_path("stdlib"))
    found = refused(folder, "*.py")
    assert len(found) <= 2, found
