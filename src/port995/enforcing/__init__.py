# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail daemon brought to a profile and the firewall of its port, as one change, which the host takes back as one."""
