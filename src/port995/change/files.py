# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the host, written so that a power cut leaves the old one or the new one.

Python 3.9, standard library only.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from typing import Optional

MAX_SIZE = 4 * 1024 * 1024
"""Octets of a file that is read."""
PIECE = 64 * 1024
"""Octets that are asked for at a time: for 4 MiB and more at once a file in /proc/sys has no memory (the kernel's
proc_sysctl.c, KMALLOC_MAX_SIZE)."""
ADVICE = {
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the file system is full",
    errno.EDQUOT: "the quota is used up",
    errno.EACCES: "become root",
    errno.EPERM: "become root, and see whether the file is immutable (lsattr)",
}


class FileError(Exception):
    """A file can't be read or written; with its path and why."""


def _failed(what: str, path: str, error: OSError) -> FileError:
    why = ADVICE.get(error.errno or 0, "")
    return FileError("%s can't be %s: %s%s" % (path, what, error.strerror, " (%s)" % why if why else ""))


def read(path: str) -> Optional[str]:
    """The text of a regular file; ``None``: there is no such file.

    :raises FileError: it can't be read, is no regular file or is larger than `MAX_SIZE`
    """
    try:
        with open(path, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise FileError("%s is no regular file" % path)
            data = b""
            while len(data) <= MAX_SIZE:
                piece = stream.read(PIECE)
                if not piece:
                    break
                data += piece
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _failed("read", path, error) from error
    if len(data) > MAX_SIZE:
        raise FileError("%s is larger than %d octets" % (path, MAX_SIZE))
    return data.decode("utf-8", "surrogateescape")


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Write a file of ours, or a foreign one that keeps its mode and owner; folders on the way are made.

    :param mode: of a file that is new
    :raises FileError: it can't be written; what was there is as it was
    """
    folder = os.path.dirname(path)
    temporary = ""
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".port995-", dir=folder)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8", "surrogateescape"))
            try:
                before = os.stat(path)
                os.fchown(stream.fileno(), before.st_uid, before.st_gid)
                mode = stat.S_IMODE(before.st_mode)
                _keep_label(path, stream.fileno())
            except FileNotFoundError:
                pass
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        temporary = ""
        sync_folder(folder)
    except OSError as error:
        raise _failed("written", path, error) from error
    finally:
        if temporary:
            try:
                os.unlink(temporary)
            except OSError:
                pass


def _keep_label(path: str, descriptor: int) -> None:
    """Carry over what SELinux calls the file: where it is on, a file with another label may not be read."""
    try:
        label = os.getxattr(path, "security.selinux")
        os.setxattr(descriptor, "security.selinux", label)
    except OSError:
        # There is none, or this file system knows none.
        pass


def remove(path: str) -> bool:
    """Remove a file of ours, and its folder where it is empty and named for us.

    :returns: whether it was there
    :raises FileError: it can't be removed
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _failed("removed", path, error) from error
    sync_folder(os.path.dirname(path))
    return True


def remove_folder_if_empty(path: str) -> None:
    """Remove a folder that may be ours; one that holds anything, or that is no folder, stays."""
    try:
        os.rmdir(path)
    except OSError:
        pass


def sync_folder(path: str) -> None:
    """Let a folder's entries outlive a power cut.

    :raises OSError: they can't be written
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
