# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nmap told, in the form of python-nmap's ``PortScanner``, for programs and playbooks that know that one.

Its reader is used, and its runner is not (`port995.nmap.run` is): it takes options and targets as texts that it splits
like a shell, reads all of Nmap's output into memory before it returns, keeps nothing of a run that is stopped at its
time limit, and tells neither progress nor names that did not resolve. What it reads here was read by our own reader
before, which refuses entities and bounds depth and length; and its size is bounded, since it is held in memory.
"""

from __future__ import annotations

import os
from typing import Any, Dict

from .read_xml import NmapXmlError, read_file

try:
    import nmap as _library
except ImportError:  # It is no part of the standard library: who wants this form installs it.
    _library = None

MAX_OCTETS = 64 * 1024 * 1024
GET_IT = "install it where the task runs (pip install python-nmap, or apt install python3-nmap), or leave this form out"


class PythonNmapError(Exception):
    """The form can't be given: why, and what would do."""


def as_python_nmap(path: str, nmap: str) -> Dict[str, Any]:
    """Read Nmap's XML as python-nmap does.

    :param path: the XML
    :param nmap: path of Nmap, which that library looks for before it reads anything
    :returns: what ``PortScanner.analyse_nmap_xml_scan`` returns: ``nmap`` and ``scan``
    :raises PythonNmapError: the library is missing or fails, or the file is too large or no whole XML
    """
    if _library is None or not hasattr(_library, "PortScanner"):
        raise PythonNmapError("python-nmap is not there: " + GET_IT)
    if not os.path.isfile(path):
        raise PythonNmapError("Nmap wrote nothing that could be given in the form of python-nmap")
    if os.path.getsize(path) > MAX_OCTETS:
        raise PythonNmapError("more than %d octets of XML: scan fewer hosts, or leave this form out" % MAX_OCTETS)
    try:
        read_file(path, lambda _run, _host: None)
        with open(path, encoding="utf-8", errors="replace") as file:
            scanner = _library.PortScanner(nmap_search_path=(nmap,))
            found: Dict[str, Any] = scanner.analyse_nmap_xml_scan(nmap_xml_output=file.read())
    except (NmapXmlError, _library.PortScannerError) as error:
        raise PythonNmapError("python-nmap can't read what Nmap wrote: %s" % ascii(str(error))[1:-1][:200]) from error
    return {"nmap": found.get("nmap", {}), "scan": {host: dict(told) for host, told in found.get("scan", {}).items()}}
