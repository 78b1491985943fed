# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommands of ``port995``: doors, without domain logic of their own."""
