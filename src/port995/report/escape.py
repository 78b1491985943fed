# SPDX-License-Identifier: GPL-3.0-or-later
"""Text from a host made harmless: in a terminal, in XML, in a CI's page.

Everything a host says may be written to attack its reader: ESC sequences for the terminal, characters that XML 1.0
forbids (one of them spoils the whole file for GitLab), bidirectional overrides that reorder a line, markers that CI
systems obey. They are shown, never dropped: an auditor must see that they were there.
"""

from __future__ import annotations

import re

MESSAGE_LIMIT = 1000
"""Characters of a one-line message."""

LINE_LIMIT = 500
"""Characters of one line of evidence."""

TEXT_LIMIT = 8000
"""Characters of the text of one finding."""

_HARMLESS = re.compile(r"[\x20-\x7e]*")
_ATTACHMENT = re.compile(r"(\[\[ATTACHMENT)\|", re.IGNORECASE)


def visible(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    r"""Show what can't be printed as ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``.

    What can't be printed is what Unicode says of it (`str.isprintable`): C0 and C1 controls, bidirectional and other
    format characters, surrogates, private use, unassigned code points (so everything that XML 1.0 section 2.2 forbids)
    and every space but U+0020.

    :param text: any text; from hosts it has one character per octet
    :param limit: characters of ``text`` to show; what is beyond is counted: ``... (N more octets)``
    :param lines: keep newlines; else they are shown as ``\x0a`` and the answer is one line
    """
    rest = ""
    if limit is not None and len(text) > limit:
        text, rest = text[:limit], f"... ({_octets(text[limit:])} more octets)"
    if not _HARMLESS.fullmatch(text):
        text = "".join(c if c.isprintable() or (lines and c == "\n") else _escaped(c) for c in text)
    return text + rest


def for_junit(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    r"""`visible`, and nothing that a reader of JUnit obeys: ``[[ATTACHMENT|`` (GitLab and Azure fetch what it
    names) and ``]]>`` (ends a CDATA section where a reader copies the text into one)."""
    shown = visible(text, limit, lines=lines)
    return _ATTACHMENT.sub(r"\1\\x7c", shown).replace("]]>", r"]]\x3e")


def paragraph(lines: list[str], limit: int = TEXT_LIMIT) -> str:
    """Lines that are already escaped, joined; whole lines beyond the limit are counted instead of shown."""
    kept: list[str] = []
    room = limit
    for line in lines:
        if len(line) > room:
            break
        room -= len(line) + 1
        kept.append(line)
    rest = lines[len(kept) :]
    if rest:
        kept.append(f"... ({sum(_octets(line) + 1 for line in rest)} more octets)")
    return "\n".join(kept)


def without_surrogates(text: str) -> str:
    r"""Lone surrogates shown as ``\uNNNN``: JSON can carry them, but many of its readers refuse the whole document."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join(_escaped(c) if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _octets(text: str) -> int:
    """Octets of a text: one per character when it came from a host, as UTF-8 otherwise."""
    if all(c < "\u0100" for c in text):
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))
