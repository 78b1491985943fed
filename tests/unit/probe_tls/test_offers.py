# SPDX-License-Identifier: GPL-3.0-or-later
"""From profiles to hellos: what a profile forbids is in a question, each question can be believed, none is longer than
the control that stands for it."""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest

from port995.policy.checks.suites import suites_of
from port995.policy.offers import compile_offers
from port995.policy.profile import Profile, load_profile
from port995.policy.registry import all_checks
from port995.policy.universe import every_group, every_signature
from port995.probe.model import Question
from port995.probe.options import GATE, ScanOptions
from port995.probe.tls.cipher_suites import BY_NUMBER, FAMILIES, SSLV2_CIPHERS, SUITES, weaknesses
from port995.probe.tls.client_hello import SSL_2, SSL_3, TLS_1_1, TLS_1_2, TLS_1_3, Offer, numbers, write_hello
from port995.probe.tls.named_groups import BY_NUMBER as GROUP_BY_NUMBER
from port995.probe.tls.signature_schemes import SCHEMES

from .parsed_hello import parse_hello

PROFILES = ("baseline", "strict")
SUITE_QUESTIONS = ("suites-ecdhe-rsa", "suites-dhe", "suites-1.3")
each_profile = pytest.mark.parametrize("profile", PROFILES)


@cache
def questions(profile: str) -> tuple[Question, ...]:
    return tuple(one for one in compile_offers(load_profile(profile)) if one.kind == "hello")


def suites(question: Question) -> tuple[int, ...]:
    return numbers(question.suites, 6 if question.version == SSL_2 else 4)


def written(question: Question, server_name: str | None = None) -> bytes:
    offer = Offer(
        question.version, suites(question), numbers(question.groups), numbers(question.signatures),
        question.key_share, server_name, question.pad_to,
    )  # fmt: skip
    return write_hello(offer).octets


def forbidden(profile: str) -> set[str]:
    """Classes of suites that the checks of a profile forbid."""
    held = load_profile(profile).checks
    return {word for id_, check in all_checks().items() if id_ in held for word in check.forbids}


def with_checks(profile: str, *wanted: str) -> Profile:
    """A profile cut down to the checks whose ids begin so."""
    whole = load_profile(profile)
    return dataclasses.replace(
        whole, checks={id_: value for id_, value in whole.checks.items() if id_.startswith(wanted)}
    )


@each_profile
def test_the_probe_takes_every_question_that_is_compiled(profile: str) -> None:
    ScanOptions(depth=GATE, questions=compile_offers(load_profile(profile))).check()


@each_profile
def test_below_tls_1_3_no_question_mixes_families_of_key_exchange(profile: str) -> None:
    for question in questions(profile):
        if question.version == SSL_2:
            assert set(suites(question)) <= set(SSLV2_CIPHERS)
            continue
        families = {BY_NUMBER[number].family for number in suites(question)}
        assert len(families) == 1, (question.id, families)
        assert (families == {FAMILIES[-1]}) == (question.version == TLS_1_3) or question.version < TLS_1_3


@each_profile
def test_every_suite_that_is_offered_exists_in_the_version_it_is_offered_in(profile: str) -> None:
    for question in questions(profile):
        if question.version != SSL_2:
            assert all(BY_NUMBER[number].minimum_version <= question.version for number in suites(question)), (
                question.id
            )


@each_profile
@pytest.mark.parametrize("version", [SSL_3, 0x0301, TLS_1_1, TLS_1_2, TLS_1_3])
def test_every_suite_of_a_forbidden_class_is_in_a_question_of_every_version_it_exists_in(
    profile: str, version: int
) -> None:
    wanted = suites_of(tuple(sorted(forbidden(profile))), version)
    assert wanted
    asked: set[int] = set()
    for question in questions(profile):
        if not question.control and (question.version == version or (question.lower and question.version > version)):
            asked |= set(suites(question))
    assert wanted <= asked, [BY_NUMBER[number].name for number in wanted - asked]


@each_profile
def test_old_versions_are_asked_for_with_every_suite_that_they_could_choose(profile: str) -> None:
    old = [one for one in questions(profile) if not one.control and one.version == TLS_1_1 and one.server_name]
    asked = set().union(*(suites(question) for question in old))
    families = {BY_NUMBER[number].family for question in old for number in suites(question)}
    assert asked == {
        suite.number for suite in SUITES if suite.number and suite.family in families and suite.minimum_version < TLS_1_2
    }  # fmt: skip
    assert all(question.lower for question in old)


@each_profile
def test_ssl_2_is_asked_for_with_all_its_ciphers(profile: str) -> None:
    (question,) = [one for one in questions(profile) if one.version == SSL_2]
    assert set(suites(question)) == set(SSLV2_CIPHERS)


@each_profile
def test_a_question_about_suites_offers_no_suite_that_is_allowed(profile: str) -> None:
    words = forbidden(profile)
    asked = [one for one in questions(profile) if one.id.startswith(SUITE_QUESTIONS)]
    assert len(asked) >= len(SUITE_QUESTIONS)
    for question in asked:
        allowed = [BY_NUMBER[number].name for number in suites(question) if not weaknesses(BY_NUMBER[number]) & words]
        assert not allowed, question.id


@each_profile
def test_a_question_about_suites_carries_every_group_and_signature_lest_one_of_them_is_what_was_refused(
    profile: str,
) -> None:
    for question in questions(profile):
        if question.id.startswith((*SUITE_QUESTIONS, "old-")):
            assert every_group(question.version, numbers(question.groups)), question.id
            assert every_signature(question.version, numbers(question.signatures)), question.id


@each_profile
def test_a_question_about_groups_offers_none_that_is_allowed_and_every_signature(profile: str) -> None:
    whole = load_profile(profile)
    lists = [
        set(map(str, values))
        for check in whole.checks.values()
        if "allowed" in check.parameters and isinstance(values := check.parameters["allowed"], (tuple, list))
    ]
    allowed = set.intersection(*(names for names in lists if any(name in names for name in ("x25519", "secp256r1"))))
    asked = [one for one in questions(profile) if one.id.startswith("groups-")]
    assert asked
    for question in asked:
        assert not {GROUP_BY_NUMBER[number].name for number in numbers(question.groups)} & allowed, question.id
        assert every_signature(question.version, numbers(question.signatures))


@each_profile
def test_every_group_that_is_not_allowed_is_asked_about(profile: str) -> None:
    only = [one for one in questions(profile) if one.id == "groups-1.3"]
    named = {GROUP_BY_NUMBER[number].name for question in only for number in numbers(question.groups)}
    assert {"sect163k1", "secp160r1", "secp192r1", "secp256k1"} <= named


@each_profile
def test_a_question_about_signatures_offers_weak_ones_alone_with_every_group(profile: str) -> None:
    asked = [one for one in questions(profile) if one.id in ("signatures-rsa-alone", "signatures-ecdsa-alone")]
    assert [one.only_key for one in asked] == ["RSA", "ECDSA"]
    weak = {scheme.number for scheme in SCHEMES if scheme.weak}
    for question in asked:
        assert set(numbers(question.signatures)) <= weak
        # rsa_pkcs1_sha1, dsa_sha1, ecdsa_sha1, rsa_pkcs1_md5
        assert {0x0201, 0x0202, 0x0203, 0x0101} <= set(numbers(question.signatures))
        assert every_group(TLS_1_2, numbers(question.groups))


@each_profile
def test_each_mark_is_about_suites_that_are_offered_and_that_have_the_weakness(profile: str) -> None:
    for question in (one for one in questions(profile) if not one.control):
        for mark in question.marks:
            shown = numbers(mark.suites)
            assert set(shown) <= set(suites(question)), (question.id, mark.word)
            assert all(mark.word in weaknesses(BY_NUMBER[number]) for number in shown), (question.id, mark.word)
        if question.id.startswith(SUITE_QUESTIONS):
            marked = {number for mark in question.marks for number in numbers(mark.suites)}
            assert marked == set(suites(question)), "a suite without a mark would be left out after an answer"


# Controls


@each_profile
def test_the_first_control_is_at_least_as_long_as_any_hello_and_has_as_many_suites(profile: str) -> None:
    control = questions(profile)[0]
    assert control.control and control.version == TLS_1_2
    for question in questions(profile):
        # With a group of the certificate's own, as it may come.
        groups = question.groups + ("0017" if question.only_key else "")
        asked = dataclasses.replace(question, groups=groups)
        assert len(written(asked)) <= len(written(control)), question.id
        assert len(suites(question)) <= len(suites(control)), question.id


@each_profile
def test_the_control_of_tls_1_3_is_as_long_as_any_hello_too(profile: str) -> None:
    control = next(one for one in questions(profile) if one.control and one.version == TLS_1_3)
    others = [one for one in questions(profile) if not one.control]
    assert all(len(written(question)) <= len(written(control)) for question in others)
    # A server of any suite of TLS 1.3 answers it.
    assert set(suites(control)) == {suite.number for suite in SUITES if suite.family == FAMILIES[-1]}


@each_profile
def test_controls_come_first_and_offer_the_good_suites_before_the_weak_ones(profile: str) -> None:
    asked = questions(profile)
    assert [one.control for one in asked] == sorted((one.control for one in asked), reverse=True)
    words = forbidden(profile)
    first = [bool(weaknesses(BY_NUMBER[number]) & words) for number in suites(asked[0])]
    assert first == sorted(first) and not first[0] and first[-1]


@each_profile
def test_no_hello_of_a_profile_has_a_length_that_hangs_a_middlebox(profile: str) -> None:
    for question in questions(profile):
        if question.version in (SSL_2, SSL_3):
            continue
        for name in (None, "m.example", "a-rather-long-name-of-a-mail-server." * 4 + "example.org"):
            size = parse_hello(written(question, name)).message
            assert size not in range(256, 512) and not (size > 512 and size % 256 in (10, 14)), question.id


# What is not asked


def test_a_profile_without_checks_on_hellos_asks_nothing() -> None:
    assert compile_offers(with_checks("baseline", "POP3S-CERT", "POP3S-PORT")) == ()
    # The one check of certificates that does: whether the staple comes that some promise.
    assert {one.id for one in compile_offers(with_checks("strict", "POP3S-CERT")) if not one.control} == {"extras"}


def test_a_profile_about_versions_alone_asks_no_suites_of_tls_1_2() -> None:
    asked = compile_offers(with_checks("baseline", "POP3S-VER"))
    words = {one.id for one in asked if not one.control}
    assert "ssl2" in words and not words & set(SUITE_QUESTIONS)


def test_what_is_only_in_the_strict_profile_is_only_asked_there() -> None:
    ids = {profile: {one.id for one in questions(profile)} for profile in PROFILES}
    assert ids["baseline"] < ids["strict"]
    assert "post-quantum" in ids["strict"] - ids["baseline"]


@each_profile
def test_the_same_profile_compiles_to_the_same_questions(profile: str) -> None:
    assert compile_offers(load_profile(profile)) == compile_offers(load_profile(profile))
    assert len({one.id for one in questions(profile)}) == len(questions(profile))
