# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate against servers that lie, stall, flood and ban, live on loopback."""
