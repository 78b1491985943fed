# SPDX-License-Identifier: GPL-3.0-or-later
"""The Dovecot of the neighbours."""

from __future__ import annotations

from tests.integration.dovecot.conftest import dovecot as dovecot
