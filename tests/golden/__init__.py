# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles that earlier versions made, each with every schema as it was then. They are never made anew: what a later
version can't read or judges otherwise is found by tests/unit/evidence/test_golden.py."""
