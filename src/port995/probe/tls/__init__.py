# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS by raw ClientHellos: what a server accepts and refuses, asked offer by offer without any cryptography.

`cipher_suites`, `named_groups`, `signature_schemes`, `alerts` are the registries; `client_hello` writes, `answer`
reads, `exchange` is one connection, `interrogation` asks a server all the questions of a profile, `canaries` are the
self-test. Python 3.9, standard library only.
"""
