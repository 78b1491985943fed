#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_report
short_description: Judge a run, write its reports, and hold the gate
version_added: "0.1.0"
author:
  - The port995 authors (@port995)
description:
  - Reads the journals of a run folder, judges them against the profile of the run, and writes C(report.json), JUnit
    files C(TEST-port995*.xml) and, last, C(gate.json) into it.
  - Fails unless everything is proven to be as it should be. A host that was not reached, an answer that did not come
    and a journal that is missing are never a pass.
  - Runs on the controller, and opens no connection.
options:
  out:
    description: Folder of the run, as M(port995.pop3s.pop3s_plan) returned it.
    type: path
    required: true
  fail_on:
    description: Lightest severity of a failing check that fails the gate.
    type: str
    choices: [critical, high, medium, low, info]
    default: low
  gate_checks:
    description: Expression that chooses the checks whose fails fail the gate. All of them when it is empty.
    type: str
    default: ""
  min_coverage:
    description: Per cent of the hosts that have to be assessed.
    type: float
    default: 100.0
  max_waived:
    description: Most waived results that the gate lets through. Any number when it is absent.
    type: int
  max_age:
    description: Most hours that the oldest observation may be old. Any age when it is absent.
    type: float
  checks_path:
    description:
      - The files of checks that M(port995.pop3s.pop3s_plan) was given. Checks in the run folder are programs, and
        are run only where a file of the same content is named here.
    type: list
    elements: path
    default: []
  formats:
    description:
      - What to write beside JSON and JUnit, V(sarif), V(sarif-github), V(oscal), V(csv), V(prometheus), V(markdown),
        V(html) or V(all).
    type: list
    elements: str
    default: []
  junit_flavour:
    description:
      - Who is to read the JUnit files. V(jenkins) suits Azure and GitHub too.
      - V(strict) keeps to what the schemas of Jenkins' xunit plugin and of windyroad both take; V(gitlab) names the
        inventory file in each case.
    type: str
    choices: [jenkins, strict, gitlab]
    default: jenkins
  bundle:
    description:
      - Folder to make of the evidence, on the controller, with hashes over all of it. It may not be there yet.
    type: path
  sign_key:
    description:
      - OpenSSH Ed25519 key on the controller that signs O(bundle). Its passphrase comes in the environment variable
        E(PORT995_SIGN_PASSPHRASE).
    type: path
  fail_on_gate:
    description: Fail the task unless the gate is passed.
    type: bool
    default: true
  show:
    description: Print the table. Turn it off where standard output is to be read by a program.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Writes the reports in check mode too. It changes nothing else.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: posix
    support: full
notes:
  - Needs Python 3.11 or later and C(cryptography), C(junit-xml) and C(PyYAML) on the controller.
seealso:
  - module: port995.pop3s.pop3s_plan
  - module: port995.pop3s.pop3s_info
"""

EXAMPLES = r"""
- name: Judge the run and stop the deployment unless all is well
  port995.pop3s.pop3s_report:
    out: "{{ plan.out }}"
    fail_on: medium
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
out:
  description: Folder of the run.
  returned: always
  type: str
bundle:
  description: Folder of the evidence.
  returned: O(bundle) was given
  type: str
  sample: /srv/evidence/2026-11
files:
  description: Reports that were written, C(gate.json) last.
  returned: when it was judged
  type: list
  elements: str
  sample: [report.json, TEST-port995.xml, gate.json]
equation:
  description: What became of each host of the population.
  returned: when it was judged
  type: str
  sample: inventory 5 = assessed 4 + unreachable 1 + excluded 0
hosts:
  description: Host to its verdict.
  returned: when it was judged
  type: dict
  sample: {mx1: pass, mx2: fail}
results:
  description: Number of results by status.
  returned: when it was judged
  type: dict
gate:
  description: The verdict.
  returned: when it was judged
  type: dict
  contains:
    exit:
      description: 0 passed, 1 failed, 3 incomplete, 4 can't be vouched for.
      type: int
    verdict:
      description: The same as a word.
      type: str
    incomplete:
      description: Whether something was left open.
      type: bool
    reasons:
      description: Why it is not passed.
      type: list
      elements: str
  sample: {exit: 1, verdict: failed, incomplete: false, reasons: ["mx2: ..."]}
ansible_facts:
  description: What came out, as a fact of every host of the play. A task that failed sets no facts.
  returned: when it was judged
  type: dict
  contains:
    port995_audit:
      description: The verdict, and what came out of each host.
      returned: when it was judged
      type: dict
      contains:
        out:
          description: Folder of the run.
          type: str
        equation:
          description: What became of each host of the population.
          type: str
        results:
          description: Number of results by status.
          type: dict
        gate:
          description: The verdict, as the value RV(gate).
          type: dict
        hosts:
          description:
            - Host to its C(status), its C(disposition), its C(intent), and the ids of checks. C(fails) are those that
              failed, C(open) those that nobody can tell of, C(waived) those that a waiver covers.
          type: dict
          sample:
            mx2: {status: fail, disposition: assessed, intent: serve, fails: [POP3S-CERT-003], open: [], waived: []}
"""
