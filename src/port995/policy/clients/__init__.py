# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail clients as models: what each would get from a server, computed from what was recorded of it, with no connection.

`catalogue` holds the models, `server` what they need to know of a server, `negotiation` computes, `result` tells.
"""
