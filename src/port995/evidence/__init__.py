# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping: the run folder, and the conclusion that fills it. The gate's file is written last, so its presence tells."""
