# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging: from observations, the owners' intents and a profile to a verdict. Pure; runs on the controller."""
