# SPDX-License-Identifier: GPL-3.0-or-later
"""Flavours of JUnit: nobody owns the format, and its readers disagree on what a file may hold.

| flavour | for |
| --- | --- |
| jenkins | Jenkins (junit-10.xsd of its xunit plugin), Azure, GitHub's actions: properties, output of cases |
| strict | readers that hold a file against a schema: what junit-10.xsd and windyroad's JUnit.xsd both take |
| gitlab | GitLab: each case with the file that it is shown at; no properties, which GitLab does not read |

They differ in what stands around the cases. The cases, their names and their outcomes are the same in all.
"""

from __future__ import annotations

import enum
import xml.etree.ElementTree as ET

from .escape import MESSAGE_LIMIT, for_junit

NOWHERE = "localhost"
"""windyroad's schema wants a host name of every suite, and says to write this where there is none."""

OUTCOMES = ("failure", "error", "skipped")
OUTPUT = ("system-out", "system-err")


class Flavour(str, enum.Enum):
    """Who is to read the file."""

    JENKINS = "jenkins"
    STRICT = "strict"
    GITLAB = "gitlab"


def shape(suite: ET.Element, flavour: Flavour, place: str) -> None:
    """Make a suite that was written for Jenkins one of another flavour.

    :param suite: changed in place
    :param place: where the inventory names the host, ``path:line`` or a path; empty: nowhere
    """
    # The package writes it, and no schema knows it.
    suite.attrib.pop("disabled", None)
    if flavour is Flavour.STRICT:
        _strict(suite)
    elif flavour is Flavour.GITLAB:
        _gitlab(suite, place)


def head(flavour: Flavour, tests: int, failures: int, errors: int) -> str:
    """The start tag of the document; windyroad's schema takes no attributes of it."""
    if flavour is Flavour.STRICT:
        return "<testsuites>"
    return f'<testsuites name="port995" tests="{tests}" failures="{failures}" errors="{errors}">'


def _gitlab(suite: ET.Element, place: str) -> None:
    path, colon, line = place.rpartition(":")
    file = path if colon and line.isdigit() else place
    for properties in suite.findall("properties"):
        suite.remove(properties)
    if file:
        for case in suite.iter("testcase"):
            case.set("file", for_junit(file, MESSAGE_LIMIT))


def _strict(suite: ET.Element) -> None:
    suite.set("hostname", suite.get("hostname") or NOWHERE)
    # Counted from 0 by windyroad's schema.
    suite.set("id", str(int(suite.get("id", "1")) - 1))
    suite.set("time", suite.get("time") or "0")
    said = [suite.findtext("system-out", "")]
    cases = suite.findall("testcase")
    for case in cases:
        case.set("time", case.get("time") or "0")
        for output in [one for one in case if one.tag in OUTPUT]:
            case.remove(output)
            # What a case may not hold is said by its suite.
            if output.text and output.text not in said:
                said.append(f"{case.get('name')}:\n{output.text}")
        for more in [one for one in case if one.tag in OUTCOMES][1:]:
            case.remove(more)
        for skipped in case.findall("skipped"):
            skipped.attrib.pop("type", None)
    properties = suite.find("properties")
    for child in list(suite):
        suite.remove(child)
    suite.append(properties if properties is not None else ET.Element("properties"))
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = "\n".join(filter(None, said))
    ET.SubElement(suite, "system-err").text = ""
