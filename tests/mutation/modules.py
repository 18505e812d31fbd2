"""Which modules are broken on purpose, and the tests that are to notice."""

from typing import NamedTuple


class Target(NamedTuple):
    """A module by its path, and what pytest is given, quickest first."""

    path: str
    tests: tuple[str, ...]
    longest: int = 60
    """The seconds after which one of its tests is held to hang."""


OF_KEYS = (
    "tests/producer/test_keys.py",
    "tests/producer/test_keystore.py",
    "tests/producer/test_issuer.py",
    "tests/producer/test_keys_command.py",
    "tests/producer/test_api_refusals.py",
)
TARGETS = (
    Target(
        "consumer/pipeline.py",
        (
            "tests/consumer/test_pipeline.py",
            "tests/consumer/test_breaker.py",
            "tests/contract",
            "tests/integration/test_store.py",
            "tests/integration/test_store_refusals.py",
            "tests/integration/test_store_outages.py",
            "tests/integration/test_breaker.py",
        ),
    ),
    Target("consumer/processor.py", ("tests/consumer/test_processor.py", "tests/consumer/test_main.py")),
    Target(
        "consumer/store.py",
        (
            "tests/integration/test_store.py",
            "tests/integration/test_store_refusals.py",
            "tests/integration/test_store_conflicts.py",
            "tests/integration/test_breaker.py",
            "tests/integration/test_progress.py",
            "tests/integration/test_dead_letters.py",
            "tests/integration/test_replay.py",
            "tests/integration/test_store_outages.py",
            "tests/integration/test_windows.py",
        ),
    ),
    Target(
        "producer/publish.py",
        (
            "tests/producer/test_publish.py",
            "tests/producer/test_api.py",
        ),
        longest=15,
    ),
    Target("producer/auth.py", OF_KEYS),
    Target("api_keys/document.py", OF_KEYS),
)
