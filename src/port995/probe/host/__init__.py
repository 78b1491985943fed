# SPDX-License-Identifier: GPL-3.0-or-later
"""See the host from inside: who listens, which rules stand before a port, which certificate is on disk, which
addresses are its own. Changes nothing.

What the user that looks may not see is said to be unseen, with the reason; it is never taken for "there is none".
Python 3.9, standard library only: it travels to managed hosts.
"""
