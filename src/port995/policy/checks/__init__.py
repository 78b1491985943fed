# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks, one file per family. `port995.policy.registry` lists them."""
