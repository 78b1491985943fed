# SPDX-License-Identifier: GPL-3.0-or-later
"""What a profile leaves is what a daemon is set to."""

from __future__ import annotations

import dataclasses

import pytest

from port995.daemon.model import tls_wanted
from port995.policy.daemon_settings import settings_for
from port995.policy.model import Severity
from port995.policy.profile import Profile, load_profile
from port995.probe.tls.cipher_suites import SUITES, weaknesses

BY_NAME = {suite.name: suite for suite in SUITES}


def with_severity(profile: Profile, id_: str, severity: Severity) -> Profile:
    checks = {**profile.checks, id_: dataclasses.replace(profile.checks[id_], severity=severity)}
    return dataclasses.replace(profile, checks=checks)


@pytest.mark.parametrize("name", ["baseline", "strict"])
def test_nothing_is_left_that_the_profile_stops(name: str) -> None:
    settings = settings_for(load_profile(name))
    found = {word for suite in settings["suites"] for word in weaknesses(BY_NAME[suite])}
    assert not found & {"null", "anonymous", "export", "rc4", "des", "3des", "rsa-key-exchange", "no-forward-secrecy"}
    assert settings["minimum"] == "TLSv1.2" and settings["weak_signatures"] is False
    assert settings["suites"][0] == "TLS_AES_256_GCM_SHA384" and settings["groups"][0] == "X25519MLKEM768"
    assert tls_wanted(settings).minimum == "TLSv1.2", "the module understands it"


def test_what_is_only_told_of_is_left_on() -> None:
    baseline = load_profile("baseline")
    assert any("_CBC_" in suite for suite in settings_for(baseline)["suites"])
    assert any("_DHE_" in suite for suite in settings_for(baseline)["suites"])
    without = with_severity(with_severity(baseline, "POP3S-CIPH-007", Severity.LOW), "POP3S-CIPH-008", Severity.LOW)
    assert not any("_CBC_" in suite or "_DHE_" in suite for suite in settings_for(without)["suites"])


def test_a_check_that_stops_nothing_leaves_its_version() -> None:
    lenient = load_profile("baseline")
    for id_ in ("POP3S-TLS-002", "POP3S-VER-003", "POP3S-VER-004", "POP3S-VER-005"):
        lenient = with_severity(lenient, id_, Severity.INFO)
    assert settings_for(lenient)["minimum"] == "TLSv1"
    floor = dataclasses.replace(lenient.checks["POP3S-TLS-002"], severity=Severity.HIGH, parameters={"minimum": ("TLSv1.3",)})
    only_13 = settings_for(dataclasses.replace(lenient, checks={**lenient.checks, "POP3S-TLS-002": floor}))
    assert only_13["minimum"] == "TLSv1.3" and not any("_WITH_" in suite for suite in only_13["suites"])


def test_groups_that_are_not_allowed_are_left_out() -> None:
    baseline = load_profile("baseline")
    one = dataclasses.replace(baseline.checks["POP3S-GRP-001"], parameters={"allowed": ("secp256r1", "x448")})
    assert settings_for(dataclasses.replace(baseline, checks={**baseline.checks, "POP3S-GRP-001": one}))["groups"] == [
        "secp256r1", "x448",
    ]  # fmt: skip
    none = dataclasses.replace(one, parameters={"allowed": ("sect163k1",)})
    with pytest.raises(ValueError, match="leaves no group"):
        settings_for(dataclasses.replace(baseline, checks={**baseline.checks, "POP3S-GRP-001": none}))
