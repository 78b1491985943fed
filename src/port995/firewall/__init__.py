# SPDX-License-Identifier: GPL-3.0-or-later
"""Close, restrict or open the ports of POP3 in a host's firewall: find, plan, apply, read back, persist, take away.

Python 3.9, standard library only: it travels to managed hosts.
"""
