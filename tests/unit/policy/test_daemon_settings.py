# SPDX-License-Identifier: GPL-3.0-or-later
"""What a profile leaves is what a daemon is set to."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from port995.daemon import dh
from port995.daemon.model import tls_wanted
from port995.policy.daemon_settings import DH_BITS, settings_for
from port995.policy.model import Severity
from port995.policy.profile import Profile, load_profile
from port995.probe.tls.cipher_suites import SUITES, weaknesses

DAY = datetime.date(2026, 11, 28)
BY_NAME = {suite.name: suite for suite in SUITES}


def with_severity(profile: Profile, id_: str, severity: Severity) -> Profile:
    checks = {**profile.checks, id_: dataclasses.replace(profile.checks[id_], severity=severity)}
    return dataclasses.replace(profile, checks=checks)


@pytest.mark.parametrize("name", ["baseline", "strict"])
def test_nothing_is_left_that_the_profile_stops(name: str) -> None:
    settings = settings_for(load_profile(name), DAY)
    found = {word for suite in settings["suites"] for word in weaknesses(BY_NAME[suite])}
    assert not found & {"null", "anonymous", "export", "rc4", "des", "3des", "rsa-key-exchange", "no-forward-secrecy"}
    assert settings["minimum"] == "TLSv1.2" and settings["weak_signatures"] is False
    assert settings["suites"][0] == "TLS_AES_256_GCM_SHA384" and settings["groups"][0] == "X25519MLKEM768"
    assert tls_wanted(settings).minimum == "TLSv1.2", "the module understands it"


def test_what_is_only_told_of_is_left_on() -> None:
    baseline = load_profile("baseline")
    assert any("_CBC_" in suite for suite in settings_for(baseline, DAY)["suites"])
    assert any("_DHE_" in suite for suite in settings_for(baseline, DAY)["suites"])
    without = with_severity(with_severity(baseline, "POP3S-CIPH-007", Severity.LOW), "POP3S-CIPH-008", Severity.LOW)
    assert not any("_CBC_" in suite or "_DHE_" in suite for suite in settings_for(without, DAY)["suites"])


def test_a_check_that_stops_nothing_leaves_its_version() -> None:
    lenient = load_profile("baseline")
    for id_ in ("POP3S-TLS-002", "POP3S-VER-003", "POP3S-VER-004"):
        lenient = with_severity(lenient, id_, Severity.INFO)
    signed_well = settings_for(lenient, DAY)
    assert signed_well["minimum"] == "TLSv1.2", "what is older has no signatures but weak ones (POP3S-SIG-001)"
    assert signed_well["weak_signatures"] is False
    lenient = with_severity(lenient, "POP3S-SIG-001", Severity.INFO)
    assert settings_for(lenient, DAY)["minimum"] == "TLSv1", "TLS 1.2 is spoken beside it (POP3S-VER-005)"
    floor = dataclasses.replace(lenient.checks["POP3S-TLS-002"], severity=Severity.HIGH, parameters={"minimum": ("TLSv1.3",)})
    only_13 = settings_for(dataclasses.replace(lenient, checks={**lenient.checks, "POP3S-TLS-002": floor}), DAY)
    assert only_13["minimum"] == "TLSv1.3" and not any("_WITH_" in suite for suite in only_13["suites"])


def test_groups_that_are_not_allowed_are_left_out() -> None:
    baseline = load_profile("baseline")
    one = dataclasses.replace(baseline.checks["POP3S-GRP-001"], parameters={"allowed": ("secp256r1", "x448")})
    assert settings_for(dataclasses.replace(baseline, checks={**baseline.checks, "POP3S-GRP-001": one}), DAY)["groups"] == [
        "secp256r1", "x448",
    ]  # fmt: skip
    none = dataclasses.replace(one, parameters={"allowed": ("sect163k1",)})
    with pytest.raises(ValueError, match="leaves no group"):
        settings_for(dataclasses.replace(baseline, checks={**baseline.checks, "POP3S-GRP-001": none}), DAY)


def test_a_rule_takes_away_from_its_first_day_to_its_last() -> None:
    baseline = load_profile("baseline")
    day = datetime.timedelta(days=1)

    def with_dates(**dates: datetime.date) -> Profile:
        rule = dataclasses.replace(baseline.checks["POP3S-CIPH-006"], **dates)
        return dataclasses.replace(baseline, checks={**baseline.checks, "POP3S-CIPH-006": rule})

    for dates, left in (
        ({"effective": DAY}, False), ({"effective": DAY + day}, True), ({"until": DAY}, False), ({"until": DAY - day}, True),
    ):  # fmt: skip
        suites = settings_for(with_dates(**dates), DAY)["suites"]
        assert any(suite.startswith("TLS_RSA_WITH_") for suite in suites) is left, dates


def test_without_a_prime_that_is_long_enough_there_is_no_dhe() -> None:
    baseline = load_profile("baseline")
    assert dh.BITS == DH_BITS, "what daemons are given"
    for bits, left in ((2048, True), (DH_BITS, True), (DH_BITS + 1, False)):
        rule = dataclasses.replace(baseline.checks["POP3S-DH-001"], parameters={"bits": bits})
        profile = dataclasses.replace(baseline, checks={**baseline.checks, "POP3S-DH-001": rule})
        assert any("_DHE_" in suite for suite in settings_for(profile, DAY)["suites"]) is left
        told = with_severity(profile, "POP3S-DH-001", Severity.INFO)
        assert any("_DHE_" in suite for suite in settings_for(told, DAY)["suites"])
