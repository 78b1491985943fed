# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and set how a mail daemon serves POP3S. One file per daemon; what all have in common stands in ``model``.

Python 3.9, standard library only: it travels to managed hosts.
"""
