# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m port995``."""

from __future__ import annotations

from .start import main

main()
