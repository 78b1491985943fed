# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the host are read whole, within a limit, wherever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from port995.change import files

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@pytest.mark.skipif(not BOOT_ID.exists(), reason="this system has no /proc/sys of Linux")
def test_what_the_kernel_tells_is_read() -> None:
    """In a container this file is a copy on disk: here it is the kernel's own, which takes no large reads."""
    assert files.read(str(BOOT_ID)) == BOOT_ID.read_text()


def test_a_file_of_several_pieces_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("0123456789abcdef" * files.PIECE)
    assert files.read(str(path)) == path.read_text()
    path.write_text("")
    assert files.read(str(path)) == ""


def test_what_is_too_large_or_no_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * files.MAX_SIZE)
    assert len(files.read(str(path)) or "") == files.MAX_SIZE
    path.write_bytes(b"x" * (files.MAX_SIZE + 1))
    with pytest.raises(files.FileError, match="larger than"):
        files.read(str(path))
    assert files.read(str(tmp_path / "none")) is None
    with pytest.raises(files.FileError, match="Is a directory"):
        files.read(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    # Read from its own other end, so that opening it does not wait.
    end = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(files.FileError, match="no regular file"):
        files.read(str(tmp_path / "pipe"))
    os.close(end)
