# SPDX-License-Identifier: GPL-3.0-or-later
"""Real TLS servers, each behind one interface (`peer`): start one as configured, and know what is true of it."""
