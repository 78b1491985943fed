# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on disk: hosts that refuse as they should, seen from two source addresses, so that the gate can pass."""

from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from port995.evidence.run_folder import RunFolder, RunHeader, VantagePlan, create_run
from port995.policy.model import HostPlan, Intent
from port995.policy.profile import load_profile
from port995.probe.journal import JournalWriter
from port995.probe.model import OBSERVATION_SCHEMA, Observation, Resolution, Target, TcpConnect, Vantage

RUN = "0123456789abcdef" * 2
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
SOURCES = ("198.51.100.1", "198.51.100.2")
HOSTS = ("one.example", "two.example")
ADDRESSES = {"one.example": "192.0.2.1", "two.example": "192.0.2.2"}
TARGETS = tuple(Target((name,), ADDRESSES[name]) for name in HOSTS)
PROFILE = load_profile("baseline")
REFUSED = TcpConnect("closed", "conn-refused", "ECONNREFUSED")
OPEN = TcpConnect("open", "syn-ack")


@functools.cache
def anchors_pem() -> bytes:
    """One certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a CA of the tests")])
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - day)
        .not_valid_after(NOW + 365 * day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


@functools.cache
def crls_pem() -> bytes:
    """One revocation list, with nothing in it."""
    day = datetime.timedelta(days=1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a CA of the tests")])
    builder = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(NOW - day).next_update(NOW + day)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def header(**more: Any) -> RunHeader:
    fields: dict[str, Any] = {
        "run_id": RUN,
        "started": "2026-11-24T11:00:00.000Z",
        "plan": tuple(HostPlan(name, Intent.CLOSED) for name in HOSTS),
        "targets": TARGETS,
        "profile_id": PROFILE.id,
        "profile_sha256": PROFILE.sha256,
        "anchors_source": "ca.pem",
        "anchors_sha256": hashlib.sha256(anchors_pem()).hexdigest(),
        "vantages": (VantagePlan("controller", "undeclared", SOURCES),),
    }
    return RunHeader(**{**fields, **more})


def seen(target: Target, source: str, service: str = "pop3s", tcp: TcpConnect = REFUSED, **more: Any) -> Observation:
    fields: dict[str, Any] = {
        "schema": OBSERVATION_SCHEMA,
        "run_id": RUN,
        "target": target,
        "service": service,
        "port": target.port if service == "pop3s" else target.pop3_port,
        "vantage": Vantage("controller", families=(4,)),
        "source": source,
        "started": "2026-11-24T11:00:01.000Z",
        "ended": "2026-11-24T11:00:02.000Z",
        "resolution": Resolution("numeric", (target.address,)),
        "address": target.address,
        "family": 4,
        "tcp": tcp,
    }
    return Observation(**{**fields, **more})


def all_seen(**more: Any) -> list[Observation]:
    """Everything the vantage owes."""
    return [
        seen(target, source, service, **more)
        for target in TARGETS
        for source in SOURCES
        for service in ("pop3", "pop3s")
    ]


def make_run(out: Path, **more: Any) -> RunFolder:
    return create_run(out, header(**more), PROFILE.raw, anchors_pem())


def finished_probe(out: Path, observations: Iterable[Observation] | None = None, **more: Any) -> RunFolder:
    """A run whose vantage has written its journal."""
    run = make_run(out, **more)
    with JournalWriter(str(run.journal_path("controller"))) as journal:
        for observation in all_seen() if observations is None else observations:
            journal.append(observation)
    return run
