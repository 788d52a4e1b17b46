"""Opens every built page in a headless Chromium, wide and narrow: `make docs-check`, or python docs/check.py [--pictures DIR].

A page is refused if it is wider than the window, if a formula was not typeset or has an error, or if the console has an error.
With --pictures there is a picture of one page of each kind, wide and narrow, light and dark.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HTML = Path(__file__).parent / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = {"wide": 1300, "narrow": 400}
KINDS = (
    "index", "tutorials", "howto", "howto/own-layer", "mathematics", "generated/mathematics/batch_norm",
    "generated/mathematics/errata", "benchmarks", "api", "generated/api/nerva_py", "generated/api/equations.linear",
    "generated/api/network", "generated/api/estimators", "architecture", "glossary", "search",
    "_modules/nerva_py/equations/linear",
)  # fmt: skip
# What is wrong with a page, in its own words: too wide, formulas without typesetting, formulas with errors.
FINDINGS = """
(async () => {
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  const found = [];
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const wide = [...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().right > width + 1);
    found.push(`is ${document.documentElement.scrollWidth} pixels wide, ${width} are there: ` +
      wide.slice(0, 3).map(e => e.tagName + '.' + e.className).join(', '));
  }
  const formulas = document.querySelectorAll('.math').length, typeset = document.querySelectorAll('.math mjx-container').length;
  if (typeset < formulas) found.push(`${typeset} of ${formulas} formulas are typeset`);
  for (const error of document.querySelectorAll('mjx-merror')) found.push('formula: ' + error.getAttribute('data-mjx-error'));
  for (const image of document.images) if (!image.naturalWidth && image.src) found.push('no picture: ' + image.src);
  return found;
})()
"""


class Browser:
    """Chromium, spoken to over two pipes in its DevTools protocol."""

    def __init__(self, program: str, profile: str):
        to_browser, ours = os.pipe()
        theirs, from_browser = os.pipe()
        command = f"exec {program} --headless=new --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe "
        command += f"--user-data-dir={profile} about:blank 3<&{to_browser} 4>&{from_browser}"
        self.process = subprocess.Popen(
            ["bash", "-c", command], pass_fds=(to_browser, from_browser), stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self.output, self.input = os.fdopen(ours, "wb"), os.fdopen(theirs, "rb")
        self.count, self.pending, self.errors = 0, b"", []
        target = self.call("Target.createTarget", url="about:blank", session=None)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True, session=None)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, session: str | None = "", **parameters: Any) -> dict[str, Any]:
        """Send a command, and read until its answer; errors of the page are noted on the way."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = self.session
        self.output.write(json.dumps(message).encode() + b"\0")
        self.output.flush()
        for answer in self._messages():
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self._note(answer)
        raise RuntimeError("the browser ended")

    def open(self, page: Path) -> list[str]:
        """Load a page and wait for its formulas; what is wrong with it."""
        self.errors = []
        self.call("Page.navigate", url=page.as_uri())
        for message in self._messages():
            self._note(message)
            if message.get("method") == "Page.loadEventFired":
                break
        answer = self.call("Runtime.evaluate", expression=FINDINGS, awaitPromise=True, returnByValue=True)
        return [*answer["result"].get("value", [str(answer)]), *self.errors]

    def window(self, width: int, height: int, scheme: str) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, file: Path) -> None:
        """The page from its top, 2,400 pixels at most."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 2400), "scale": 1}
        data = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        self.output.close()
        self.input.close()
        self.process.terminate()
        self.process.wait()

    def _messages(self) -> Iterator[dict[str, Any]]:
        while True:
            while b"\0" not in self.pending:
                read = os.read(self.input.fileno(), 65536)
                if not read:
                    return
                self.pending += read
            message, _, self.pending = self.pending.partition(b"\0")
            yield json.loads(message)

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(f"console: {message['params']['exceptionDetails']['text']}")
        elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.errors.append(
                f"console: {message['params']['entry']['text']} {message['params']['entry'].get('url', '')}"
            )


def check(browser: Browser, pictures: Path | None) -> Iterator[str]:
    """Every page at both widths; pictures of the kinds."""
    for page in sorted(HTML.rglob("*.html")):
        name = str(page.relative_to(HTML).with_suffix(""))
        if "_static" in page.parts:
            continue
        for label, width in WIDTHS.items():
            browser.window(width, 900, "light")
            yield from (f"{name}, {label}: {finding}" for finding in browser.open(page))
            if pictures and name in KINDS:
                for scheme in ("light", "dark"):
                    browser.window(width, 900, scheme)
                    browser.picture(pictures / f"{name.replace('/', '-')}-{label}-{scheme}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, metavar="DIR")
    options = parser.parse_args()
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
    if not (HTML / "index.html").exists():
        raise SystemExit("nothing is built yet: make docs")
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(program, profile)
        try:
            findings = list(check(browser, options.pictures))
        finally:
            browser.close()
    print("\n".join(findings) or "Every page fits its window, every formula is typeset, the console is silent.")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
