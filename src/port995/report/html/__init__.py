# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for people, as web pages that need nothing else: no script, no font, no network."""
