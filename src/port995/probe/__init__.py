# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeing: what a POP3S service shows to a client that never logs in. Facts only; `port995.policy` has the opinions.

Standard library only, Python 3.9 or later: this room travels to managed hosts and runs there with nothing installed.
"""
