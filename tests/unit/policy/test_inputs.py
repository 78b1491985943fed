# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles, expressions, trust anchors and variables: what is not understood is refused, and says where."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from port995.policy import trust
from port995.policy.check import CATEGORIES, Scope
from port995.policy.inventory import merge_targets, plan_host
from port995.policy.model import Intent, Severity
from port995.policy.profile import ProfileError, list_profiles, load_profile, read_profile
from port995.policy.registry import WITH_CRLS, WITH_INPUT, SelectionError, all_checks, select
from port995.policy.trust import TrustError, load_anchors, read_anchors
from port995.probe.model import Target

from .certificates import authority

HEAD = "schema: port995/profile/1\nid: own\ndate: 2026-01-02\ntitle: Own\n"


def profile(text):
    return read_profile((HEAD + text).encode(), "own.yml")


GIVEN = tuple(id_ for ids in WITH_INPUT.values() for id_ in ids)
"""Checks of a run that is given waivers or a baseline, whatever its profile."""

BY_NAME_ONLY = {
    "POP3S-DH-002",  # needs two answers over DHE, which a gate does not always get
    "POP3S-DOWN-002",  # experiments: a profile of one's own names them
    "POP3S-ALPN-001",
    "POP3S-TOL-001",
    "POP3S-RENEG-002",
    "POP3S-RES-001",
    "POP3S-EARLY-001",
    "POP3S-COV-002",  # of profiles made of a standard, with parameters of theirs
    "POP3S-REG-001",
    "POP3S-REG-002",
    "POP3S-VER-006",
    "POP3S-CERT-018",
    "POP3S-CLNT-001",  # who is shut out is no fault of the server, and a gate can't tell
}
"""Checks that neither baseline nor strict names."""


def test_every_check_is_in_a_profile_that_comes_with_the_program():
    baseline, strict = load_profile("baseline"), load_profile("strict")
    # Those that say nothing without CRLs are in none: a run that is given CRLs has them.
    assert list(strict.checks) == [id_ for id_ in all_checks() if id_ not in (*WITH_CRLS, *GIVEN, *BY_NAME_ONLY)]
    assert set(strict.checks) - set(baseline.checks) == {
        "POP3S-CIPH-009", "POP3S-GRP-002", "POP3S-STLS-003", "POP3S-SNI-001", "POP3S-EMS-001", "POP3S-DOWN-001",
        "POP3S-COMP-001", "POP3S-DNS-004", "POP3S-CERT-012",
        *(f"POP3S-POP-{number:03}" for number in (8, 9, 10, 12, 13, 14, 15, 16, 17)),
    }  # fmt: skip
    assert baseline.date == "2026-11-25"
    assert {"baseline", "strict"} <= {p.id for p in list_profiles()}
    assert len(baseline.sha256) == 64


def test_profile_sets_severity_and_parameters():
    own = profile("checks:\n  POP3S-CERT-003: {severity: info, parameters: {minimum_left: 0.5}, references: [mine]}\n")
    settings = own.checks["POP3S-CERT-003"]
    assert settings.severity is Severity.INFO
    assert settings.parameters == {"minimum_left": 0.5, "note_left": 1 / 3}
    assert set(own.checks) == {"POP3S-FLT-001", "POP3S-COV-000", "POP3S-CERT-003"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("checks: {}\n", "no check"),
        ("checks:\n  POP3S-COV-000:\n", "no check"),
        ("checks:\n  POP3S-TLS-999:\n", "POP3S-TLS-999"),
        ("checks:\n  POP3S-TLS-001: {severty: low}\n", "severty"),
        ("checks:\n  POP3S-TLS-001: {severity: worst}\n", "worst"),
        ("checks:\n  POP3S-TLS-001: {parameters: {x: 1}}\n", "'checks.POP3S-TLS-001.parameters.x'"),
        ("checks:\n  POP3S-CERT-003: {parameters: {minimum_left: .nan}}\n", "minimum_left"),
        ("checks:\n  POP3S-CERT-003: {parameters: {minimum_left: 7}}\n", "minimum_left"),
        ("checks:\n  POP3S-CERT-003: {parameters: {minimum_left: yes}}\n", "minimum_left"),
        ("checks:\n  POP3S-TLS-002: {parameters: {minimum: []}}\n", "minimum"),
        ("checks:\n  POP3S-TLS-002: {parameters: {minimum: [TLSv7]}}\n", "TLSv7"),
        ("checks:\n  POP3S-TLS-001:\n  POP3S-TLS-001:\n", "stands twice"),
        ("checks: [POP3S-TLS-001]\n", "mapping"),
        ("waivers: []\nchecks:\n  POP3S-TLS-001:\n", "waivers"),
        ("checks: &a\n  POP3S-TLS-001: *a\n", "aliases"),
        ("checks: !!python/object/apply:os.system [x]\n", "tags"),
        ("checks: {\n", "no YAML"),
    ],
)
def test_profile_that_is_not_understood_is_refused(text, word):
    with pytest.raises(ProfileError, match="own.yml") as caught:
        profile(text)
    assert word in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"x", b"[]", b"\xff\xfe\x00", b"a: " + b"x" * 300_000, b"schema: other/1\n"])
def test_file_that_is_no_profile_is_refused(raw):
    with pytest.raises(ProfileError):
        read_profile(raw, "own.yml")


def test_unknown_profile_names_those_there_are(tmp_path):
    with pytest.raises(ProfileError, match="baseline"):
        load_profile("baselin")
    with pytest.raises(ProfileError, match="can't be read"):
        load_profile(tmp_path / "none.yml")


def test_profile_can_be_read_again_from_its_bytes(tmp_path):
    path = tmp_path / "p.yml"
    path.write_bytes(load_profile("baseline").raw)
    assert load_profile(path).sha256 == load_profile("baseline").sha256


def test_narrowing_to_a_check_the_profile_does_not_hold_is_refused():
    with pytest.raises(ProfileError, match="POP3S-TLS-002"):
        profile("checks:\n  POP3S-TLS-001:\n").narrowed(["POP3S-TLS-002"])


def test_checks_are_complete_and_explain_themselves():
    for id_, check in all_checks().items():
        assert id_.startswith("POP3S-")
        assert set(check.categories) <= set(CATEGORIES)
        assert check.references
        assert check.rationale.endswith(".")
        assert check.remediation.endswith(".")
        # A title holds no value that a profile could set; the version that a check is about is no such value.
        assert not any(character.isdigit() for character in re.sub("POP3|RC4|TLS 1[.][0-3]|SSL [23][.]0|1[.]3|64 bits", "", check.title))
        actions = {Scope.ENDPOINT: check.on_endpoint, Scope.HOST: check.on_host, Scope.FLEET: check.on_fleet}
        assert actions[check.scope] is not None
        assert check.title in check.explain()


@pytest.mark.parametrize(
    ("expression", "inside", "outside"),
    [
        ("all", "POP3S-TLS-001", None),
        ("POP3S-TLS-001", "POP3S-TLS-001", "POP3S-TLS-002"),
        ("pop3s-cert-*", "POP3S-CERT-007", "POP3S-TLS-001"),
        ("default and not POP3S-CERT-*", "POP3S-TLS-001", "POP3S-CERT-001"),
        ("auth or POP3S-POP-00?", "POP3S-POP-003", "POP3S-TLS-001"),
        ("POP3S-TLS-001,POP3S-TLS-002", "POP3S-TLS-002", "POP3S-CLR-001"),
        ("not (POP3S-TLS-* or POP3S-CERT-*) and safe", "POP3S-POP-001", "POP3S-TLS-001"),
        ("NOT auth", "POP3S-TLS-001", "POP3S-CLR-002"),
    ],
)
def test_expression_chooses(expression, inside, outside):
    chosen = select(expression)
    assert inside in chosen
    assert outside not in chosen


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("", "empty"),
        ("defualt", "defualt"),
        ("default and POP3S-X-*", "POP3S-X-*"),
        ("default default", "default"),
        ("(default", "parenthesis"),
        ("default)", ")"),
        ("and default", "and"),
        ("default or", "ends"),
        ("not", "ends"),
        ("safe and not safe", "no check"),
        ("intrusive and safe", "no check"),
        ("(" * 5000, "longer"),
        ("not " * 400, "nested"),
    ],
)
def test_expression_that_is_not_understood_names_the_word(expression, word):
    with pytest.raises(SelectionError) as caught:
        select(expression)
    assert word in str(caught.value)


def pem():
    return authority().public_bytes(serialization.Encoding.PEM)


def test_ca_file_is_read(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(b"a comment\n" + pem() + pem())
    anchors = load_anchors(path)
    assert len(anchors.certificates) == 2
    assert anchors.pem == path.read_bytes()
    assert anchors.source == str(path)


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_ca_file_without_a_sound_certificate_is_refused(tmp_path, content):
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(TrustError, match="ca.pem"):
        load_anchors(path)


def test_ca_file_with_one_broken_certificate_is_refused_and_a_system_bundle_is_not():
    broken = pem() + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(TrustError, match="certificate 2 of 2"):
        read_anchors(broken, "x")
    tolerated = read_anchors(broken, "x", tolerant=True)
    assert len(tolerated.certificates) == 1
    assert read_anchors(tolerated.pem, "x").sha256 == tolerated.sha256


def test_ca_file_that_can_not_be_read_says_what_to_do(tmp_path):
    with pytest.raises(TrustError, match="check its path"):
        load_anchors(tmp_path / "none.pem")
    with pytest.raises(TrustError, match="can't be read"):
        load_anchors(tmp_path)
    path = tmp_path / "ca.der"
    path.write_bytes(authority().public_bytes(serialization.Encoding.DER))
    with pytest.raises(TrustError, match="inform der"):
        load_anchors(path)


def test_machine_without_trust_anchors_says_so(monkeypatch):
    class Nothing:
        cafile = None

    monkeypatch.setattr(trust, "SYSTEM_FILES", ("/nonexistent/ca.pem",))
    monkeypatch.setattr(trust.ssl, "get_default_verify_paths", Nothing)
    with pytest.raises(TrustError, match="ca-certificates"):
        load_anchors()


def test_system_anchors_come_from_the_first_bundle_there_is(monkeypatch, tmp_path):
    path = tmp_path / "bundle.pem"
    path.write_bytes(pem())
    monkeypatch.setattr(trust.ssl, "get_default_verify_paths", lambda: type("P", (), {"cafile": str(path)}))
    assert load_anchors().source == f"system: {path}"


def test_host_without_variables_is_a_target_of_its_own_name():
    plan, targets = plan_host("mx.example.org", {})
    assert plan.intent is None
    assert plan.problems == ()
    assert targets == (Target(("mx.example.org",), "mx.example.org", 995, None, 110, None),)


def test_variables_name_the_service():
    plan, targets = plan_host(
        "mx",
        {
            "pop3s_intent": "internal",
            "ansible_host": "192.0.2.1",
            "ansible_port": 22,
            "pop3s_port": "1995",
            "pop3s_server_name": "mail.example.org",
            "pop3_port": 0,
            "pop3s_proxy_protocol": "v2",
        },
    )
    assert plan.intent is Intent.INTERNAL
    assert targets == (Target(("mx",), "192.0.2.1", 1995, "mail.example.org", None, "v2"),)


def test_own_address_wins_over_the_address_of_the_login():
    assert (
        plan_host("mx", {"ansible_host": "10.0.0.1", "pop3s_address": "[2001:db8::1]"})[1][0].address == "2001:db8::1"
    )


def test_endpoints_fall_back_to_the_host_and_may_differ():
    _, targets = plan_host(
        "mx",
        {
            "pop3s_server_name": "mail.example.org",
            "pop3s_endpoints": [
                {"address": "192.0.2.1"},
                {"address": "2001:db8::1", "port": 1995, "server_name": "v6.example.org"},
            ],
        },
    )
    assert [(t.address, t.port, t.server_name) for t in targets] == [
        ("192.0.2.1", 995, "mail.example.org"),
        ("2001:db8::1", 1995, "v6.example.org"),
    ]


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"pop3s_intent": "closd"}, "'closd' is none of serve, internal, closed"),
        ({"pop3s_intent": ["serve"]}, "pop3s_intent"),
        ({"pop3s_intent": True}, "pop3s_intent"),
        ({"pop3s_port": 0}, "pop3s_port"),
        ({"pop3s_port": "995x"}, "pop3s_port"),
        ({"pop3s_port": True}, "pop3s_port"),
        ({"pop3s_port": 99.5}, "pop3s_port"),
        ({"pop3_port": -1}, "pop3_port"),
        ({"pop3s_address": "two words"}, "pop3s_address"),
        ({"pop3s_address": "192.0.2.300"}, "looks like an IP address"),
        ({"pop3s_address": "{{ nope }}"}, "undefined"),
        ({"pop3s_address": ["192.0.2.1"]}, "pop3s_address"),
        ({"pop3s_server_name": "-x"}, "pop3s_server_name"),
        ({"pop3s_proxy_protocol": "v3"}, "v3"),
        ({"pop3s_endpoints": []}, "pop3s_endpoints"),
        ({"pop3s_endpoints": "192.0.2.1"}, "pop3s_endpoints"),
        ({"pop3s_endpoints": ["192.0.2.1"]}, "pop3s_endpoints[0]"),
        ({"pop3s_endpoints": [{"adress": "192.0.2.1"}]}, "adress"),
        ({"pop3s_endpoints": [{"address": "192.0.2.1", "port": 70000}]}, "pop3s_endpoints[0].port"),
    ],
)
def test_bad_variable_costs_its_host_an_error_and_never_raises(variables, word):
    plan, _ = plan_host("mx", variables)
    assert len(plan.problems) == 1
    assert word in plan.problems[0]


def test_one_bad_endpoint_leaves_the_others_standing():
    plan, targets = plan_host("mx", {"pop3s_endpoints": [{"address": "192.0.2.1"}, {"port": "x"}]})
    assert len(targets) == 1
    assert len(plan.problems) == 1


def test_services_named_twice_are_joined_and_told():
    aim = Target(("a",), "192.0.2.1")
    merged, notes = merge_targets([aim, Target(("b",), "192.0.2.1"), Target(("b",), "192.0.2.2")])
    assert merged == (Target(("a", "b"), "192.0.2.1"), Target(("b",), "192.0.2.2"))
    assert len(notes) == 1
    assert "2 times (a, b)" in notes[0]


def test_room_can_be_imported_where_no_library_is_installed():
    source = Path(trust.__file__).parents[2]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import port995.policy.judge, port995.policy.gate, port995.policy.inventory\n"
        "from port995.policy import profile, trust, libraries\n"
        "for use in (lambda: profile.load_profile('baseline'), lambda: trust.load_anchors()):\n"
        "    try: use()\n"
        "    except libraries.LibraryMissing as error: sys.stdout.write(str(error) + '\\n')\n"
    )
    blocked = "import sys\nsys.modules['yaml'] = sys.modules['cryptography'] = None\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", blocked + code, str(source)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "pip install PyYAML" in done.stdout
    assert "pip install cryptography" in done.stdout
