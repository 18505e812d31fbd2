"""`make pictures`: the README's pictures, taken anew by a real browser, light and dark."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.consumer.builders import wire

CHECKOUT = Path(__file__).parents[2]
PICTURES = CHECKOUT / "docs" / "pictures"
WIDTH, HEIGHT = 1120, 900
SCHEMES = ("light", "dark")


def main() -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, browser() as found:
        take(found, backtest(Path(folder)).as_uri(), "backtest")
    return 0


@contextmanager
def browser() -> Iterator[Browser]:
    """CHROMIUM, or the one on the path."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        raise SystemExit("pictures need a browser: apt-get install chromium, or CHROMIUM=/path/to/it")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield launched
        launched.close()


def take(found: Browser, url: str, name: str) -> None:
    """The top of the page, as ``name-light.png`` and ``name-dark.png``."""
    for scheme in SCHEMES:
        context = found.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="en-GB",
            timezone_id="UTC",
        )
        page = context.new_page()
        page.goto(url)
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
        context.close()


def backtest(folder: Path) -> Path:
    """The page of the README's backtest."""
    archive, page = folder / "archive", folder / "report.html"
    archive.mkdir()
    with (CHECKOUT / "samples" / "transactions.jsonl").open() as file:
        lines = [json.loads(line, parse_float=str, parse_int=str) for line in file]
    (archive / "part").write_bytes(b"".join(wire(one.pop("trxId"), one.pop("amount"), **one) for one in lines))
    words = ["samples/rules.yaml", "--against", "consumer/rules.yaml", "--archive", str(archive), "--html", str(page)]
    command = [sys.executable, "-m", "consumer", "rules", "backtest", *words]
    subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL)
    return page


if __name__ == "__main__":
    sys.exit(main())
