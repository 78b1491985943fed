#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at POP3S services from where the task runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_info
short_description: Look at POP3S services from where the task runs
version_added: "0.1.0"
author:
  - The port995 authors (@port995)
description:
  - Connects to each target on its TLS port and on the clear-text POP3 port beside it, makes one TLS handshake and one
    POP3 dialogue (greeting, CAPA, STLS, QUIT), and writes what was seen to a journal. One call takes thousands of
    targets.
  - No login is tried without O(credentials), and nothing is judged; M(port995.pop3s.pop3s_report) does that.
  - Every target has an observation in the journal in every event. What was not looked at says why.
  - When the play is interrupted or the connection to the machine that looks is lost, it ends there within a second or
    two, and the journal says of what was left that it was cancelled.
  - Runs wherever the task runs, so a host of the inventory can be the place to look from. Needs nothing but Python 3.9
    there.
options:
  targets:
    description:
      - Services to look at.
    type: list
    elements: dict
    required: true
    suboptions:
      hosts:
        description:
          - Names of the inventory hosts that the service stands for.
        type: list
        elements: str
        required: true
      address:
        description:
          - Domain name or IP address to connect to. Every address of a name is an endpoint of its own.
        type: str
        required: true
      port:
        description:
          - TCP port that speaks TLS from the first byte.
        type: int
        default: 995
      server_name:
        description:
          - Name to send as SNI and expect in the certificate.
          - When it is absent, O(targets[].address) is sent if it is a name.
        type: str
      pop3_port:
        description:
          - TCP port of clear-text POP3 beside it. V(0) does not look.
        type: int
        default: 110
      proxy_protocol:
        description:
          - Send this version of the PROXY protocol header first.
        type: str
        choices: [v1, v2]
      login:
        description:
          - Log in with O(credentials), and try the mailbox commands that change nothing (V(read)), or DELE and RSET of
            one message too (V(dele)). M(port995.pop3s.pop3s_plan) sets it.
          - The server may mark the message that is fetched, the smallest one, as read.
        type: str
        choices: [read, dele]
  credentials:
    description:
      - Names and passwords for those O(targets) that have O(targets[].login). Take them from a vault.
      - They are sent inside TLS only, and only when the certificate was verified against O(ca_pem) for the expected
        name. A credential that was refused once is not used again in the call.
      - Never part of a result, of the journal or of a log.
    type: dict
    suboptions:
      user:
        description: Name for all targets that have none of their own.
        type: str
      password:
        description: Its password.
        type: str
      hosts:
        description:
          - Dictionary of host name, server name or address to a dictionary of C(user) and C(password), for these alone.
        type: dict
  ca_pem:
    description:
      - PEM text of the CAs that a server must be verified against before a password is sent. Those of the machine that
        looks when it is absent.
    type: str
  auth_unverified:
    description: Send passwords to servers whose certificate was not verified. Whoever answers there gets them.
    type: bool
    default: false
  families:
    description:
      - Address families to look at.
      - V(auto) takes every address that the name has, V(4) and V(6) only those of one family, V(both) asks for both.
    type: str
    choices: [auto, "4", "6", both]
    default: auto
  source_addresses:
    description:
      - Addresses of this machine to look from, each endpoint from each of its family.
      - A second one is what proves a port closed, since to one source a ban looks the same.
    type: list
    elements: str
    default: []
  resolve_timeout:
    description: Seconds for a name.
    type: float
    default: 5.0
  connect_timeout:
    description: Seconds for a TCP connect.
    type: float
    default: 5.0
  tls_timeout:
    description: Seconds for a TLS handshake.
    type: float
    default: 10.0
  pop3_timeout:
    description: Seconds for a POP3 dialogue.
    type: float
    default: 10.0
  endpoint_timeout:
    description: Seconds for one service of one endpoint.
    type: float
    default: 60.0
  deadline:
    description:
      - Seconds for the whole call. What is left then is in the journal as not tested.
    type: float
  concurrency:
    description: Endpoints in flight at one time.
    type: int
    default: 200
  depth:
    description:
      - V(port) looks at the state of the port only, V(session) makes one TLS and POP3 session, V(gate) sends the
        ClientHellos that O(questions) ask for and then makes it. V(full) and V(deep) do the same with the questions of
        those depths, which go through all that a server takes.
    type: str
    choices: [port, session, gate, full, deep]
    default: session
  questions:
    description:
      - What to ask from O(depth=gate) on, as M(port995.pop3s.pop3s_plan) makes it of a profile.
    type: list
    elements: dict
    default: []
  canary_host:
    description:
      - A server known to speak TLS 1.1 or below, as C(address) and C(port), behind the same path. From O(depth=gate) on
        it is asked first; where the network eats its old hellos, their refusal by others proves nothing.
    type: dict
    suboptions:
      address:
        description: Domain name or IP address.
        type: str
        required: true
      port:
        description: TCP port that speaks TLS from the first byte.
        type: int
        default: 995
  hello_budget:
    description: Hellos for one service of one endpoint at the most; 80, 250 or 400 by O(depth) when it is absent.
    type: int
  per_address:
    description: Connections to one IP address at one time.
    type: int
    default: 2
  address_connections:
    description:
      - Connections to one IP address within O(address_seconds). No limit when it is absent.
      - fail2ban's aggressive Dovecot filter, as Debian sets it, lets 3 in 600 seconds pass.
    type: int
  address_seconds:
    description: The span of time that O(address_connections) is for.
    type: float
    default: 600.0
  rate:
    description: Connections per second of the whole call. No limit when it is absent.
    type: float
  scope:
    description:
      - What may be touched, and when, as M(port995.pop3s.pop3s_plan) makes it of a scope file. Asked before every
        connection. What is beyond it is in the journal as not tested, out of scope.
      - C(networks) and C(never) (addresses and networks), C(sources) (own addresses), C(times) (C(begins) and C(ends),
        UTC, as C(2026-11-27T22:00:00Z)), C(ticket), C(sha256), C(file).
    type: dict
  journal:
    description:
      - File on the machine that looks, to which observations are appended as JSON lines.
      - When it is absent, a new file in its temporary folder, which is left there.
    type: path
  journal_dest:
    description:
      - File on the controller to fetch the journal to. Its SHA-256 is compared, and the file on the machine that looks
        is removed when O(journal) is absent.
    type: path
  vantage_name:
    description: What to call the place that looks.
    type: str
    default: controller
  vantage_side:
    description: On which side of the border it stands.
    type: str
    choices: [inside, outside, undeclared]
    default: undeclared
  run_id:
    description:
      - Identity of the run that the observations belong to, 32 hexadecimal digits. A new one when it is absent.
    type: str
  max_observations:
    description:
      - Return whole observations only when there are no more than this.
    type: int
    default: 20
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Looks in check mode too, since it changes nothing on the services.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: posix
    support: full
seealso:
  - module: port995.pop3s.pop3s_plan
  - module: port995.pop3s.pop3s_report
"""

EXAMPLES = r"""
- name: Look at one service from the controller
  port995.pop3s.pop3s_info:
    targets:
      - hosts: [mx1]
        address: mail.example.org
  delegate_to: localhost
  register: seen

- name: Log in to one of them
  port995.pop3s.pop3s_info:
    targets:
      - hosts: [mx1]
        address: mail.example.org
        login: read
    credentials:
      user: monitor
      password: "{{ vault_pop3s_password }}"
  delegate_to: localhost

- name: Look at two services from a scanner host, from two of its addresses
  port995.pop3s.pop3s_info:
    targets:
      - hosts: [mx1]
        address: 192.0.2.25
        server_name: mail.example.org
      - hosts: [old]
        address: 192.0.2.26
        pop3_port: 0
    source_addresses: [198.51.100.1, 198.51.100.2]
    vantage_name: scanner
    vantage_side: outside
    journal_dest: /var/tmp/scanner.jsonl
  delegate_to: scanner
"""

RETURN = r"""
journal:
  description: File that holds the observations.
  returned: always
  type: str
  sample: /tmp/port995-journal-x1.jsonl
journal_sha256:
  description: SHA-256 of the journal, hexadecimal.
  returned: always
  type: str
  sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
run_id:
  description: Identity of the run.
  returned: always
  type: str
  sample: 5f0c1f0c6bb84d0f9a5a3f6c0e1d2b3a
counts:
  description: What the call did.
  returned: always
  type: dict
  contains:
    observations:
      description: Observations made.
      type: int
    connections:
      description: TCP connections opened.
      type: int
    octets:
      description: Octets sent and received above TCP.
      type: int
    by_state:
      description: Observations by the port's state, or by why there is none.
      type: dict
  sample: {observations: 2, connections: 2, octets: 7306, by_state: {open: 2}}
seconds:
  description: How long it took.
  returned: always
  type: float
deadline_reached:
  description: Whether the deadline ended the call.
  returned: always
  type: bool
cancelled:
  description: Whether a signal ended the call, or that nobody waited for its result any more.
  returned: always
  type: bool
window_ended:
  description: Whether the time of the O(scope) ended the call, or had not begun.
  returned: always
  type: bool
rows:
  description: One small row for each observation, at most 1000.
  returned: always
  type: list
  elements: dict
  sample: [{hosts: [mx1], service: pop3s, address: 192.0.2.25, port: 995, state: open, tls: completed, pop3: completed}]
observations:
  description: Whole observations, when there are no more than O(max_observations).
  returned: when there are few
  type: list
  elements: dict
"""

import os
import re
import tempfile
import uuid

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.codec import (
    CodecError,
    decode,
    observation_to_json,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.credentials import (
    CredentialsError,
    logins_of,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.engine import (
    OptionsError,
    ScanOptions,
    local_vantage,
    run_scan,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.journal import JournalWriter, sha256_of
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.model import Question, Target
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.scope import Scope
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.version import __version__

STANDARD_OUTPUT = 1
MAX_ROWS = 1000
OPTION_NAMES = (
    "families",
    "resolve_timeout",
    "connect_timeout",
    "tls_timeout",
    "pop3_timeout",
    "endpoint_timeout",
    "deadline",
    "concurrency",
    "depth",
    "hello_budget",
    "per_address",
    "address_connections",
    "address_seconds",
    "rate",
)


def argument_spec():
    """The module's options."""
    seconds = {name: {"type": "float", "default": value} for name, value in (
        ("resolve_timeout", 5.0), ("connect_timeout", 5.0), ("tls_timeout", 10.0), ("pop3_timeout", 10.0),
        ("endpoint_timeout", 60.0), ("address_seconds", 600.0),
    )}
    return dict(
        targets=dict(type="list", elements="dict", required=True, options=dict(
            hosts=dict(type="list", elements="str", required=True),
            address=dict(type="str", required=True),
            port=dict(type="int", default=995),
            server_name=dict(type="str"),
            pop3_port=dict(type="int", default=110),
            proxy_protocol=dict(type="str", choices=["v1", "v2"]),
            login=dict(type="str", choices=["read", "dele"]),
        )),
        credentials=dict(type="dict", no_log=True, options=dict(
            user=dict(type="str"),
            password=dict(type="str", no_log=True),
            hosts=dict(type="dict", no_log=True),
        )),
        ca_pem=dict(type="str"),
        auth_unverified=dict(type="bool", default=False),
        families=dict(type="str", choices=["auto", "4", "6", "both"], default="auto"),
        source_addresses=dict(type="list", elements="str", default=[]),
        deadline=dict(type="float"),
        concurrency=dict(type="int", default=200),
        depth=dict(type="str", choices=["port", "session", "gate", "full", "deep"], default="session"),
        questions=dict(type="list", elements="dict", default=[]),
        canary_host=dict(type="dict", options=dict(
            address=dict(type="str", required=True),
            port=dict(type="int", default=995),
        )),
        hello_budget=dict(type="int"),
        per_address=dict(type="int", default=2),
        address_connections=dict(type="int"),
        rate=dict(type="float"),
        scope=dict(type="dict"),
        journal=dict(type="path"),
        journal_dest=dict(type="path"),
        vantage_name=dict(type="str", default="controller"),
        vantage_side=dict(type="str", choices=["inside", "outside", "undeclared"], default="undeclared"),
        run_id=dict(type="str"),
        max_observations=dict(type="int", default=20),
        **seconds
    )


def targets_of(params):
    """The targets as the engine takes them."""
    return [
        Target(
            tuple(given["hosts"]),
            given["address"],
            given["port"],
            given["server_name"] or None,
            given["pop3_port"] or None,
            given["proxy_protocol"],
            given["login"],
        )
        for given in params["targets"]
    ]


def logins_given(params):
    """The credentials as the engine takes them."""
    if not params["credentials"]:
        return None
    given = {key: value for key, value in params["credentials"].items() if value is not None}
    return logins_of(given, params["ca_pem"], params["auth_unverified"])


def spare_names(module):
    """Keep the passwords out of all that is returned, and let user names be: a file called as a user is would lose its
    name, since what is not to be logged is cut out of every text. The invocation shows neither."""
    credentials = module.params["credentials"] or {}
    entries = [credentials] + list((credentials.get("hosts") or {}).values())
    users = {entry["user"] for entry in entries if entry.get("user")}
    passwords = {entry["password"] for entry in entries if entry.get("password")}
    module.no_log_values.difference_update(users - passwords)
    if not credentials:
        return {}
    return {"invocation": {"module_args": dict(module.params, credentials="VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")}}


def canary_of(given):
    """The canary host as the engine takes it."""
    return Target((given["address"],), given["address"], given["port"], None, None) if given else None


class Tally:
    """Counts, small rows, and whole observations while they are few."""

    def __init__(self, limit):
        self.by_state = {}
        self.rows = []
        self.observations = []
        self._limit = limit

    def add(self, seen):
        """Take one observation."""
        state = seen.not_tested or (seen.tcp.state if seen.tcp else seen.resolution.outcome)
        self.by_state[state] = self.by_state.get(state, 0) + 1
        if len(self.rows) < MAX_ROWS:
            self.rows.append(dict(
                hosts=list(seen.target.hosts),
                service=seen.service,
                address=seen.address or seen.target.address,
                port=seen.port,
                source=seen.source,
                state=state,
                tls=seen.tls.outcome if seen.tls else None,
                pop3=(seen.pop3 or seen.clear).outcome if seen.pop3 or seen.clear else None,
            ))
        if len(self.observations) <= self._limit:
            self.observations.append(observation_to_json(seen))


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    run_id = params["run_id"] or uuid.uuid4().hex
    if not re.match(r"[0-9a-f]{32}\Z", run_id):
        module.fail_json(msg="run_id is 32 hexadecimal digits (0 to 9, a to f), not %s" % ascii(run_id)[:80])
    try:
        questions = tuple(decode(Question, question) for question in params["questions"])
    except CodecError as error:
        module.fail_json(msg="questions can't be read (%s): take them from port995.pop3s.pop3s_plan" % error)
    try:
        scope = decode(Scope, params["scope"]) if params["scope"] is not None else None
    except CodecError as error:
        module.fail_json(msg="scope can't be read (%s): take it from port995.pop3s.pop3s_plan" % error)
    try:
        logins = logins_given(params)
    except CredentialsError as error:
        module.fail_json(msg=str(error))
    invocation = spare_names(module)
    options = ScanOptions(
        logins=logins,
        source_addresses=tuple(params["source_addresses"]),
        questions=questions,
        scope=scope,
        canary_host=canary_of(params["canary_host"]),
        **{name: params[name] for name in OPTION_NAMES}
    )
    path = params["journal"]
    temporary = not path
    tally = Tally(params["max_observations"])
    try:
        options.check()
        if not path:
            handle, path = tempfile.mkstemp(prefix="port995-journal-", suffix=".jsonl")
            os.close(handle)
        with JournalWriter(path) as writer:

            def keep(seen):
                writer.append(seen)
                tally.add(seen)

            summary = run_scan(
                targets_of(params),
                options,
                local_vantage(params["vantage_name"], params["vantage_side"], __version__),
                run_id,
                keep,
                handle_signals=True,
                waiting=STANDARD_OUTPUT,
            )
    except OptionsError as error:
        if temporary and path:
            os.unlink(path)
        module.fail_json(msg=str(error), **invocation)
    except OSError as error:
        module.fail_json(
            msg="The journal %s can't be written: %s. Give another journal." % (path, error), **invocation
        )
    result = dict(
        changed=False,
        journal=path,
        journal_sha256=sha256_of(path),
        run_id=run_id,
        counts=dict(
            observations=summary.observations,
            connections=summary.connections,
            octets=summary.octets,
            by_state=tally.by_state,
        ),
        seconds=summary.seconds,
        deadline_reached=summary.deadline_reached,
        cancelled=summary.cancelled,
        window_ended=summary.window_ended,
        rows=tally.rows,
    )
    if summary.observations <= params["max_observations"]:
        result["observations"] = tally.observations
    module.exit_json(**result, **invocation)


if __name__ == "__main__":
    main()
