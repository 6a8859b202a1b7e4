"""Files that several processes use: locks of the operating system, and a content replaced as a whole."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from re import compile as pattern
from threading import Event

from filelock import lock_descriptor

from omnisync.agent.config.accounts import account_name, is_private_group
from omnisync.agent.errors import SettingsError, TemporaryError

LOCK_PAUSE = timedelta(milliseconds=50)
"""Between two tries for a lock."""
LOCK_TIMEOUT = timedelta(seconds=5)
"""How long a moment's work waits for a lock."""
_NEW = ".new"
"""The ending of a file that is to take another's place."""
_OLDER = pattern(r"[a-z0-9_]{8}")
"""The ending that such a file had at first."""
pause: Callable[[float], object] = Event().wait
"""Waits so many seconds."""


_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_OPEN_TO_GROUP_OR_OTHERS = 0o077


class LockedError(Exception):
    """Another process holds the file's lock."""


@contextmanager
def file_lock(
    path: Path, *, timeout: timedelta = timedelta(0), wait: Callable[[float], object] = pause
) -> Iterator[None]:
    """Hold the operating system's lock on this file. The death of the process frees it too.

    Raises LockedError when another holds it for longer than `timeout`; SettingsError when the file cannot be opened.
    """
    try:
        handle = open_private(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    try:
        n_left = timeout // LOCK_PAUSE
        while not lock_descriptor(handle, blocking=False):
            if not n_left:
                raise LockedError
            n_left -= 1
            wait(LOCK_PAUSE.total_seconds())
        yield
    finally:
        os.close(handle)


def open_private(path: Path, flags: int) -> int:
    """Return a handle of this account's own file, closed to the others (0600). A link is not followed.

    Raises OSError, FileNotFoundError among them; SettingsError (file_not_ours) for a link or another account's file.
    """
    try:
        handle = os.open(path, flags | _NO_LINK, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SettingsError("file_not_ours", arquivo=path) from error
        raise
    try:
        if sys.platform != "win32" and _is_open_to_others(path, os.fstat(handle)):
            with suppress(PermissionError):  # a file of ours in a file system without modes, as a USB stick's
                os.fchmod(handle, 0o600)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _is_open_to_others(path: Path, found: os.stat_result) -> bool:
    """Return whether other accounts may open the file. Raises SettingsError (file_not_ours) as `open_private`."""
    if not stat.S_ISREG(found.st_mode) or (sys.platform != "win32" and found.st_uid != os.geteuid()):
        raise SettingsError("file_not_ours", arquivo=path)
    return sys.platform != "win32" and bool(found.st_mode & _OPEN_TO_GROUP_OR_OTHERS)


def make_private_unopened(path: Path) -> None:
    """Do what `make_private` does to a file that may be a database in use, and open no handle of it.

    A handle that is closed drops every lock that this process has on the file, those of SQLite among them.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    close_to_others(path)


def close_to_others(path: Path) -> None:
    """Close a file that is there to the other accounts, and open no handle of it. Raises as `open_private`."""
    found = path.lstat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if _is_open_to_others(path, found):
        with suppress(PermissionError):  # as in `open_private`
            path.chmod(0o600)


def make_private(path: Path) -> None:
    """Make the file where it is missing, and close it to other accounts. Raises as `open_private`."""
    os.close(open_private(path, os.O_RDWR | os.O_CREAT))


def read_private(path: Path) -> bytes:
    """Return the content of this account's own file. Raises as `open_private`."""
    with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
        return file.read()


def make_private_folder(folder: Path, *, may_be_link: bool = False) -> None:
    """Make the folder where it is missing, closed to other accounts.

    Raises OSError; SettingsError for a folder of another account (folder_of_another), or one in which others may write
    (folder_not_ours): what they plant there would be read as ours. `may_be_link` allows a link of ours or of the
    administrator's.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        return
    link, found, us = folder.lstat(), folder.stat(), os.geteuid()
    is_link_of_another = stat.S_ISLNK(link.st_mode) and not (may_be_link and link.st_uid in (us, 0))
    if not is_link_of_another and found.st_uid != us:
        raise SettingsError("folder_of_another", pasta=folder, dono=account_name(found.st_uid))
    may_group = found.st_mode & stat.S_IWGRP and not is_private_group(found.st_gid)
    if is_link_of_another or may_group or found.st_mode & stat.S_IWOTH:
        raise SettingsError("folder_not_ours", pasta=folder)


@contextmanager
def waited_lock(path: Path, *, timeout: timedelta = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold `file_lock` for a moment's work. Raises TemporaryError when another keeps it for longer than `timeout`."""
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(path, timeout=timeout))
        except LockedError as error:
            raise TemporaryError from error
        yield


def cannot_write(folder: Path, error: OSError) -> SettingsError:
    """Return what to raise when a file of this folder cannot be written: the disk is full, or the folder is not
    ours.
    """
    return SettingsError("disk_full" if error.errno == errno.ENOSPC else "folder_read_only", pasta=folder)


def replace_file(path: Path, content: bytes) -> None:
    """Put the whole new file in the place of the old one; after a failure the old one still stands."""
    try:
        try:
            _write_and_rename(path, content)
        except FileNotFoundError:  # taken for a leftover in the moment before it was locked
            _write_and_rename(path, content)
        _sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path.parent, error) from error


def _write_and_rename(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(_NEW, f".{path.name}.", path.parent)  # 0600 from its first byte
    try:
        with os.fdopen(handle, "wb") as file:
            lock_descriptor(handle, blocking=False)  # as long as it is written it is no leftover
            file.write(content)
            file.flush()
            os.fsync(handle)
            if sys.platform != "win32":
                Path(temporary).replace(path)
        if sys.platform == "win32":  # where an open file cannot be renamed
            Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path, *names: str) -> None:
    """Remove what processes left that were killed while they replaced one of these files: it may hold a secret."""
    for name in names:
        older = [file for file in folder.glob(f"{name}*") if _OLDER.fullmatch(file.name.removeprefix(name))]
        for leftover in (*folder.glob(f".{name}.*{_NEW}"), *older):
            with suppress(OSError, SettingsError, LockedError), file_lock(leftover):
                leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write a folder's renames to the disk, so that they survive a power cut. Windows does so by itself."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
