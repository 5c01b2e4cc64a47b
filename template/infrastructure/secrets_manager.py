"""Production credentials, encrypted at rest and opened at run time, on the host that needs them.

One file per service, `<service>.enc`, in `SECRETS_DIR` (default `/secrets`), readable by its owner
only. The key is `SECRETS_ENCRYPTION_KEY`: in the environment of the production host, never beside
the files, in the code or on a laptop. Several keys, separated by commas, are a ring: the first one
encrypts, each of them opens.

Make a key:

    python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"

Store credentials, on the production host (typed, so that no shell history keeps them):

    from getpass import getpass
    key, secret = getpass("key: "), getpass("secret: ")
    put_production_credentials("alpaca", {"api_key": key, "secret_key": secret})

Use them:

    credentials = get_production_credentials("alpaca")
    api_key = credentials["api_key"]
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from quant_team_utils import files, settings
from quant_team_utils.errors import QuantError

_SERVICE = re.compile(r"[a-z][a-z0-9_]{0,62}")


class SecretsError(QuantError):
    """Credentials cannot be read or stored; the text never holds a key or a value."""


class Credentials(dict[str, str]):
    """Names and values of one service's credentials: plain strings, but printing shows no value."""

    def __repr__(self) -> str:
        """Show the names only."""
        return f"Credentials({', '.join(f'{name}=***' for name in self)})"


def get_production_credentials(service: str) -> dict[str, str]:
    """Return the credentials of a service, such as `{"api_key": ..., "secret_key": ...}`.

    Args:
        service: its name: lower-case letters, digits and underscores, at most 63, starting with a
            letter.

    Raises:
        SecretsError: the name is not valid; the key is missing or does not fit; the file is
            missing, open to others, not a regular file, damaged, or holds another service.
    """
    path = _path(service)
    cipher = _cipher()
    token = _read(path)
    if token is None:
        raise SecretsError(
            f"There are no credentials for {service} in {path.parent}: store them there with "
            "put_production_credentials, or set SECRETS_DIR to the folder that holds them."
        )
    return Credentials(_open(path, token, cipher, service)["value"])


def put_production_credentials(service: str, credentials: Mapping[str, str]) -> Path:
    """Encrypt the credentials of a service into its file, in one step, and return the file's path.

    The file replaces an older one, which the key must open. It has mode 600 (on POSIX), and a
    folder that does not exist yet is made with mode 700.

    Raises:
        SecretsError: the name or the credentials are not valid; the key is missing; the older file
            cannot be opened; the file cannot be written.
    """
    path = _path(service)
    parts = [*credentials.keys(), *credentials.values()]
    if not parts or not all(isinstance(part, str) and part for part in parts):
        raise SecretsError(
            f"The credentials of {service} must be names and values, text that is not empty."
        )
    cipher = _cipher()
    older = _read(path)
    version = _open(path, older, cipher, service)["version"] + 1 if older is not None else 1
    # Fernet does not know which file it is in: the service and a counter go inside and are
    # compared on reading.
    document = {"service": service, "version": version, "value": dict(credentials)}
    token = cipher.encrypt(json.dumps(document).encode())
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(path, token, mode=0o600)
    except files.FileError as error:
        raise SecretsError(str(error)) from None
    except OSError as error:
        raise SecretsError(
            f"Cannot write {path} ({error.strerror}): set SECRETS_DIR to a folder of yours."
        ) from None
    return path


def _path(service: str) -> Path:
    if not isinstance(service, str) or not _SERVICE.fullmatch(service):
        raise SecretsError(
            f"{service!r} is not the name of a service: use lower-case letters, digits and "
            "underscores, at most 63, starting with a letter."
        )
    return Path(settings.get("SECRETS_DIR") or "").expanduser() / f"{service}.enc"


def _cipher() -> MultiFernet:
    ring = settings.get("SECRETS_ENCRYPTION_KEY")
    if not ring:
        raise SecretsError(
            "SECRETS_ENCRYPTION_KEY is not set: set it in the environment of this host; "
            "production credentials are opened nowhere else."
        )
    try:
        return MultiFernet([Fernet(key.strip()) for key in ring.split(",")])
    except ValueError:
        raise SecretsError(
            "SECRETS_ENCRYPTION_KEY does not hold Fernet keys separated by commas: make one with "
            '`python -c "from cryptography.fernet import Fernet; '
            'print(Fernet.generate_key().decode())"`.'
        ) from None


def _read(path: Path) -> bytes | None:
    """Return the content of a file that only its owner can read, or None without a file."""
    # A link could lead anywhere and a pipe could wait for ever: neither is followed. Windows lacks
    # both flags.
    flags = (
        os.O_RDONLY
        | getattr(os, "O_NOFOLLOW", 0)
        | getattr(os, "O_NONBLOCK", 0)
        | getattr(os, "O_BINARY", 0)
    )
    try:
        if path.is_symlink():
            raise SecretsError(f"{path} is a link, not a regular file: put the file itself there.")
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise SecretsError(f"{path} is not a regular file: put the file itself there.")
            if os.name == "posix" and mode & 0o077:
                raise SecretsError(
                    f"{path} can be read by others: `chmod 600 {path}`, then rotate what is in it."
                )
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretsError(
            f"Cannot read {path} ({error.strerror}): make it a file that you own, mode 600."
        ) from None


def _open(path: Path, token: bytes, cipher: MultiFernet, service: str) -> dict[str, Any]:
    document: Any = None
    # What is wrong is said after this block: there no exception that knows the plain text is in
    # the chain.
    with contextlib.suppress(InvalidToken, ValueError):
        document = json.loads(cipher.decrypt(token))
    match document:
        case {"service": str(name), "version": int(), "value": dict()}:
            if name != service:
                raise SecretsError(
                    f"{path} does not hold the credentials of {service}: store them again."
                )
            return dict(document)
    raise SecretsError(
        f"Cannot open {path}: SECRETS_ENCRYPTION_KEY is not the key it was stored with, or the "
        "file is damaged; set the right key, or delete the file and store the credentials again."
    )
