# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling: one file per format over one judgement. Formats are pure; writing files is `port995.evidence`'s."""
