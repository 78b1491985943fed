# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS as octets: the registries, and what is written and read by hand."""
