# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with what is asked for, before anything is looked at. Python 3.9, standard library only."""

from __future__ import annotations


class WantedError(Exception):
    """What is wanted contradicts itself or can't be read; the text says what to write instead."""
