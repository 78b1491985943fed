# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand endpoints are judged in seconds, also when each has a certificate of its own."""

from __future__ import annotations

import dataclasses
import time

from port995.policy.model import HostPlan, Intent

from .certificates import chain, leaf
from .seen import companion, good_tls, judged, session, target


def test_a_thousand_endpoints_are_judged_in_seconds():
    own = [chain(leaf()) for _ in range(200)]
    aims = [target((f"h{n}",), f"10.0.{n // 250}.{n % 250 + 1}") for n in range(1000)]
    seen = []
    for number, aim in enumerate(aims):
        handshake = dataclasses.replace(good_tls(), certificates=own[number % len(own)])
        seen += [session(aim, tls=handshake), companion(aim)]
    plan = [HostPlan(f"h{n}", Intent.SERVE) for n in range(1000)]
    began = time.process_time()
    judgement = judged(seen, plan=plan, targets=aims)
    seconds = time.process_time() - began
    assert judgement.coverage.assessed == 1000
    assert seconds < 10, f"{seconds:.1f} s"  # of this process alone: how busy the machine is does not matter
