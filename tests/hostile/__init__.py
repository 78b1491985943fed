# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that misbehave octet by octet, for whatever reads from the network."""
