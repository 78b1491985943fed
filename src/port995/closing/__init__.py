# SPDX-License-Identifier: GPL-3.0-or-later
"""Close a port on a host: no daemon listens, the firewall lets nobody in; one change, which the host takes back.

Knows change, firewall and daemon. Python 3.9, standard library only: it travels to managed hosts.
"""
