"""What the served document allows is accepted, and what it forbids is refused; nothing ends in a 5xx."""

from tests.fuzz import EXAMPLES, document


def test_the_document_and_the_service_agree() -> None:
    ended = document.run(EXAMPLES)
    assert ended.returncode == 0, ended.stdout[-10_000:]
    assert "No issues found" in ended.stdout
