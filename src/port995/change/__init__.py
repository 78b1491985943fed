# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of a host that the host itself takes back, unless it is confirmed in time over a new connection.

Order, and what a power cut or a dead controller leaves after each step: lock (nothing), state and script (nothing), arm
(taken back, to no effect), apply to the running system (taken back), persist (taken back), disarm (kept). Python 3.9,
standard library only: it travels to managed hosts.
"""
