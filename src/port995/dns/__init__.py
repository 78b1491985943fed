# SPDX-License-Identifier: GPL-3.0-or-later
"""What the DNS says of a service: questions to a resolver, and its answers as facts without opinion."""
