# SPDX-License-Identifier: GPL-3.0-or-later
"""port995: tells, with proof, whether TCP 995 (POP3S) is as it should be on every host of a fleet."""

from .probe.version import __version__ as __version__
