# SPDX-License-Identifier: GPL-3.0-or-later
"""Nmap's side of the house. Travels to managed hosts: Python 3.9, standard library and (guarded) python-nmap."""
