# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes today and will not for long: rules that begin, certificates and lists that end.

Found by judging again, with the clock at each moment at which something that is known today begins or ends; so a day
that is told here is the day on which the same evidence fails. What nobody knows yet (a new certificate, a new rule)
changes it.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Callable, Collection, Iterable, Mapping

from .check import Check
from .libraries import ocsp
from .model import FOLDING_ORDER, Flip, HostPlan, Result, Status
from .path import Trust
from .profile import Profile
from .profile_rules import CheckSettings
from .subject import Endpoint

DAYS = 398
"""How far to look: as long as the longest certificate of a public CA lasted."""

TIMED = ("POP3S-CERT-002", "POP3S-CERT-003", "POP3S-CERT-012", "POP3S-CERT-013")
"""Checks of an endpoint whose answer depends on the clock; the others that look at certificates rest on their path."""

REVIEW = "POP3S-REG-002"
"""The check of a host that does."""

VALIDITY = "POP3S-CERT-003"
GOOD = (Status.PASS, Status.NOT_APPLICABLE, Status.WAIVED)
SECOND = datetime.timedelta(seconds=1)

Ask = Callable[[Check, CheckSettings, Trust], Result | None]
"""Make one check of one subject, with another clock."""


class Ahead:
    """The look ahead of one judgement."""

    def __init__(self, profile: Profile, checks: Mapping[str, Check], trust: Trust, days: int) -> None:
        """
        :param profile: with its rules of every day, as of the run
        :param checks: every check of it
        :param days: how many to look ahead; none: 0
        """
        self._profile = profile
        self._checks = checks
        self._trust = trust
        self._end = trust.at + datetime.timedelta(days=days)
        self._on = days > 0
        self._begins = {
            id_: moment
            for id_, rule in profile.checks.items()
            if rule.effective is not None and self._within(moment := _midnight(rule.effective))
        }

    def of_host(self, plan: HostPlan, today: Mapping[str, Result], ask: Ask) -> tuple[Flip, ...]:
        """What changes for a host.

        :param today: its results by check
        """
        moments: set[datetime.datetime] = set()
        try:
            moments.add(_midnight(datetime.date.fromisoformat(plan.variables.get("pop3s_review_date", "")), 1))
        except (ValueError, OverflowError):
            pass
        asked = [id_ for id_ in (*self._begins, REVIEW) if id_ in self._checks and self._checks[id_].on_host]
        return self._flips(asked, (REVIEW,), moments, today, ask)

    def of_endpoint(
        self, endpoint: Endpoint, today: Mapping[str, Result], ask: Ask, among: Callable[[Check], bool]
    ) -> tuple[Flip, ...]:
        """What changes for an endpoint.

        :param among: which checks to ask
        """
        asked = [
            id_
            for id_ in (*self._begins, *TIMED)
            if self._on and id_ in self._checks and self._checks[id_].on_endpoint and among(self._checks[id_])
        ]
        return self._flips(asked, TIMED, self._ends(endpoint) if asked else set(), today, ask)

    def _flips(
        self,
        asked: Iterable[str],
        timed: Collection[str],
        moments: Collection[datetime.datetime],
        today: Mapping[str, Result],
        ask: Ask,
    ) -> tuple[Flip, ...]:
        found = []
        for id_ in dict.fromkeys(asked):
            check, rule = self._checks[id_], self._profile.checks[id_]
            now = today.get(id_)
            if now is not None and now.status not in GOOD:
                continue
            begin = self._begins.get(id_)
            when = set(moments) if id_ in timed else set()
            if begin is not None:
                when = {moment for moment in when if moment > begin} | {begin}
            for moment in sorted(filter(self._within, when)):
                if not rule.holds_on(moment.date()):
                    continue
                then = ask(check, rule, self._trust.at_moment(moment))
                if then is None or then.status in GOOD or not _is_worse(then.status, now):
                    continue
                clause = f" ({rule.clause_words})" if rule.clause_words else ""
                because = f"{id_} holds from {rule.effective} on{clause}" if moment == begin else then.message
                found.append(
                    Flip(
                        moment.date().isoformat(), id_, then.severity, then.host, then.endpoint,
                        now.status if now is not None else None, then.status, because, then.message,
                    )  # fmt: skip
                )
                break
        return tuple(found)

    def _within(self, moment: datetime.datetime) -> bool:
        return self._on and self._trust.at < moment <= self._end

    def _ends(self, endpoint: Endpoint) -> set[datetime.datetime]:
        """Moments at which something about the certificates of an endpoint ends."""
        trust = self._trust
        rule = self._profile.checks.get(VALIDITY)
        share = rule.parameters.get("minimum_left", 0.0) if rule is not None else 0.0
        least = float(share) if isinstance(share, (int, float)) else 0.0
        found: set[datetime.datetime] = set()
        for seen in (*endpoint.sessions, *endpoint.companions):
            sent = seen.tls.certificates if seen.tls is not None else ()
            for text in dict.fromkeys((*sent, *seen.hello_certificates)):
                facts = trust.facts(text)
                if facts.not_after is None or facts.not_before is None:
                    continue
                found.add(facts.not_after + SECOND)
                if facts.not_after > facts.not_before:
                    found.add(facts.not_after - (facts.not_after - facts.not_before) * least + SECOND)
            if sent:
                found |= {one.not_valid_after_utc + SECOND for one in trust.path(sent).chain}
            for hello in seen.hellos:
                if hello.staple:
                    found |= _end_of_staple(hello.staple)
        found |= {
            until + SECOND for one in trust.crls.lists if (until := one.crl.next_update_utc) is not None
        }
        return found


def _is_worse(then: Status, now: Result | None) -> bool:
    return now is None or FOLDING_ORDER.index(then) < FOLDING_ORDER.index(now.status)


def _midnight(day: datetime.date, later: int = 0) -> datetime.datetime:
    """The beginning of a day, or of one some days later, UTC."""
    return datetime.datetime.combine(day, datetime.time(), datetime.UTC) + datetime.timedelta(days=later)


def _end_of_staple(text: str) -> set[datetime.datetime]:
    try:
        until = ocsp.load_der_ocsp_response(base64.b64decode(text)).next_update_utc
    except (ValueError, binascii.Error):
        # None, or a refusal to vouch: the check itself says what that is.
        return set()
    return set() if until is None else {until + SECOND}


def ordered(flips: Iterable[Flip]) -> tuple[Flip, ...]:
    """By day, then by whom they are about; each once."""
    return tuple(
        sorted(dict.fromkeys(flips), key=lambda one: (one.day, one.check_id, one.host or "", one.endpoint or ""))
    )
