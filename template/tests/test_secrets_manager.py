"""Production credentials: what is stored is what comes back, and nothing else ever does."""

from __future__ import annotations

import copy
import json
import os
import sys
import traceback
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from infrastructure.secrets_manager import (
    SecretsError,
    get_production_credentials,
    put_production_credentials,
)
from quant_team_utils import settings

ALPACA = {"api_key": "PLANTED-api-value", "secret_key": "PLANTED-secret-value"}
posix_only = pytest.mark.skipif(
    os.name != "posix", reason="modes, links and pipes as POSIX knows them"
)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    value = Fernet.generate_key().decode()
    monkeypatch.setenv("SECRETS_ENCRYPTION_KEY", value)
    return value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "secrets"
    monkeypatch.setenv("SECRETS_DIR", str(path))
    return path


def refused(service: str = "alpaca") -> str:
    """Return the one sentence of a refusal, in which, as in its traceback, no secret is."""
    with pytest.raises(SecretsError) as caught:
        get_production_credentials(service)
    printed = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__context__)
    assert "PLANTED" not in printed
    assert os.environ.get("SECRETS_ENCRYPTION_KEY", "no key") not in printed
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_stored_comes_back(key: str, folder: Path) -> None:
    """The documented use: plain strings by name."""
    assert put_production_credentials("alpaca", ALPACA) == folder / "alpaca.enc"
    credentials = get_production_credentials("alpaca")
    assert credentials == ALPACA
    assert type(credentials["api_key"]) is str


def test_printing_credentials_hides_the_values(key: str, folder: Path) -> None:
    """Neither a notebook cell, nor a log line, nor a format string shows a value."""
    put_production_credentials("alpaca", ALPACA)
    credentials = get_production_credentials("alpaca")
    for shown in (
        repr(credentials),
        str(credentials),
        f"{credentials}",
        "%s" % credentials,  # noqa: UP031
        f"{[credentials]}",
    ):
        assert "PLANTED" not in shown
        assert "api_key=***" in shown
    assert "PLANTED" not in repr(copy.deepcopy(credentials))


def test_the_file_holds_no_plain_text(key: str, folder: Path) -> None:
    """Neither values nor their names can be read without the key."""
    content = put_production_credentials("alpaca", ALPACA).read_bytes()
    assert b"PLANTED" not in content
    assert b"api_key" not in content


@posix_only
def test_file_and_folder_are_the_owner_s_alone(key: str, folder: Path) -> None:
    """Mode 600 in a folder of mode 700, and nothing half-written stays."""
    path = put_production_credentials("alpaca", ALPACA)
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == [path]


def test_storing_again_replaces_and_counts(key: str, folder: Path) -> None:
    """The counter inside the file tells a newer value from an older one."""
    put_production_credentials("alpaca", ALPACA)
    path = put_production_credentials("alpaca", {"api_key": "newer"})
    assert get_production_credentials("alpaca") == {"api_key": "newer"}
    assert json.loads(Fernet(key).decrypt(path.read_bytes()))["version"] == 2


def test_a_ring_opens_old_files_and_encrypts_with_its_first_key(
    key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `new,old`, old files open, and what is stored needs only the new key."""
    put_production_credentials("alpaca", ALPACA)
    new = Fernet.generate_key().decode()
    monkeypatch.setenv("SECRETS_ENCRYPTION_KEY", f"{new}, {key}")
    assert get_production_credentials("alpaca") == ALPACA
    put_production_credentials("alpaca", {"api_key": "newer"})
    monkeypatch.setenv("SECRETS_ENCRYPTION_KEY", new)
    assert get_production_credentials("alpaca") == {"api_key": "newer"}


def test_the_key_is_read_when_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the module needs no key; asking for credentials does, and says where it belongs."""
    assert "SECRETS_ENCRYPTION_KEY is not set" in refused()
    monkeypatch.setenv("SECRETS_ENCRYPTION_KEY", Fernet.generate_key().decode())
    assert "There are no credentials for alpaca" in refused()


@pytest.mark.parametrize("ring", ["short", "ü" * 44, "A" * 44, "{key},", "{key},x{key}"])
def test_a_bad_key_is_refused_and_never_shown(
    ring: str, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says how to make a key, and does not repeat the bad one."""
    monkeypatch.setenv("SECRETS_ENCRYPTION_KEY", ring.replace("{key}", key))
    text = refused()
    assert "Fernet.generate_key()" in text
    assert key not in text


@pytest.mark.parametrize(
    "service",
    [
        "",
        "..",
        "../a",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "a\n",
        "a\0",
        "Alpaca",
        "1a",
        "a.b",
        "a b",
        "ä",
        "a" * 64,
    ],
)
def test_a_service_name_cannot_leave_the_folder(service: str, key: str, folder: Path) -> None:
    """Names that are not plain are refused on reading and on writing, before any path is made."""
    assert "is not the name of a service" in refused(service)
    with pytest.raises(SecretsError, match="is not the name of a service"):
        put_production_credentials(service, ALPACA)
    assert not folder.exists()


@pytest.mark.parametrize("credentials", [{}, {"api_key": ""}, {"": "x"}, {"api_key": 7}, {7: "x"}])
def test_only_text_is_stored(credentials: dict[str, str], key: str, folder: Path) -> None:
    """Empty or non-text credentials are refused and nothing is written."""
    with pytest.raises(SecretsError, match="must be names and values"):
        put_production_credentials("alpaca", credentials)
    assert not folder.exists()


def test_a_renamed_file_is_refused(key: str, folder: Path) -> None:
    """The credentials of one service never answer for another."""
    path = put_production_credentials("alpaca", ALPACA)
    path.rename(folder / "broker.enc")
    assert "does not hold the credentials of broker" in refused("broker")


def test_a_changed_byte_or_a_cut_is_refused(key: str, folder: Path) -> None:
    """Whatever byte of the file is changed, and wherever it is cut, nothing comes back."""
    path = put_production_credentials("alpaca", ALPACA)
    content = path.read_bytes().rstrip(b"=")
    for place in range(0, len(content) - 1, 7):
        other = b"A" if content[place : place + 1] != b"A" else b"B"
        for damaged in (content[:place] + other + content[place + 1 :], content[:place]):
            path.write_bytes(damaged)
            assert "Cannot open" in refused()


@pytest.mark.parametrize(
    "inner",
    [
        b"",
        b"PLANTED not json",
        b"[]",
        b'{"api_key": "PLANTED"}',
        b'{"service": "alpaca", "version": 1, "value": "PLANTED"}',
    ],
)
def test_an_unknown_content_is_refused_without_being_shown(
    inner: bytes, key: str, folder: Path
) -> None:
    """A file that the key opens, but of another form, is refused; its text appears nowhere."""
    folder.mkdir()
    path = folder / "alpaca.enc"
    path.write_bytes(Fernet(key).encrypt(inner))
    path.chmod(0o600)
    assert "Cannot open" in refused()


def test_another_key_opens_nothing_and_replaces_nothing(
    key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the wrong key the credentials stay shut, and a write does not destroy them."""
    path = put_production_credentials("alpaca", ALPACA)
    before = path.read_bytes()
    monkeypatch.setenv("SECRETS_ENCRYPTION_KEY", Fernet.generate_key().decode())
    assert "Cannot open" in refused()
    with pytest.raises(SecretsError, match="Cannot open"):
        put_production_credentials("alpaca", {"api_key": "newer"})
    assert path.read_bytes() == before


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_file_open_to_others_is_refused(mode: int, key: str, folder: Path) -> None:
    """Credentials that others could read or change are not used; the sentence has the command."""
    path = put_production_credentials("alpaca", ALPACA)
    path.chmod(mode)
    assert f"`chmod 600 {path}`" in refused()


@posix_only
def test_links_pipes_and_folders_are_refused(key: str, folder: Path) -> None:
    """Only a regular file is read: no link is followed, no pipe awaited, no folder opened."""
    real = put_production_credentials("alpaca", ALPACA)
    (folder / "link.enc").symlink_to(real)
    if sys.platform != "win32":  # the type checker on Windows knows no mkfifo
        os.mkfifo(folder / "pipe.enc", 0o600)
    (folder / "room.enc").mkdir(mode=0o700)
    for service in ("link", "pipe"):
        assert "not a regular file" in refused(service)
    assert "Is a directory" in refused("room")


def test_a_failed_write_leaves_the_older_file(
    key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash before the last step costs nothing and leaves nothing beside the file."""
    path = put_production_credentials("alpaca", ALPACA)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SecretsError, match="No space left on device"):
        put_production_credentials("alpaca", {"api_key": "newer"})
    assert list(folder.iterdir()) == [path]
    assert get_production_credentials("alpaca") == ALPACA


def test_the_default_folder() -> None:
    """Without SECRETS_DIR, credentials are in `/secrets`."""
    assert settings.get("SECRETS_DIR") == "/secrets"
