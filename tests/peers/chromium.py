# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Chromium that opens pages, and axe-core that looks for what keeps people out of them.

Both are driven by puppeteer-core under Node.js; the two packages of npm are fetched once, into the cache of the lab.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("puppeteer-core@24", "axe-core@4")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "port995" / "npm"
INSTALL_SECONDS = 120
OPEN_SECONDS = 120

SCRIPT = """\
const puppeteer = require('puppeteer-core');
const [page_, picture, width, height, scheme] = process.argv.slice(2);
(async () => {
  const browser = await puppeteer.launch({executablePath: process.env.CHROMIUM, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']});
  const page = await browser.newPage();
  const problems = [], requests = [];
  page.on('console', message => problems.push(message.text()));
  page.on('pageerror', error => problems.push(String(error)));
  page.on('request', request => requests.push(request.url()));
  await page.setViewport({width: +width, height: +height});
  await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
  await page.goto('file://' + page_, {waitUntil: 'load', timeout: 100000});
  await page.screenshot({path: picture});
  const timing = JSON.parse(await page.evaluate(() => JSON.stringify(performance.getEntriesByType('navigation')[0])));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  await page.setBypassCSP(true);
  await page.goto('file://' + page_, {waitUntil: 'load', timeout: 100000});
  await page.addScriptTag({path: require.resolve('axe-core/axe.min.js')});
  const axe = await page.evaluate(async () => await axe.run(document, {resultTypes: ['violations']}));
  console.log(JSON.stringify({problems, requests, overflow, opened: timing.loadEventEnd,
    violations: axe.violations.map(one => ({id: one.id, impact: one.impact, help: one.help,
      nodes: one.nodes.slice(0, 3).map(node => node.html)}))}));
  await browser.close();
})().catch(error => { console.error(error); process.exit(1); });
"""


def missing() -> str | None:
    """Why no page can be opened on this machine; ``None``: it can (the packages may be fetched by that)."""
    for command, package in (("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")):
        if shutil.which(command) is None:
            return f"opening pages needs {command} (Debian: {package})"
    try:
        _installed()
    except (OSError, subprocess.SubprocessError) as error:
        return f"puppeteer-core and axe-core could not be fetched ({type(error).__name__})"
    return None


def _installed() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (CACHE / "node_modules" / "puppeteer-core").is_dir() or not (CACHE / "node_modules" / "axe-core").is_dir():
            subprocess.run(
                ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", CACHE, *PACKAGES],
                check=True, capture_output=True, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL,
            )  # fmt: skip
    return CACHE


def opened(page: Path, picture: Path, *, width: int = 1280, height: int = 900, scheme: str = "light") -> dict[str, Any]:
    """Open a page and look at it.

    :param picture: where its screenshot is written
    :param scheme: ``light`` or ``dark``
    :returns: ``problems`` (the console), ``requests`` (addresses that were asked for), ``overflow`` (the page is wider than
        the window), ``opened`` (milliseconds until it was loaded), ``violations`` (of axe-core)
    """
    script = _installed() / "open.js"
    script.write_text(SCRIPT)
    done = subprocess.run(
        ["node", script, page, picture, str(width), str(height), scheme], check=False, capture_output=True, text=True,
        timeout=OPEN_SECONDS, env={**os.environ, "CHROMIUM": str(shutil.which("chromium")), "NODE_PATH": f"{CACHE}/node_modules"},
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found
