# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for people: the answer first, nothing that runs, nothing left out silently."""

from __future__ import annotations

import dataclasses
import html.parser
import re

import pytest

from port995.policy.model import HostPlan, Intent, Status
from port995.report.activity import activity_of
from port995.report.html.write import HOSTS_PER_PAGE, INLINE_HOSTS, write
from port995.report.tally import tally
from port995.report.told import Told
from tests.unit.policy.seen import FILTERED, judged, session, target, unanswered

from .judgements import every_status, five_hosts, good_host, told

HOSTILE = "\x1b[2J\u202e</style></script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}" + "A" * 70000
VOID = {"meta", "link", "br", "img", "input", "hr"}
MAY_STAY_OPEN = {"td", "tr", "th", "li", "p", "dt", "dd"}


class Page(html.parser.HTMLParser):
    """What stands in a page: elements, their attributes, the text, and whether everything that was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID | MAY_STAY_OPEN:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in MAY_STAY_OPEN:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def pages(run: Told) -> dict[str, str]:
    return {name: data.decode() for name, data in write(run).items()}


def a_run(judgement, **more) -> Told:
    found, verdict, header = told(judgement)
    return Told(found, verdict, header, **more)


def spoilt() -> Told:
    base = every_status()
    results = tuple(
        dataclasses.replace(one, message=HOSTILE, expected=HOSTILE, observed=HOSTILE, evidence=(HOSTILE,))
        for one in base.results
    )
    run = a_run(dataclasses.replace(base, results=results))
    return dataclasses.replace(run, header=dataclasses.replace(run.header, command=(HOSTILE,), notes=(HOSTILE,)))


@pytest.mark.parametrize("judgement", [every_status(), five_hosts(), good_host()])
def test_the_answer_comes_first(judgement) -> None:
    run = a_run(judgement)
    page = Page(pages(run)["report.html"])
    assert page.open == []
    text = page.text
    first = text.index(f"(exit {run.gate.exit.value})")
    assert first < text.index(str(run.judgement.coverage)) < text.index("The fleet The fleet".split()[0])
    for word, count in tally(run.judgement.results).items():
        assert f"{word} {count}" in text


@pytest.mark.parametrize("judgement", [every_status(), five_hosts(), good_host()])
def test_every_result_of_every_host_is_in_it(judgement) -> None:
    run = a_run(judgement)
    page = Page(pages(run)["report.html"])
    ids = {attributes.get("id") for _tag, attributes in page.elements}
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}
    for host in run.judgement.dispositions:
        assert host in page.text
    assert {link[1:] for link in links if link and link.startswith("#")} <= ids
    for one in run.judgement.results:
        assert one.check_id.removeprefix("POP3S-") in page.text
        if one.status not in (Status.PASS, Status.NOT_APPLICABLE):
            assert " ".join(one.message.split()) in page.text


def test_nothing_in_it_runs_and_nothing_is_fetched() -> None:
    for text in pages(spoilt()).values():
        page = Page(text)
        tags = {tag for tag, _attributes in page.elements}
        assert not tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base", "svg"}
        for _tag, attributes in page.elements:
            assert not [name for name in attributes if name.startswith("on") or name in ("style", "src")]
            assert not (attributes.get("href") or "").lower().startswith(("javascript", "data", "http", "//"))
        (policy,) = [
            attributes["content"] for tag, attributes in page.elements
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        ]  # fmt: skip
        assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "\x1b" not in text and "\u202e" not in text
        assert "{{ 7*7 }}" in page.text


def seen_run(count: int) -> Told:
    targets = [target((f"mx{n:04}",), f"198.51.{n // 250}.{n % 250 + 1}") for n in range(count)]
    seen = [session(one) if n % 3 else unanswered(FILTERED, one) for n, one in enumerate(targets)]
    plan = [HostPlan(f"mx{n:04}", Intent.SERVE) for n in range(count)]
    base = a_run(good_host())
    judgement = judged(seen, plan=plan, targets=targets)
    header = dataclasses.replace(base.header, plan=tuple(plan), run_id=judgement.run_id)
    return Told(judgement, base.gate, header, activity_of(judgement.run_id, seen), base.rules, tuple(seen))


def test_a_large_fleet_has_its_evidence_in_pages_of_their_own() -> None:
    count = INLINE_HOSTS + HOSTS_PER_PAGE
    found = pages(seen_run(count))
    assert len(found) == 1 + -(-count // HOSTS_PER_PAGE)
    ids: dict[str, set[str]] = {
        name: {attributes["id"] or "" for _tag, attributes in Page(text).elements if "id" in attributes}
        for name, text in found.items()
    }
    links = [attributes["href"] or "" for tag, attributes in Page(found["report.html"]).elements if tag == "a"]
    hosts = [link for link in links if link.startswith("report-hosts-") and "#" in link]
    assert len(hosts) == count
    for link in hosts:
        name, _, anchor = link.partition("#")
        assert anchor in ids[name]
    assert "filtered (no-response)" in "".join(found.values())


def test_the_tables_say_what_they_are_to_a_screen_reader() -> None:
    page = Page(pages(seen_run(5))["report.html"])
    headers = [attributes for tag, attributes in page.elements if tag == "th"]
    assert headers and all(attributes.get("scope") in ("row", "col") for attributes in headers)
    regions = [attributes for tag, attributes in page.elements if attributes.get("role") == "region"]
    assert all(attributes.get("aria-label") for attributes in regions)
    (language,) = [attributes.get("lang") for tag, attributes in page.elements if tag == "html"]
    assert language == "en"


def test_certificates_and_versions_are_counted() -> None:
    page = Page(pages(seen_run(5))["report.html"]).text
    assert "1 certificates that were shown" in page
    assert "of 3 services that were seen" in page
    assert re.search(r"TLSv1\.3 3", page)


def test_the_same_run_gives_the_same_bytes() -> None:
    assert write(a_run(five_hosts())) == write(a_run(five_hosts()))
