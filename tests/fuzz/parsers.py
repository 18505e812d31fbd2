"""Runs the byte fuzzer, atheris, on one of the parsers: `python -m tests.fuzz.parsers http-body 100000`.

Coverage of our own code guides it. Ends with exit code 0 after so many inputs, and with another, and the input in a
file of the working directory, at the first that breaks a promise, hangs or takes too much memory.
"""

import sys
import tempfile
from pathlib import Path

TARGETS = ("http-body", "gzip-body", "stream-record")
# Three records; more would be slower and not other.
LONGEST_BYTES = 1024
HANG_SECONDS = 20
MEMORY_MIB = 1024
NEEDED = "atheris is not installed: it comes with make setup's test tools on Linux, x86-64, with Python below 3.14"


def main(target: str, runs: int) -> None:
    try:
        import atheris
    except ModuleNotFoundError:
        sys.exit(NEEDED)
    with atheris.instrument_imports(include=["api_keys", "producer", "consumer"]):
        from tests.fuzz import seeds, targets

    promise = targets.PROMISES[target]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        words = seeds.write(target, corpus)
        options = (
            f"-runs={runs}",
            f"-max_len={LONGEST_BYTES}",
            f"-timeout={HANG_SECONDS}",
            f"-rss_limit_mb={MEMORY_MIB}",
        )
        atheris.Setup([sys.argv[0], *options, f"-dict={words}", "-print_final_stats=1", str(corpus)], promise)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
