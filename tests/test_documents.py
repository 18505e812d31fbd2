"""What SECURITY.md and docs/promises.md name is there: every file, and every test in it."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = [CHECKOUT / "SECURITY.md", CHECKOUT / "docs" / "promises.md"]
LINK = re.compile(r"\]\(([^)#]+)\)((?:`::\w+`(?:, )?)*)")
NAME = re.compile(r"`::(\w+)`")


def linked(document: Path) -> list[tuple[Path, list[str]]]:
    """Each file that the document links to, with the tests that are named after it."""
    found = LINK.findall(document.read_text("utf-8"))
    return [(document.parent / link, NAME.findall(names)) for link, names in found if "://" not in link]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_file_that_is_linked_is_there(document: Path) -> None:
    assert [file for file, _ in linked(document) if not file.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_test_that_is_named_is_there(document: Path) -> None:
    named = [(file, test) for file, tests in linked(document) for test in tests]
    assert len(named) > 20
    missing = [
        f"{file.name}::{test}"
        for file, test in named
        if not re.search(rf"^(async )?def {test}\(", file.read_text("utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_the_readme_sums_up_the_drills_as_their_report_does() -> None:
    report = (CHECKOUT / "docs" / "drills.md").read_text("utf-8")
    found = re.search(r"\*\*(\d+ kinds of fault.*?)\*\*", report, re.DOTALL)
    assert found
    assert " ".join(found[1].split()) in " ".join((CHECKOUT / "README.md").read_text("utf-8").split())


def test_the_readme_sums_up_the_mutants_as_their_report_does() -> None:
    report = (CHECKOUT / "docs" / "mutants.md").read_text("utf-8")
    found = re.search(r"^\| all \| (\d+) \| (\d+) \| ([\d.]+)% \|$", report, re.MULTILINE)
    assert found
    mutants, noticed, share = found.groups()
    words = f"{mutants} changes of the six modules that carry the promises, {noticed} of them noticed by a test"
    words += f" ({share} %)"
    assert words in " ".join((CHECKOUT / "README.md").read_text("utf-8").split())


def test_every_row_of_the_threats_names_a_test() -> None:
    rows = [
        line for line in DOCUMENTS[0].read_text("utf-8").splitlines() if line.startswith("| ") and "---" not in line
    ]
    assert len(rows) > 15
    assert [row for row in rows[1:] if "`::test_" not in row] == []
