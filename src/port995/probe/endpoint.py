# SPDX-License-Identifier: GPL-3.0-or-later
"""One service of one endpoint, from the connect to the goodbye: always ends in an observation, in every event.

What was seen before an early end is kept: the parts are filled in as the phases go. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import ssl
import time
from typing import Awaitable, Callable, Dict, List, Optional, Tuple, TypeVar

from .manners import Manners
from .model import (
    OBSERVATION_SCHEMA,
    Connection,
    Injection,
    Login,
    Observation,
    Pop3Dialogue,
    Pop3Extras,
    Renegotiation,
    Resolution,
    Resumption,
    Target,
    TcpConnect,
    TlsSession,
    Vantage,
)
from .options import ASKING, HELLO, INJECTION, PORT, RENEGOTIATION, RESUMPTION, ScanOptions
from .pop3 import Dialogue, Ended, status_of
from .pop3_extras import Extras, ask_ntlm, lists
from .pop3_login import Desk, ways
from .proxy_protocol import header
from .resumption import try_resumption
from .scope import OUT_OF_SCOPE, WORDS, OutOfScope
from .stls_injection import try_injection
from .tcp import NoRoute, TcpStream, connect, ending, route_source
from .tls.exchange import Line
from .tls.interrogation import Heard, Interrogation, answered
from .tls.small_client import try_renegotiation
from .tls_session import HandshakeEnded, NotTls, TlsStream, sni_of

T = TypeVar("T")

POP3S, POP3 = "pop3s", "pop3"
PURPOSES = {POP3S: "TLS and POP3 session", POP3: "POP3 and STLS session"}
PORT_PURPOSE = "state of the port"

SILENCE_HINT = (
    "not one octet came; so does a service that waits for a PROXY protocol header (set proxy_protocol), and a throttle"
)
GOODBYE_SECONDS = 2.0
"""How long to wait, after QUIT, for the peer's own end of TLS."""
WINDOW_ENDED = WORDS + ": the time that connections may be made in has ended"
PLAINTEXT_SECONDS = 1.0
"""How long to wait for the rest of a line that is not TLS."""


@dataclasses.dataclass(frozen=True)
class Aim:
    """One address of a target, seen from one source: what remains to look at."""

    target: Target
    resolution: Resolution
    address: Optional[str]
    family: Optional[int]
    source: Optional[str]
    not_tested: Optional[str] = None
    """Why it is not to be tried at all."""
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Scene:
    """What all endpoints of a run share."""

    options: ScanOptions
    vantage: Vantage
    run_id: str
    context: ssl.SSLContext
    manners: Manners
    interrupted: Callable[[], Optional[str]]
    """``deadline``, ``cancelled`` or ``out-of-scope`` once the run is to end."""

    desk: Optional[Desk] = None
    """Where logins are made; ``None``: none are."""


def services_of(target: Target) -> List[str]:
    """The services to look at, in their order: clear text first, so that a session on the TLS port afterwards shows
    that a refusal was no ban."""
    return [POP3S] if target.pop3_port is None else [POP3, POP3S]


def utc_now() -> str:
    """The time in UTC, RFC 3339, to the millisecond."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def untried(aim: Aim, service: str, scene: Scene, not_tested: Optional[str], detail: str = "") -> Observation:
    """The observation of a service that was not looked at."""
    now = utc_now()
    return _Visit(aim, service, scene, now).observation(now, not_tested, detail)


async def observe(aim: Aim, service: str, scene: Scene) -> Observation:
    """Look at one service. Never raises; a cancellation is answered with what was seen so far.

    :param service: ``pop3s`` or ``pop3``
    """
    visit = _Visit(aim, service, scene, utc_now())
    not_tested: Optional[str] = None
    detail = ""
    try:
        await visit.look()
    except NoRoute as error:
        not_tested, detail = "no-route", str(error)
    except OutOfScope as error:
        not_tested, detail = OUT_OF_SCOPE, str(error)
    except asyncio.CancelledError:
        not_tested = scene.interrupted() or "cancelled"
        detail = WINDOW_ENDED if not_tested == OUT_OF_SCOPE else ""
    except Exception as error:  # noqa: BLE001 - a fault of ours costs one observation, never the run
        not_tested, detail = "internal-error", "%s: %s" % (type(error).__name__, error)
    finally:
        visit.end()
    return visit.observation(utc_now(), not_tested, detail)


class _Visit(Line):
    """The parts of an observation, filled in as they are seen."""

    def __init__(self, aim: Aim, service: str, scene: Scene, started: str) -> None:
        self._aim, self._service, self._scene = aim, service, scene
        self._target = aim.target
        self._port = self._target.port if service == POP3S else self._target.pop3_port or 0
        self._started = started
        self._ends_at = time.monotonic() + scene.options.endpoint_timeout
        self._open: Dict[TcpStream, Tuple[int, float]] = {}
        """Streams that are open: the position of their entry in the connections, and since when."""
        self._leaves_from: Optional[str] = None
        """Local address of the connection before, while connections come about: then there is still a route."""
        self._heard = Heard()
        self._interrogation: Optional[Interrogation] = None
        self._injection: Optional[Injection] = None
        self._resumptions: Tuple[Resumption, ...] = ()
        self._renegotiation: Optional[Renegotiation] = None
        self._tcp: Optional[TcpConnect] = None
        self._tls: Optional[TlsSession] = None
        self._clear: Optional[Pop3Dialogue] = None
        self._inside: Optional[Pop3Dialogue] = None
        self._extras: Optional[Pop3Extras] = None
        self._logins: List[Login] = []
        self._logins_ended = ""
        self._plaintext: Optional[str] = None
        self._connections: List[Connection] = []
        self._unfinished: Optional[Callable[[], None]] = None

    def observation(self, ended: str, not_tested: Optional[str], detail: str) -> Observation:
        return Observation(
            OBSERVATION_SCHEMA,
            self._scene.run_id,
            self._target,
            self._service,
            self._port,
            self._scene.vantage,
            self._aim.source,
            self._started,
            ended,
            self._aim.resolution,
            self._aim.address,
            self._aim.family,
            not_tested,
            detail[:500],
            self._tcp,
            self._plaintext,
            self._clear,
            self._tls,
            self._inside,
            tuple(self._connections),
            tuple(self._heard.hellos),
            tuple(self._heard.certificates),
            self._heard.ended,
            self._injection,
            tuple(self._heard.chains),
            tuple(self._heard.dh_primes),
            self._resumptions,
            self._renegotiation,
            self._extras,
            tuple(self._logins),
            self._logins_ended,
        )

    def end(self) -> None:
        """Note what a phase that was cut off had seen, and close what is open."""
        if self._unfinished is not None:
            self._unfinished()
        for stream in list(self._open):
            self.close(stream)

    async def look(self) -> None:
        options = self._scene.options
        if options.depth in ASKING:
            await self._interrogate()
            if self._tcp is None or self._tcp.state != "open":
                return
            await self._try_sessions()
        stream = await self._connect()
        if stream is None or options.depth == PORT:
            return
        if self._service == POP3S:
            await self._inside_tls(stream, greeted=False)
            self.close(stream)
            await self._ask_ntlm()
            await self._log_in()
        elif await self._clear_text(stream):
            await self._inside_tls(stream, greeted=True)
        if self._interrogation is not None and (self._tls is None or self._tls.outcome != "completed"):
            await self._interrogation.once_more()

    async def _interrogate(self) -> None:
        """Ask the profile's questions; the session that follows is the answered hello behind them."""
        options = self._scene.options
        try:
            name = sni_of(self._target.server_name or self._target.address)
        except ValueError:
            return  # The session says so.
        reserved = self._reserved
        self._interrogation = Interrogation(
            self,
            [question for question in options.questions if question.kind == HELLO],
            name,
            self._service != POP3S,
            options.tls_timeout,
            options.budget,
            self._heard,
            lambda: self._ends_at - reserved,
        )
        await self._interrogation.run()
        wanted = any(question.kind == INJECTION for question in options.questions)
        if wanted and self._service == POP3 and any(answered(hello) for hello in self._heard.hellos):
            timeout = min(options.pop3_timeout, max(0.0, self._ends_at - reserved - time.monotonic()))
            self._injection = await try_injection(self, self._scene.context, name, timeout)

    async def _try_sessions(self) -> None:
        """What takes sessions of its own; the last session stands behind it, as behind all."""
        kinds = {question.kind for question in self._scene.options.questions}
        if self._service != POP3S or not any(answered(hello) for hello in self._heard.hellos):
            return
        name = sni_of(self._target.server_name or self._target.address)

        def timeout() -> float:
            return max(0.0, min(self._scene.options.tls_timeout, self._remaining() - self._reserved))

        if RESUMPTION in kinds:
            self._resumptions = tuple(await try_resumption(self, name, timeout()))
        if RENEGOTIATION in kinds:
            self._renegotiation = await try_renegotiation(self, name, timeout())

    async def _connect(self) -> Optional[TcpStream]:
        """The connection of the session."""
        before = self._tcp
        tcp, stream = await self.open(PORT_PURPOSE if self._scene.options.depth == PORT else PURPOSES[self._service])
        if stream is None and before is not None:
            # It was open a moment ago: what refuses now is no closed port.
            self._tls = TlsSession(
                "not-tested",
                "connection %d was not taken (%s %s): a throttle or a ban"
                % (len(self._connections), tcp.state, tcp.reason),
            )
        return stream

    async def open(self, purpose: str) -> Tuple[TcpConnect, Optional[TcpStream]]:
        """Connect when it is our turn, and send the PROXY header; the first attempt tells the port's state."""
        aim, options = self._aim, self._scene.options
        if aim.address is None or aim.family is None:
            raise NoRoute("there is no address to connect to")
        self._ends_at += await self._scene.manners.turn(aim.address)
        self._require_scope(aim.address, aim.family)
        connected_at = time.monotonic()
        # Noted before it is made: when it is cut off its SYN is out all the same.
        position = len(self._connections)
        self._connections.append(Connection(purpose, aim.address, self._port, None, utc_now()))
        attempt = await connect(
            aim.address,
            self._port,
            aim.family,
            aim.source,
            min(options.connect_timeout, self._remaining()),
            self._leaves_from,
        )
        self._leaves_from = None if attempt.stream is None else attempt.source_address
        self._connections[position] = dataclasses.replace(
            self._connections[position], source_address=attempt.source_address, seconds=attempt.tcp.seconds
        )
        self._tcp = self._tcp or attempt.tcp
        if attempt.stream is None:
            return attempt.tcp, None
        self._open[attempt.stream] = (position, connected_at)
        if self._target.proxy_protocol is not None and options.depth != PORT:
            try:
                await attempt.stream.send(
                    header(self._target.proxy_protocol, attempt.stream.local, attempt.stream.peer)
                )
            except OSError:
                pass  # The next phase meets the same broken connection, and has a word for it.
        return attempt.tcp, attempt.stream

    def _require_scope(self, address: str, family: int) -> None:
        """Let the connection be made, or not: asked for each of them, right before it.

        :raises OutOfScope: it must not be
        :raises NoRoute: nothing would leave
        """
        scope = self._scene.options.scope
        if scope is None:
            return
        scope.require(address, time.time())
        if not scope.sources:
            return
        try:
            own = route_source(address, family, self._aim.source)
        except OSError as error:
            raise OutOfScope("%s: own address is not known (%s)" % (WORDS, error)) from error
        why = scope.outside_source(own)
        if why:
            raise OutOfScope(why)

    def close(self, stream: TcpStream) -> None:
        """Close a connection and note what passed over it."""
        position, connected_at = self._open.pop(stream)
        stream.close()
        self._connections[position] = dataclasses.replace(
            self._connections[position],
            seconds=round(time.monotonic() - connected_at, 6),
            octets_sent=stream.octets_sent,
            octets_received=stream.octets_received,
        )

    async def _clear_text(self, stream: TcpStream) -> bool:
        """Greeting, CAPA and STLS in clear text; whether TLS may begin."""
        dialogue = Dialogue(stream.send, stream.receive)
        begin_tls = False

        async def talk() -> None:
            nonlocal begin_tls
            if await dialogue.greet():
                await dialogue.capa()
                begin_tls = dialogue.may_try_stls and await dialogue.stls()
                if not begin_tls and not dialogue.result().octets_after_stls:
                    await dialogue.quit()

        def note(outcome: str) -> None:
            self._clear = dialogue.result(outcome)

        completed = await self._phase(talk(), self._scene.options.pop3_timeout, note)
        return completed and begin_tls

    async def _inside_tls(self, stream: TcpStream, greeted: bool) -> None:
        """The handshake, and the dialogue inside it."""
        try:
            tls = TlsStream(stream, self._scene.context, self._target.server_name or self._target.address)
        except ValueError as error:
            self._tls = TlsSession("not-tested", str(error))
            return
        if not await self._handshake(tls):
            return
        dialogue = Dialogue(tls.send, tls.receive)
        more = self._service == POP3S and self._scene.options.asks_extras

        async def talk() -> None:
            if greeted or await dialogue.greet():
                await dialogue.capa()
                if not more:
                    await dialogue.quit()

        def note(outcome: str) -> None:
            self._inside = dialogue.result(outcome)
            self._tls = tls.session("completed")

        completed = await self._phase(talk(), self._scene.options.pop3_timeout, note)
        if not completed and tls.alert is not None and dialogue.result().greeting is None and not greeted:
            # In TLS 1.3 the server refuses a client without a certificate only after the client's handshake is done.
            self._tls = tls.session("alert", "refused right after the handshake")
        elif completed and (not more or await self._ask_more(tls, dialogue)):
            await self._goodbye(tls)

    async def _ask_more(self, tls: TlsStream, dialogue: Dialogue) -> bool:
        """The further questions before login, and QUIT; how they end spoils nothing of the dialogue before them."""
        if dialogue.result().greeting_status != "+OK":
            return True
        extras = Extras(dialogue)

        def note(outcome: str) -> None:
            self._extras = extras.result(outcome)
            self._inside = dialogue.result()
            self._tls = tls.session("completed")

        return await self._phase(extras.ask(), self._scene.options.pop3_timeout, note)

    async def _ask_ntlm(self) -> None:
        """What an NTLM challenge tells, where NTLM is listed."""
        if self._extras is None or self._inside is None or not lists(self._inside, "SASL", "NTLM"):
            return
        name = sni_of(self._target.server_name or self._target.address)
        timeout = min(self._scene.options.pop3_timeout, max(0.0, self._remaining()))
        answer = await ask_ntlm(self, self._scene.context, name, timeout)
        self._extras = dataclasses.replace(self._extras, ntlm=answer)

    async def _log_in(self) -> None:
        """The logins that are owed here, after a session that showed how."""
        desk = self._scene.desk
        if self._target.login is None:
            return
        if desk is None or desk.logins.of(self._target) is None:
            self._logins_ended = "no credentials came here for it"
        elif self._inside is None or self._inside.greeting_status != "+OK":
            self._logins_ended = "no POP3 session inside TLS before it"
        elif not ways(self._inside):
            self._logins_ended = "no way to log in is offered that is tried here: USER, SASL PLAIN, APOP"
        else:
            options, waiting = self._scene.options, time.monotonic()
            async with desk.turn(self._target):
                self._ends_at += time.monotonic() - waiting
                await desk.log_in(
                    self,
                    self._target,
                    self._inside,
                    lambda: min(options.tls_timeout + 3 * options.pop3_timeout, self._remaining()),
                    self._logins.append,
                )

    async def _handshake(self, tls: TlsStream) -> bool:
        outcome, detail = "completed", ""

        async def shake() -> None:
            nonlocal outcome, detail
            try:
                await tls.handshake()
            except HandshakeEnded as ended:
                outcome, detail = ended.outcome, ended.detail

        def note(word: str) -> None:
            self._tls = tls.session(word)

        try:
            completed = await self._phase(shake(), self._scene.options.tls_timeout, note)
        except NotTls:
            await self._not_tls(tls)
            return False
        if completed and outcome == "completed":
            return True
        self._tls = tls.session(outcome if completed else self._tls.outcome if self._tls else "failed", detail)
        silent = self._tls.octets_received == 0 and self._tls.outcome in ("timeout", "eof", "reset")
        # Behind a greeting and STLS a PROXY header can't be what is missing.
        if silent and self._target.proxy_protocol is None and self._clear is None:
            self._tls = dataclasses.replace(self._tls, detail=SILENCE_HINT)
        return False

    async def _not_tls(self, tls: TlsStream) -> None:
        def note(word: str) -> None:
            spoken = tls.plaintext
            self._plaintext = spoken.decode("latin-1")
            self._tls = tls.session("not-tls", "the first octets are no TLS record")
            line, ended, rest = spoken.partition(b"\r\n")
            if ended and status_of(line) != "other":
                self._clear = Pop3Dialogue("not-tested", None, line.decode("latin-1"), status_of(line))

        note("not-tls")
        await self._phase(tls.rest_of_plaintext(), PLAINTEXT_SECONDS, note)

    async def _goodbye(self, tls: TlsStream) -> None:
        """See whether the peer ends TLS before TCP (RFC 8314 section 3.4); it spoils nothing when it does not."""

        async def wait() -> None:
            while await tls.receive():
                pass
            await tls.close()

        def note(word: str) -> None:
            self._tls = tls.session("completed")

        await self._phase(wait(), GOODBYE_SECONDS, note)

    async def _phase(self, work: Awaitable[None], seconds: float, note: Callable[[str], None]) -> bool:
        """Run one phase within its deadline and the endpoint's; ``note`` takes the word for how it ended, and is called
        in every event.

        :returns: whether it came to its end
        """
        self._unfinished = lambda: note("timeout")
        outcome = "completed"
        try:
            await asyncio.wait_for(work, max(0.0, min(seconds, self._remaining())))
        except Ended as ended:
            outcome = ended.outcome
        except (asyncio.TimeoutError, ssl.SSLError, OSError) as error:
            outcome = ending(error)
        self._unfinished = None
        note(outcome)
        return outcome == "completed"

    @property
    def _reserved(self) -> float:
        """Seconds that are kept for the last session."""
        options = self._scene.options
        return min(0.4 * options.endpoint_timeout, options.tls_timeout + options.pop3_timeout)

    def _remaining(self) -> float:
        return self._ends_at - time.monotonic()
