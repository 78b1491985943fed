# SPDX-License-Identifier: GPL-3.0-or-later
"""port995: prove, for every server of a fleet, that TCP 995 (POP3S) is as it should be."""

__version__ = "0.1.0"
