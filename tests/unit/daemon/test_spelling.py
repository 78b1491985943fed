# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted in the words of each library, held against what the libraries of this machine make of it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from port995.daemon import courier, dh, gnutls, openssl
from port995.daemon.courier_edit import lines_for
from port995.daemon.model import DaemonError, TlsWanted, wanted
from port995.daemon.names import is_tls13, openssl_suite

SUITES = (
    "TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
)  # fmt: skip


def tls(
    minimum: str = "TLSv1.2", suites: tuple[str, ...] = SUITES, groups: tuple[str, ...] = ("x25519", "secp256r1"),
    weak: bool = False,
) -> TlsWanted:  # fmt: skip
    return TlsWanted(minimum, suites, groups, "server", weak)


@pytest.fixture
def library() -> openssl.Library:
    try:
        return openssl.Library()
    except DaemonError as error:
        pytest.skip(str(error))


def test_suites_are_called_as_openssl_itself_calls_them() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (Debian: openssl)")
    said = subprocess.run(["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True)
    pairs = [line.split()[0:3:2] for line in said.stdout.splitlines()]
    held = [(iana, name) for iana, name in pairs if "PSK" not in iana and "SRP" not in iana and not is_tls13(iana)]
    assert len(held) > 40
    assert [(iana, name) for iana, name in held if openssl_suite(iana) != name] == []
    assert openssl_suite("TLS_PSK_WITH_AES_128_GCM_SHA256") is None, "it needs a secret shared beforehand"


def test_openssl_takes_what_is_spelled_and_what_it_lacks_is_told(library: openssl.Library) -> None:
    spelled = openssl.spell(tls(suites=(*SUITES, "TLS_SM4_GCM_SM3_OF_NOBODY", "TLS_RSA_WITH_IDEA_CBC_SHA")), library)
    assert spelled.cipher_list == "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=2"
    assert spelled.suites13 == "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"
    assert spelled.groups == "X25519:P-256"
    assert "TLS_RSA_WITH_IDEA_CBC_SHA" in spelled.left_out
    assert openssl.spell(tls(weak=True), library).cipher_list.endswith("@SECLEVEL=0")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (tls(groups=("GC256A",)), "has none of the groups that are allowed"),
        (tls(suites=("TLS_AES_128_GCM_SHA256",)), "none of the suites below TLS 1.3"),
        (tls("TLSv1.3", suites=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",)), "only TLS 1.3 is to be spoken"),
    ],
)
def test_what_openssl_can_not_do_is_told(library: openssl.Library, asked: TlsWanted, says: str) -> None:
    with pytest.raises(DaemonError, match=says):
        openssl.spell(asked, library)


@pytest.fixture
def gnutls_library() -> gnutls.Library:
    try:
        return gnutls.Library()
    except DaemonError as error:
        pytest.skip(str(error))


def test_gnutls_turns_on_what_is_wanted_and_nothing_else(gnutls_library: gnutls.Library) -> None:
    priority, left_out = gnutls.spell(tls(), gnutls_library)
    assert gnutls_library.suites(priority) == {(0x13, 2), (0x13, 1), (0xC0, 0x30), (0xC0, 0x2F)}
    assert "VERS-TLS1.1" not in priority and "SHA1" not in priority and left_out == ()
    assert "%SERVER_PRECEDENCE" in priority
    without_13 = gnutls.spell(tls(suites=SUITES[2:]), gnutls_library)[0]
    assert "VERS-TLS1.3" not in without_13 and gnutls_library.suites(without_13) == {(0xC0, 0x30), (0xC0, 0x2F)}


def test_what_gnutls_can_not_be_told_is_refused(gnutls_library: gnutls.Library) -> None:
    # One cipher with each key exchange: a priority string has all four combinations.
    crossed = (*SUITES[:2], "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256")
    with pytest.raises(DaemonError, match="TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"):
        gnutls.spell(tls(suites=crossed), gnutls_library)
    with pytest.raises(DaemonError, match="none of the groups"):
        gnutls.spell(tls(groups=("brainpoolP256r1",)), gnutls_library)


def test_courier_on_openssl_has_settings_of_its_own(monkeypatch: pytest.MonkeyPatch, library: openssl.Library) -> None:
    # Untested on a real host: RHEL's rebuilds and Courier's own packages are on OpenSSL.
    monkeypatch.setattr(courier, "library_of", lambda: courier.OPENSSL)
    groups = list(openssl.default_groups(library))
    asked = wanted(tls={"minimum": "TLSv1.2", "suites": [*openssl.ALL_OF_TLS13, *SUITES], "groups": groups})
    lines, _left_out = lines_for(asked, "/etc/courier")
    assert 'TLS_PROTOCOL="TLSv1.2++"' in lines and 'TLS_STARTTLS_PROTOCOL="TLSv1.2++"' in lines
    assert 'TLS_CIPHER_LIST="ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=2"' in lines
    fewer = wanted(tls={"minimum": "TLSv1.2", "suites": [*openssl.ALL_OF_TLS13, *SUITES], "groups": groups[:1]})
    with pytest.raises(DaemonError, match="no setting for groups"):
        lines_for(fewer, "/etc/courier")
    monkeypatch.setattr(courier, "library_of", lambda: None)
    with pytest.raises(DaemonError, match="not known which library"):
        lines_for(asked, "/etc/courier")


def test_the_parameters_are_the_group_of_rfc_7919() -> None:
    assert dh.prime().bit_length() == 3072 and dh.prime() % 2**64 == 2**64 - 1
    # Appendix A.2: the first and the last octets that differ from all ones.
    assert f"{dh.prime():x}"[16:32] == "adf85458a2bb4a9a" and f"{dh.prime():x}"[-32:-16] == "25e41d2b66c62e37"
    if shutil.which("openssl") is not None:
        done = subprocess.run(["openssl", "dhparam", "-check", "-noout"], input=dh.pem(), capture_output=True, text=True)
        assert done.returncode == 0 and "appear to be ok" in done.stderr
