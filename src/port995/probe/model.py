# SPDX-License-Identifier: GPL-3.0-or-later
"""What the probe looks at and what it saw: raw facts, no opinion.

Everything here is a frozen dataclass that `port995.probe.codec` turns into JSON and back; the JSON Schema of an
`Observation` is published as ``port995/report/schema/observation-1.json``.

Text that came from a host is kept octet by octet as ISO 8859-1 (every octet is one character), never decoded further:
it is hostile until a report escapes it. Times are UTC, RFC 3339 with milliseconds and ``Z``. Durations are in seconds.

Python 3.9, standard library only: this module travels to managed hosts.
"""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple

OBSERVATION_SCHEMA = "port995/observation/1"
"""Name and major version of the observation format; a reader refuses another major version."""


@dataclasses.dataclass(frozen=True)
class Target:
    """One service to look at, as its owner names it."""

    hosts: Tuple[str, ...]
    """Names of the population (inventory hosts, or the target as typed) that this service stands for; one or more:
    two hosts with the same service are probed once."""

    address: str
    """Domain name or IP literal (no brackets, zone id allowed for link-local IPv6) to resolve and connect to."""

    port: int = 995
    """TCP port on which TLS is expected from the first byte (RFC 8314 section 3.1)."""

    server_name: Optional[str] = None
    """Name sent as SNI and expected in the certificate; ``None``: the address, when that is a name."""

    pop3_port: Optional[int] = 110
    """TCP port of clear-text POP3 with STLS (RFC 2595) to look at beside it; ``None``: do not look."""

    proxy_protocol: Optional[str] = None
    """``"v1"`` or ``"v2"``: send this PROXY protocol header first (HAProxy's proxy-protocol.txt); ``None``: none."""

    login: Optional[str] = None
    """What a login is owed for, where its user gave credentials: ``read`` (the mailbox commands that change nothing),
    ``dele`` (DELE and RSET too); ``None``: no login. The credentials themselves are never part of a fact."""


@dataclasses.dataclass(frozen=True)
class Vantage:
    """Where observations are made from."""

    name: str = "controller"
    """``controller`` or the name of the scanner host."""

    side: str = "undeclared"
    """``inside`` or ``outside`` as its owner declares it, else ``undeclared``."""

    hostname: str = ""
    """The machine's own name."""

    families: Tuple[int, ...] = ()
    """Address families (4, 6) that have a route from here, other than loopback only."""

    tool_version: str = ""
    python: str = ""
    openssl: str = ""

    canaries: Tuple[str, ...] = ()
    """Faults that this machine's probe was shown in canned conversations before the run, and saw: see
    `port995.probe.tls.canaries`. What it did not see there it would not see anywhere. ``path``: an old hello
    came through to `canary_host`, and its answer back."""

    canary_host: str = ""
    """A server known to speak old versions, asked before the run to see whether the network lets them pass."""


@dataclasses.dataclass(frozen=True)
class Resolution:
    """How the target's address became IP addresses."""

    outcome: str
    """``numeric`` (an IP literal, nothing asked), ``resolved``, ``not-found`` (the name or its addresses do not exist),
    ``timeout`` (no answer before the deadline), ``failed`` (the resolver said try again, or broke), ``not-tested``."""

    addresses: Tuple[str, ...] = ()
    """Every address, in the resolver's order, before any choice of family."""

    detail: str = ""
    """The resolver's own words, or what to do next."""

    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class TcpConnect:
    """The outcome of a TCP connect, in Nmap's words."""

    state: str
    """``open``, ``closed``, ``filtered`` or ``unknown`` (this machine could not try)."""

    reason: str
    """Nmap's reason: ``syn-ack``, ``conn-refused``, ``no-response``, ``host-unreach``, ``net-unreach``,
    ``admin-prohibited``, ``port-unreach`` ...; with ``unknown`` a local one: ``too-many-files``,
    ``permission-denied``, ``address-not-available``, ``no-route``, ``deadline``, ``cancelled``, ``internal-error``."""

    errno: Optional[str] = None
    """Symbolic errno (``ECONNREFUSED``) where the kernel gave one."""

    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class TlsSession:
    """One TLS handshake made with the standard library, tolerant on purpose: certificates are recorded, not judged."""

    outcome: str
    """``completed``, ``alert`` (the peer sent a fatal alert), ``eof``, ``reset``, ``timeout``, ``not-tls`` (something
    else than TLS was spoken), ``failed`` (the local TLS stack gave up), ``not-tested``."""

    detail: str = ""
    """The alert's name, the TLS stack's reason, or a hint (a hang that looks like a missing PROXY header says so)."""

    alert: Optional[int] = None
    """Alert description received (RFC 8446 section 6), for ``alert``."""

    octets_received: int = 0
    """How many octets the peer sent before the handshake ended: 0 with ``eof`` or ``timeout`` may be a throttle."""

    server_name_sent: Optional[str] = None
    """SNI as sent; ``None``: the extension was left out."""

    version: Optional[str] = None
    """``SSLv3``, ``TLSv1``, ``TLSv1.1``, ``TLSv1.2``, ``TLSv1.3``: negotiated in this one handshake."""

    cipher_suite: Optional[str] = None
    """OpenSSL's name of the negotiated suite."""

    group: Optional[int] = None
    """IANA number of the named group of the key exchange, read from the handshake messages; ``None``: not seen."""

    signature_scheme: Optional[int] = None
    """IANA SignatureScheme of the server's CertificateVerify or ServerKeyExchange; ``None``: not seen."""

    certificates: Tuple[str, ...] = ()
    """Chain as the server sent it, each certificate as base64 of its DER; the leaf is first."""

    chain_source: str = "none"
    """``handshake`` (whole chain, as sent), ``leaf-only`` (this Python shows no more; order and path can't be told),
    ``none``."""

    close_notify: Optional[bool] = None
    """Whether the peer sent close_notify before the TCP close (RFC 8314 section 3.4); ``None``: not seen."""

    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Capability:
    """One line of a CAPA answer (RFC 2449 section 3)."""

    name: str
    """Capability tag, upper case."""

    arguments: Tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Pop3Dialogue:
    """One POP3 dialogue in the AUTHORIZATION state (RFC 1939): greeting, CAPA, QUIT. No credentials are ever sent."""

    outcome: str
    """``completed``, or how it ended early: ``timeout``, ``eof``, ``reset``, ``oversize`` (a line or list beyond the
    bound), ``malformed`` (an answer that is neither +OK nor -ERR), ``not-tested``."""

    ended_in: Optional[str] = None
    """The phase it ended in, when early: ``greeting``, ``capa``, ``stls``, ``quit``."""

    greeting: Optional[str] = None
    """First line without its CRLF; ``None``: none came."""

    greeting_status: Optional[str] = None
    """``+OK``, ``-ERR`` or ``other``."""

    apop_challenge: Optional[str] = None
    """The msg-id ``<...@...>`` anywhere in the greeting (RFC 1939 section 7): APOP is offered."""

    capa_status: str = "not-asked"
    """``listed`` (a list ended by CRLF.CRLF), ``refused`` (-ERR), ``incomplete``, ``malformed``, ``not-asked``."""

    capabilities: Tuple[Capability, ...] = ()
    """What CAPA listed; complete only when ``capa_status`` is ``listed``."""

    capa_reply: Optional[str] = None
    """The first line of the CAPA answer."""

    stls_reply: Optional[str] = None
    """The answer to STLS, when it was sent."""

    octets_after_stls: Optional[str] = None
    """What stood in the buffer behind the +OK to STLS (must be nothing: RFC 2595 section 4)."""

    quit_reply: Optional[str] = None

    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Connection:
    """One TCP connection that was opened, and why."""

    purpose: str
    """Why it was made: ``TLS and POP3 session``, ``POP3 and STLS session``."""

    address: str
    port: int
    source_address: Optional[str] = None
    """Local address of the connection; ``None``: it never came to one."""

    started: str = ""
    seconds: float = 0.0
    octets_sent: int = 0
    octets_received: int = 0


@dataclasses.dataclass(frozen=True)
class Mark:
    """A word that a question is to settle, and the suites that show it when one of them is chosen."""

    word: str
    suites: str
    """IANA numbers, four hexadecimal digits each."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What a profile wants to know, as ClientHellos to send: data, made where the profile is read, sent where the probe
    runs. Lists of numbers are strings of four hexadecimal digits each, in the order of the offer."""

    id: str
    """Stable word, the same for every endpoint of a run."""

    purpose: str
    """Why it is asked, for the report."""

    version: int
    """The one version that is offered: 0x0002 (SSLv2), 0x0300 to 0x0304."""

    suites: str
    """Cipher suites; six digits each for SSLv2."""

    groups: str = ""
    signatures: str = ""
    key_share: str = "none"
    """TLS 1.3: ``empty`` (the answer names suite and group in a HelloRetryRequest) or ``x25519`` (a real one)."""

    marks: Tuple[Mark, ...] = ()
    """What each suite would show. After an answer, suites that would show nothing new are left out and the rest is
    offered again."""

    control: bool = False
    """A hello that a good server answers. They are asked in their order until one is answered."""

    unless_key: str = ""
    """Ask only where a certificate was shown, and the first one has no key of this type (``RSA``, ``ECDSA``)."""

    only_key: str = ""
    """Ask only where a certificate with this type of key was shown, or none at all. The group of that key is appended
    to the groups, unless `own_group` says no: without it a server can't use the certificate, and its refusal would
    say nothing of the others."""

    own_group: bool = True
    """With `only_key`: append that group; ``False``: ask without it, as a client that does not have it would."""

    only_shown: str = ""
    """Ask only where an answer showed what this word marks (`Mark.word`): else there is nothing to ask about."""

    lower: bool = False
    """Ask the same at every version below down to SSL 3.0, except where the version itself was refused."""

    server_name: bool = True
    """Whether the target's name is sent as SNI."""

    kind: str = "hello"
    """``hello``; ``stls-injection``: no hello, but a command in the same segment as STLS, on the clear-text port;
    ``resumption``, ``renegotiation``: sessions of their own, on the TLS port; ``pop3-extras``: no hello, but more
    commands inside TLS before login."""

    pad_to: int = 0
    """Octets of the hello at least (RFC 7685), so that an answered one proves that the size of the others is no
    obstacle; 0: as it comes."""

    walk: str = ""
    """What to go through until nothing more is taken: ``suites``, ``groups`` or ``signatures``; each that was chosen is
    left out of the next offer. ``order``: what was taken, once, in reverse. ``mixed``: what was taken with the suites
    of the question behind it, once, where none of them was. Empty: ask for what `marks` say."""

    extras: bool = False
    """Whether compression, an OCSP staple, SCTs, encrypt-then-MAC and session tickets are offered too."""

    alpn: str = ""
    """Protocols offered by ALPN (RFC 7301), joined by commas."""

    grease: bool = False
    """Whether values that mean nothing stand among suites, groups, signatures and extensions (RFC 8701)."""

    split: bool = False
    """Whether it is sent in two segments, a moment apart, as a long one may arrive."""

    experiment: bool = False
    """Whether something stands in it that a server may trip over: refused, it says nothing of suites and groups."""


@dataclasses.dataclass(frozen=True)
class Hello:
    """One ClientHello that was sent, and the answer to it."""

    question: str
    """Id of the question it belongs to."""

    purpose: str
    version: int
    """The version offered."""

    suites: str
    groups: str
    signatures: str
    key_share: str
    server_name: Optional[str]
    """SNI as sent; ``None``: left out."""

    extensions: Tuple[int, ...]
    """Extension types in the order sent."""

    octets: int
    """Length of the hello, its record header included."""

    outcome: str
    """``server-hello``, ``hello-retry-request``, ``alert`` (fatal), ``eof``, ``reset``, ``timeout``, ``not-tls``,
    ``malformed`` (not what the protocol allows, or a choice that was not offered), ``oversize``, ``ssl2-error``;
    ``early`` (octets or an
    end before the hello was sent: a throttle, or an answer before its question), ``not-connected``, ``no-stls``."""

    detail: str = ""
    """More words on the outcome: the reason of a connect that failed, the answer to STLS."""

    answered_version: Optional[int] = None
    suite: Optional[int] = None
    group: Optional[int] = None
    """Named group of the ServerKeyExchange, key_share or HelloRetryRequest; 0xff01 and 0xff02: explicit curves."""

    signature: Optional[int] = None
    """SignatureScheme of a TLS 1.2 ServerKeyExchange."""

    dh_bits: Optional[int] = None
    """Size of the prime in a ServerKeyExchange."""

    complete: bool = False
    """Whether the server's flight came to its end (ServerHelloDone; from TLS 1.3 on its first message), so that only
    the client was missing."""

    alert: Optional[int] = None
    """Description of the fatal alert."""

    certificate: Optional[int] = None
    """Position of the leaf in `Observation.hello_certificates`; below TLS 1.3."""

    answer_extensions: Tuple[int, ...] = ()
    random_tail: str = ""
    """Last 8 octets of ServerHello.random, hex: the downgrade sentinel stands there (RFC 8446 section 4.1.3)."""

    compression: Optional[int] = None
    head: str = ""
    """The first octets of the answer (at most 32), hex."""

    octets_received: int = 0
    connect_seconds: float = 0.0
    quiet_seconds: float = 0.0
    """How long the connection had been open, with not a word from the server, when the hello was sent."""

    answer_seconds: float = 0.0
    """From the hello's last octet to the end of the answer."""

    offers_compression: bool = False
    """Whether DEFLATE was on offer (RFC 3749)."""

    alpn: str = ""
    """Protocols that were offered by ALPN, joined by commas."""

    answered_alpn: Optional[str] = None
    """The one that was chosen; below TLS 1.3."""

    staple: Optional[str] = None
    """OCSP response of a CertificateStatus, base64 of its DER (RFC 6066 section 8)."""

    scts: Optional[int] = None
    """How many signed certificate timestamps stood in the ServerHello (RFC 6962 section 3.3.1)."""

    dh_prime: Optional[int] = None
    """Position of the prime in `Observation.dh_primes`."""

    dh_public: str = ""
    """SHA-256 of the server's public value in a finite-field key exchange, hex: the same twice is a reused key."""

    split: bool = False
    """Whether it was sent in two segments."""

    experiment: bool = False
    """Whether it held something that a server may trip over: its refusal says nothing of what else it offered."""


@dataclasses.dataclass(frozen=True)
class Injection:
    """A command that was sent behind STLS in the same segment, in clear text (CVE-2011-0411), then TLS, then QUIT."""

    outcome: str
    """``answered`` (QUIT was, inside TLS), ``alert`` (the handshake was refused), or how it ended else: ``eof``,
    ``reset``, ``timeout``, ``failed``, ``no-stls``, ``not-connected``, ``clear-text`` (answered before TLS)."""

    lines: Tuple[str, ...] = ()
    """What was said inside TLS before the end, at most 40 lines: more than QUIT's answer is the injected command's."""

    control_lines: Optional[int] = None
    """How many lines the same session without the command had; ``None``: it was not made."""

    repeated: bool = False
    """It ended alike a second time: once is what a fault on the way looks like."""


@dataclasses.dataclass(frozen=True)
class Renegotiation:
    """A second ClientHello inside a TLS 1.2 connection, which the client sent unasked (CVE-2011-1473)."""

    outcome: str
    """``accepted`` (a ServerHello came), ``refused`` (an alert), ``ended`` (the connection did), ``ignored`` (a command
    was answered afterwards), ``not-tested``, ``not-connected``, ``failed``, ``eof``, ``reset``, ``timeout``."""

    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Resumption:
    """Two sessions, the second of which asked to go on where the first had ended."""

    version: str
    by: str
    """``ticket`` or ``id`` (RFC 5077, RFC 8446 section 2.2; RFC 5246 section 7.3)."""

    outcome: str
    """``resumed``, ``not-resumed``, ``nothing-given`` (the first session gave nothing to resume), or
    how one of them ended: ``alert``, ``eof``, ``reset``, ``timeout``, ``failed``, ``not-connected``."""

    lifetime: Optional[int] = None
    """Seconds that the server's ticket is good for, as it says."""

    max_early_data: Optional[int] = None
    """Octets of early data that the server's ticket of TLS 1.3 allows; ``None``: no such extension was seen."""


@dataclasses.dataclass(frozen=True)
class NtlmHost:
    """What an NTLM challenge tells of its host; empty: not told."""

    target: str = ""
    netbios_computer: str = ""
    netbios_domain: str = ""
    dns_computer: str = ""
    dns_domain: str = ""
    dns_forest: str = ""
    os_version: str = ""
    """Major, minor and build number of Windows."""


@dataclasses.dataclass(frozen=True)
class NtlmAnswer:
    """What came to AUTH NTLM before anybody had logged in; the login is then cancelled."""

    outcome: str
    """``challenge``, ``refused``, ``malformed`` (no challenge, or one that can't be read), or how it ended: ``eof``,
    ``reset``, ``timeout``, ``oversize``, ``alert``, ``failed``, ``not-connected``."""

    reply: Optional[str] = None
    """The refusal, or what is wrong with the challenge."""

    host: Optional[NtlmHost] = None


@dataclasses.dataclass(frozen=True)
class Pop3Extras:
    """More questions inside TLS before login, in the session of the dialogue, which they end."""

    outcome: str
    """``completed``, or how it ended early: ``timeout``, ``eof``, ``reset``, ``oversize``, ``malformed``."""

    ended_in: Optional[str] = None
    """The phase it ended in, when early: ``unknown``, ``auth``, ``lang``, ``pipelining``, ``quit``."""

    unknown_reply: Optional[str] = None
    """The answer to a command that does not exist."""

    unknown_status: Optional[str] = None
    """``+OK``, ``-ERR`` or ``other``."""

    auth_status: str = "not-asked"
    """AUTH without a mechanism: ``listed``, ``refused``, ``incomplete``, ``malformed``, ``not-asked``."""

    auth_reply: Optional[str] = None
    auth_mechanisms: Tuple[str, ...] = ()
    lang_status: str = "not-asked"
    """LANG without an argument, as `auth_status`."""

    lang_reply: Optional[str] = None
    languages: Tuple[str, ...] = ()
    pipelining: str = "not-asked"
    """CAPA and QUIT in one segment: ``obeyed`` (both answered, in order), ``lost`` (only the first was, and a third
    command was), ``disordered`` (the second answer came first), ``refused`` (one was answered -ERR), ``incomplete``,
    ``not-asked`` (not announced)."""

    pipelined: Tuple[str, ...] = ()
    """The first lines of the answers."""

    ntlm: Optional[NtlmAnswer] = None
    """``None``: not asked, since NTLM is not listed."""


@dataclasses.dataclass(frozen=True)
class Mailbox:
    """What the mailbox commands showed after a login: statuses and numbers only, since the peer knows the password now
    and could put it into any text. A status is ``+OK``, ``-ERR`` or ``not-asked``."""

    outcome: str
    """``completed``, or how it ended early: ``timeout``, ``eof``, ``reset``, ``oversize``, ``malformed``."""

    ended_in: Optional[str] = None
    """The phase it ended in, when early: ``stat``, ``list``, ``uidl``, ``top``, ``retr``, ``capa``, ``dele``, ``rset``,
    ``quit``."""

    stat: str = "not-asked"
    messages: Optional[int] = None
    """By STAT."""

    octets: Optional[int] = None
    listing: str = "not-asked"
    """LIST."""

    list_messages: Optional[int] = None
    list_octets: Optional[int] = None
    uidl: str = "not-asked"
    uidl_messages: Optional[int] = None
    uidl_unique: Optional[bool] = None
    """Whether each message had an id of its own, of 1 to 70 characters from 0x21 to 0x7E."""

    top: str = "not-asked"
    retr: str = "not-asked"
    retr_octets: Optional[int] = None
    """Octets of the smallest message as it came, up to CRLF.CRLF, dots unstuffed; the content is never kept."""

    retr_listed: Optional[int] = None
    """What LIST had said of it."""

    retr_skipped: str = ""
    """Why none was fetched: ``empty``, ``too-large``, ``expires`` (EXPIRE 0: to fetch may delete it)."""

    capa: str = "not-asked"
    capabilities: Tuple[str, ...] = ()
    """Those listed after the login that are registered names."""

    dele: str = "not-asked"
    rset: str = "not-asked"
    messages_after: Optional[int] = None
    """By STAT after DELE and RSET."""

    octets_after: Optional[int] = None
    quit: str = "not-asked"


@dataclasses.dataclass(frozen=True)
class Login:
    """One login, over a connection of its own inside TLS. Holds no text of the peer's, no name and no password."""

    mechanism: str
    """``USER`` (USER and PASS), ``PLAIN`` (SASL), ``APOP``."""

    outcome: str
    """``logged-in``, ``refused``, ``temporary`` (refused for now: `code`), ``not-verified`` (the certificate of this
    session: nothing was sent), ``not-tried``, or how it ended: ``eof``, ``reset``, ``timeout``, ``oversize``,
    ``malformed``, ``alert``, ``failed``, ``not-connected``, ``cancelled``."""

    detail: str = ""
    """Why, in words of ours or the TLS library's."""

    code: str = ""
    """Response code of a refusal, when it is a registered one (RFC 2449 section 8, RFC 3206, RFC 6856)."""

    verified: bool = False
    """Whether the certificate of this session was verified before anything was sent."""

    sent: bool = False
    """Whether the password, or what stands for it, was sent."""

    mailbox: Optional[Mailbox] = None


@dataclasses.dataclass(frozen=True)
class Observation:
    """Everything seen of one service on one address from one source: the unit of the journal."""

    schema: str
    run_id: str
    target: Target
    service: str
    """``pop3s`` (TLS from the first byte, on ``target.port``) or ``pop3`` (clear text and STLS, on
    ``target.pop3_port``)."""

    port: int
    vantage: Vantage
    source: Optional[str]
    """Source address asked for (``--source``); ``None``: the kernel's choice. The one used is in `connections`."""

    started: str
    ended: str
    resolution: Resolution
    address: Optional[str] = None
    """The IP address of this endpoint; ``None``: the name gave none."""

    family: Optional[int] = None
    """4 or 6; also set when the family is known and no address is."""

    not_tested: Optional[str] = None
    """Why the endpoint was not tried, or not to the end: ``no-route``, ``family-not-asked``, ``no-address-in-family``,
    ``deadline``, ``cancelled``, ``out-of-scope``, ``internal-error``; ``None``: it was."""

    detail: str = ""
    """More words on `not_tested`."""

    tcp: Optional[TcpConnect] = None
    plaintext: Optional[str] = None
    """Octets spoken where TLS was expected (at most 512), when they were not TLS."""

    clear: Optional[Pop3Dialogue] = None
    """POP3 in clear text: on ``pop3`` before STLS; on ``pop3s`` only what a plain-text server said there."""

    tls: Optional[TlsSession] = None
    pop3: Optional[Pop3Dialogue] = None
    """POP3 inside TLS."""

    connections: Tuple[Connection, ...] = ()

    hellos: Tuple[Hello, ...] = ()
    """Offers and the answers to them, in the order of asking; the session above came after all of them."""

    hello_certificates: Tuple[str, ...] = ()
    """Each leaf that was shown to a hello, once, as base64 of its DER."""

    hellos_ended: str = ""
    """Why not all was asked; empty: all was, or nothing was to be asked."""

    injection: Optional[Injection] = None
    hello_chains: Tuple[Tuple[str, ...], ...] = ()
    """What was sent behind each of `hello_certificates`, in the order sent, as base64 of the DER."""

    dh_primes: Tuple[str, ...] = ()
    """Each prime of a finite-field key exchange, once, hexadecimal."""

    resumptions: Tuple[Resumption, ...] = ()
    renegotiation: Optional[Renegotiation] = None
    """Of the depth ``deep``, on the TLS port."""

    extras: Optional[Pop3Extras] = None
    """More questions before login; ``None``: not asked."""

    logins: Tuple[Login, ...] = ()
    """One for each way to log in that was offered, where a login was owed."""

    logins_ended: str = ""
    """Why no login was tried; empty: it was, or none was owed."""

    told_by: str = ""
    """``nmap``: it is Nmap's word, and nothing of it was seen by this probe; ``sweep``: the state of the port only, as
    it was found before others looked further (`port995.probe.sweep`); empty: this probe saw all of it."""

    addresses: Tuple[str, ...] = ()
    """Addresses that this one observation stands for, since the same was seen of each: ``192.0.2.7``, or
    ``192.0.2.9-192.0.2.200`` (`port995.probe.ranges`). `address` is ``None`` then, and there is a connection to each
    for each of `connections`. Empty: it stands for `address`."""

    @property
    def source_address(self) -> Optional[str]:
        """Local address that was used, or the one asked for."""
        for connection in self.connections:
            if connection.source_address:
                return connection.source_address
        return self.source
