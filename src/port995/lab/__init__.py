# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded lab: small POP3S servers on loopback, one right and the others each wrong in one way, with the truth."""
