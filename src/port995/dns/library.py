# SPDX-License-Identifier: GPL-3.0-or-later
"""dnspython, imported once and guarded: it is an extra, and without it nothing is asked, aloud. It writes and reads
messages only; sockets and deadlines are ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

MISSING = ""
"""Why nothing can be asked, and how to get it; empty: dnspython is there."""

if TYPE_CHECKING:
    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype
    import dns.rrset
else:
    try:
        import dns.edns
        import dns.exception
        import dns.flags
        import dns.message
        import dns.name
        import dns.rcode
        import dns.rdataclass
        import dns.rdatatype
        import dns.rrset
    except ImportError as error:
        dns = None
        MISSING = (
            f"the Python library dnspython could not be imported ({error}): install it where the command or the"
            " playbook runs, for example with `pip install 'port995[dns]'`"
        )

__all__ = ["MISSING", "dns"]
