# SPDX-License-Identifier: GPL-3.0-or-later
"""The mutants: each would let something pass that nobody has seen, and some test must say so."""

from __future__ import annotations

from .mutant import Mutant

SEEING = (
    Mutant(
        "probe-always-answers-ok",
        "src/port995/probe/tcp.py",
        '    errno.ECONNREFUSED: ("closed", "conn-refused"),',
        '    errno.ECONNREFUSED: ("open", "syn-ack"),',
        "a port that refuses is open",
        ("tests/integration/test_command_scan.py", "tests/integration/test_command_audit.py"),
    ),
    Mutant(
        "timeout-is-closed",
        "src/port995/probe/tcp.py",
        'TcpConnect("filtered", "no-response", None, _since(started))',
        'TcpConnect("closed", "conn-refused", None, _since(started))',
        "a port that is silent has refused",
        ("tests/unit/probe/test_tcp.py",),
    ),
    Mutant(
        "no-route-is-filtered",
        "src/port995/probe/tcp.py",
        '        "unknown", LOCAL_ERRORS.get(',
        '        "filtered", LOCAL_ERRORS.get(',
        "what this machine could not send, the other one has dropped",
        ("tests/unit/probe/test_tcp.py",),
    ),
    Mutant(
        "handshake-always-completes",
        "src/port995/probe/endpoint.py",
        "        self._tls = tls.session(outcome if completed else self._tls.outcome if self._tls else \"failed\", detail)",
        '        self._tls = tls.session("completed", detail)',
        "a handshake that broke off was made",
        ("tests/unit/probe/test_tls_session.py",),
    ),
    Mutant(
        "capa-cut-at-a-dot",
        "src/port995/probe/pop3.py",
        '            if line == b".":',
        '            if line.startswith(b"."):',
        "the capabilities behind a stuffed dot are not there",
        ("tests/unit/probe/test_pop3.py",),
    ),
    Mutant(
        "capa-without-its-end-is-whole",
        "src/port995/probe/pop3.py",
        '            if end.outcome == "malformed":\n                self._capa_status = "malformed"\n            raise\n',
        "            lines = []\n",
        "a list that was cut off is a whole one, and empty",
        ("tests/unit/probe/test_pop3.py",),
    ),
    Mutant(
        "resolver-error-is-nothing-to-do",
        "src/port995/probe/engine.py",
        "        return [Aim(target, resolution, None, None, source) for source in sources or (None,)]",
        "        return []",
        "a name that does not resolve needs no look",
        ("tests/integration/test_command_bad_input.py", "tests/integration/test_command_scan.py"),
    ),
    Mutant(
        "deadline-forgets-the-rest",
        "src/port995/probe/engine.py",
        "        for aim, services in self._owed.values():",
        "        for aim, services in ():",
        "what was not looked at in time was never asked for",
        ("tests/integration/test_command_interrupted.py",),
    ),
    Mutant(
        "journal-cut-off-unnoticed",
        "src/port995/probe/journal.py",
        '                return observations, "%s was cut off while it was written" % where',
        '                return observations, ""',
        "a journal that ends in the middle of a line is whole",
        ("tests/unit/evidence",),
    ),
)  # fmt: skip

JUDGING = (
    Mutant(
        "unreachable-host-dropped",
        "src/port995/policy/judge.py",
        "    heap = sort_out(run_id, targets, observations, expected)\n",
        "    observations = list(observations)\n"
        "    plan = [\n"
        "        host for host in plan if host.excluded is not None\n"
        "        or any(host.name in o.target.hosts and o.tcp and o.tcp.state in ('open', 'closed') for o in observations)\n"
        "    ]\n"
        "    heap = sort_out(run_id, targets, observations, expected)\n",
        "a host that did not answer was never in the inventory",
        ("tests/unit/policy",),
    ),
    Mutant(
        "silence-is-an-answer",
        "src/port995/policy/checks/coverage.py",
        "    if port.state in (OPEN, CLOSED):\n",
        "    if port.state in (OPEN, CLOSED, FILTERED):\n",
        "a host that did not answer was assessed",
        ("tests/unit/policy/test_port.py",),
    ),
    Mutant(
        "resolver-error-is-not-tested",
        "src/port995/policy/reach.py",
        '    if outcome in ("not-found", "timeout", "failed"):',
        "    if False:",
        "a name that does not resolve is no error of the inventory",
        ("tests/unit/policy/test_port.py",),
    ),
    Mutant(
        "one-source-proves-closed",
        "src/port995/policy/reach.py",
        "WITNESSES = 2\n",
        "WITNESSES = 1\n",
        "a ban of this machine is a closed port",
        ("tests/unit/policy/test_port.py",),
    ),
    Mutant(
        "silence-proves-closed",
        "src/port995/policy/reach.py",
        "    if not alive:\n",
        "    if False:\n",
        "a host that is down has closed its port",
        ("tests/unit/policy/test_port.py",),
    ),
    Mutant(
        "expiry-ignored",
        "src/port995/policy/checks/certificate.py",
        "    at, start, end = subject.at, leaf.not_before, leaf.not_after\n",
        "    at, start, end = leaf.not_before or subject.at, leaf.not_before, leaf.not_after\n",
        "an expired certificate is as good as new",
        ("tests/unit/policy/test_certificates.py",),
    ),
    Mutant(
        "any-name-will-do",
        "src/port995/policy/checks/certificate.py",
        "    found = matching_name(reference, leaf.dns_names, leaf.ip_addresses)\n",
        "    found = matching_name(reference, leaf.dns_names, leaf.ip_addresses) or expected_text\n",
        "another name's certificate is good here",
        ("tests/unit/policy/test_certificates.py",),
    ),
    Mutant(
        "unknown-ca-is-trusted",
        "src/port995/policy/checks/certificate.py",
        "    if path.status is Status.PASS:\n",
        "    if path.status is not Status.ERROR:\n",
        "a certificate that anybody can make is trusted",
        ("tests/unit/policy/test_certificates.py",),
    ),
    Mutant(
        "no-session-is-fine",
        "src/port995/policy/session.py",
        '    return not_tested(seen, f"no TLS session: {tls_words(seen)}")',
        '    return Finding(Status.PASS, f"no TLS session: {tls_words(seen)}")',
        "what could not be looked into is in order",
        ("tests/unit/policy/test_sessions.py",),
    ),
    Mutant(
        "broken-check-passes",
        "src/port995/policy/judge.py",
        '                Status.ERROR,\n                f"the check itself broke',
        '                Status.PASS,\n                f"the check itself broke',
        "a check that crashed has found nothing wrong",
        ("tests/unit/policy/test_population.py",),
    ),
    Mutant(
        "nothing-folds-into-pass",
        "src/port995/policy/model.py",
        "if status in present), Status.NOT_TESTED)",
        "if status in present), Status.PASS)",
        "no result at all is a good one",
        ("tests/unit/policy/test_population.py",),
    ),
    Mutant(
        "bad-intent-is-none",
        "src/port995/policy/inventory.py",
        '    problems.append(f"pop3s_intent: {_shown(value)} is none of {\', \'.join(words)}")\n',
        "",
        "pop3s_intent: closd says nothing, and that is no error",
        ("tests/unit/policy/test_inputs.py",),
    ),
    Mutant(
        "lost-journal-unnoticed",
        "src/port995/evidence/conclude.py",
        "        expected={vantage.name: vantage.sources for vantage in header.vantages} or None,\n",
        "        expected=None,\n",
        "a vantage of which nothing is left owes nothing",
        ("tests/unit/evidence",),
    ),
    Mutant(
        "journal-problems-unheard",
        "src/port995/evidence/conclude.py",
        "        problems=problems,\n",
        "        problems=(),\n",
        "what is wrong with a journal is nobody's business",
        ("tests/unit/evidence",),
    ),
)  # fmt: skip

BELIEVING = (
    Mutant(
        "one-end-of-the-connection-refuses",
        "src/port995/policy/belief.py",
        "        if not why and _is_weak(hello):\n",
        "        if False:\n",
        "a fault on the way is a refusal of old versions and weak suites",
        ("tests/unit/policy/test_belief.py",),
    ),
    Mutant(
        "refusals-outside-answers-count",
        "src/port995/policy/belief.py",
        "        if not why and not first_answered < position < last_answered:\n",
        "        if False:\n",
        "a server that stopped listening has refused",
        ("tests/unit/policy/test_belief.py",),
    ),
    Mutant(
        "every-other-answer-is-lost",
        "src/port995/policy/belief.py",
        "        if answered(hello):\n            answers.append(hello)\n            continue\n",
        "        if answered(hello):\n            if not position % 2:\n                answers.append(hello)\n"
        "            continue\n",
        "half of the answers were not given",
        ("tests/unit/policy/test_belief.py",),
    ),
    Mutant(
        "any-alert-refuses",
        "src/port995/policy/belief.py",
        "REFUSING_ALERTS = (40, 70, 71, 86)\n",
        "REFUSING_ALERTS = tuple(range(256))\n",
        "a server that finds fault with our hello refuses what it offered",
        ("tests/unit/policy/test_belief.py",),
    ),
    Mutant(
        "a-refusal-of-groups-refuses-suites",
        "src/port995/policy/belief.py",
        "        return self.of_groups and every_group(self.version, self.groups)\n",
        "        return self.of_groups\n",
        "suites count as refused that were offered with weak groups alone",
        ("tests/unit/policy/test_belief.py",),
    ),
    Mutant(
        "canaries-do-not-matter",
        "src/port995/policy/hello.py",
        "            if blind and finding.status is Status.PASS:\n",
        "            if False:\n",
        "a probe that is blind to a fault finds everybody without it",
        ("tests/unit/policy/test_belief.py",),
    ),
)  # fmt: skip

TELLING = (
    Mutant(
        "gate-ignores-not-tested",
        "src/port995/policy/gate.py",
        "OPEN_QUESTIONS = (Status.ERROR, Status.UNREACHABLE, Status.NOT_TESTED, Status.MANUAL)",
        "OPEN_QUESTIONS = (Status.ERROR, Status.UNREACHABLE, Status.MANUAL)",
        "what was not tested does not stop a pipeline",
        ("tests/unit/policy/test_population.py",),
    ),
    Mutant(
        "excluded-host-passes",
        "src/port995/policy/gate.py",
        "    if excluded and not judgement.partial:\n",
        "    if False:\n",
        "a host that --limit cut off needs no --partial",
        ("tests/unit/policy/test_population.py",),
    ),
    Mutant(
        "equation-unchecked",
        "src/port995/policy/gate.py",
        "    if not coverage.holds or _miscounted(judgement):\n",
        "    if False:\n",
        "the counts need not add up",
        ("tests/unit/policy/test_population.py",),
    ),
    Mutant(
        "empty-population-passes",
        "src/port995/policy/gate.py",
        "    incomplete = bool(gaps or questions)\n",
        "    incomplete = bool((gaps or questions) and coverage.inventory)\n",
        "an inventory without hosts is in order",
        ("tests/unit/policy/test_population.py",),
    ),
    Mutant(
        "gate-vouches-for-changed-files",
        "src/port995/evidence/conclude.py",
        "        if _digest(out / name) != digest:\n",
        "        if False:\n",
        "a report that was edited after the verdict is the one that was judged",
        ("tests/unit/evidence/test_conclude.py",),
    ),
    Mutant(
        "junit-error-is-skipped",
        "src/port995/report/junit.py",
        "        case.add_error_info(message, text, kind.value)\n",
        "        case.add_skipped_info(message, text)\n",
        "a host that did not answer shows grey, as most readers draw it: green",
        ("tests/unit/report/test_junit.py",),
    ),
    Mutant(
        "junit-loses-a-host",
        "src/port995/report/junit.py",
        "    by_host: dict[str, list[Result]] = {host.name: [] for host in header.plan}\n",
        "    by_host: dict[str, list[Result]] = {}\n",
        "a host without results is in no report",
        ("tests/unit/report/test_junit.py",),
    ),
    Mutant(
        "incomplete-is-exit-0",
        "src/port995/command/audit.py",
        "    return int(conclusion.gate.exit)\n",
        "    return int(conclusion.gate.exit) % 3\n",
        "an audit that saw nothing wrong because it saw little has succeeded",
        ("tests/integration/test_command_audit.py", "tests/integration/test_command_bad_input.py"),
    ),
)  # fmt: skip

PLAYBOOK = (
    Mutant(
        "playbook-passes-an-incomplete-run",
        "plugins/action/pop3s_report.py",
        '        if given["fail_on_gate"] and gate.exit is not Exit.PASSED:\n',
        '        if given["fail_on_gate"] and gate.exit is Exit.FAILED:\n',
        "a play in which hosts were not assessed has succeeded",
        ("tests/integration/playbook/test_five_hosts.py",),
    ),
    Mutant(
        "playbook-forgets-hosts-outside-the-limit",
        "plugins/action/pop3s_plan.py",
        '                yield HostPlan(name, None, (), "outside of the play or of --limit"), ()\n',
        "",
        "hosts that --limit cut off are not in the inventory",
        ("tests/integration/playbook/test_five_hosts.py",),
    ),
    Mutant(
        "playbook-forgets-a-host-with-an-undefined-variable",
        "plugins/action/pop3s_plan.py",
        "            variables, problems, blind = self._variables(hostvars, name)\n",
        "            variables, problems, blind = self._variables(hostvars, name)\n"
        "            if problems:\n                continue\n",
        "a host whose variables can't be read is not in the inventory",
        ("tests/integration/playbook/test_five_hosts.py",),
    ),
    Mutant(
        "playbook-accepts-an-empty-inventory",
        "playbooks/audit.yml",
        "      when: groups['all'] | length == 0\n",
        "      when: false\n",
        "an inventory without hosts is in order",
        ("tests/integration/playbook/test_nothing_audited.py",),
    ),
)

MUTANTS = (*SEEING, *JUDGING, *BELIEVING, *TELLING, *PLAYBOOK)
