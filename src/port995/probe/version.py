# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that holds the version: the probe tells it on managed hosts, where nothing else of us is installed."""

from __future__ import annotations

__version__ = "0.1.0"
