"""Files that are never half written: replace one, create one, change one under a lock.

These are the only places of the project that write a file which somebody else may read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from quant_team_utils.errors import QuantError

_WINDOWS_TRIES = 50  # one second in all
_BINARY = getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY


class FileError(QuantError):
    """A file cannot be written; the old one, if there was any, is as it was."""


def replace(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file in one step: whoever reads it finds the old content or the new.

    Args:
        path: the file; folders above it are made.
        content: the whole new content.
        mode: POSIX mode of the file; default: that of the file it replaces, else by umask.

    Raises:
        FileError: the folder or the file cannot be written.
    """
    with _draft(path, content, mode) as draft:
        _rename(draft, path)


def create(path: Path, content: bytes, *, mode: int | None = None) -> bool:
    """Write a file only if there is none of that name; return False if there is.

    The file appears complete: of several processes that try, exactly one returns True.

    Args:
        path: the file; folders above it are made.
        content: its whole content.
        mode: POSIX mode of the file; default: by umask.

    Raises:
        FileError: the folder or the file cannot be written.
    """
    if path.exists():
        return False
    with _draft(path, content, mode) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        except OSError:  # no hard links here: some network drives, exFAT
            return _write_exclusively(path, content, mode)
        return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file against other writers, in this process and in others, to read, change and write.

    The lock is a file `.NAME.lock` beside it, which git ignores; a killed process leaves it free.
    Who holds it must not ask for it again.

    Args:
        path: the file, which need not exist yet; folders above it are made.

    Raises:
        FileError: the folder cannot be written, or its file system has no locks.
    """
    import filelock

    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    with _reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except NotImplementedError as error:
            raise OSError(0, "its file system has no locks") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _draft(path: Path, content: bytes, mode: int | None) -> Iterator[Path]:
    """Yield a complete file beside `path`, on the disk, and remove it unless it was renamed."""
    with _reported(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        if mode is None and path.exists():
            mode = stat.S_IMODE(path.stat().st_mode)
        try:
            _write_new(draft, content, mode)
            yield draft
        finally:
            draft.unlink(missing_ok=True)


def _write_new(path: Path, content: bytes, mode: int | None) -> None:
    """Write a file that must not exist yet, onto the disk; no mode: 666 without the umask."""
    descriptor = os.open(path, _NEW, 0o666 if mode is None else 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if mode is not None:
            path.chmod(mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _rename(draft: Path, path: Path) -> None:
    for _ in range(_WINDOWS_TRIES if os.name == "nt" else 0):
        with contextlib.suppress(PermissionError):  # Windows replaces no file that somebody reads
            draft.replace(path)
            return
        time.sleep(0.02)
    draft.replace(path)


def _write_exclusively(path: Path, content: bytes, mode: int | None) -> bool:
    try:
        _write_new(path, content, mode)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn the system's refusal into the one sentence about it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise FileError(
            f"Cannot write {path} ({reason}): make room, or make it a file that you own."
        ) from None
