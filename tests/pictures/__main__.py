"""`make pictures`: the README's pictures, taken anew by a real browser, light and dark."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from consumer.console.roles import Role
from consumer.database import engine
from consumer.login import Database
from consumer.migrate import migrate
from tests import chromium
from tests.consumer.builders import wire
from tests.integration.conftest import own_server
from tests.integration.console.serving import PASSWORD, add_people, made, served

CHECKOUT = Path(__file__).parents[2]
PICTURES = CHECKOUT / "docs" / "pictures"
WIDTH, HEIGHT = 1120, 900
SCHEMES = ("light", "dark")


def main() -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, chromium.launched() as found:
        take(found, backtest(Path(folder)).as_uri(), "backtest")
        with console(Path(folder)) as address:
            take(found, f"{address}/", "overview", of_console=True)
            take(found, f"{address}/anomalies/3", "anomaly", of_console=True)
    return 0


def take(found: Browser, url: str, name: str, *, of_console: bool = False) -> None:
    """The top of the page, as ``name-light.png`` and ``name-dark.png``. The console wants somebody who is logged in."""
    for scheme in SCHEMES:
        context = found.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale="en-GB",
            timezone_id="UTC",
        )
        page = context.new_page()
        page.goto(url)
        if of_console:
            page.get_by_label("Name").fill(Role.ADMIN)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.locator(".chart canvas").wait_for()
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


@contextmanager
def console(folder: Path) -> Iterator[str]:
    """Where it is served, over an hour of payments that is always the same."""
    with own_server() as server:
        url = server.url
        migrate(Database(url))
        owner = engine(Database(url), "pictures")
        site = made(url, owner, folder)
        add_people(site)
        with served(site) as address:
            yield address
        for one in (site.engine, owner):
            one.dispose()


if __name__ == "__main__":
    sys.exit(main())
