# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeing: what the probe says of a server, for servers of every kind."""
