"""Inputs that nobody thought of: a short run with the other tests, a long one with `make fuzz`.

FUZZ_EXAMPLES is how many examples a property and an operation of the document get, FUZZ_RUNS how many byte inputs each
of the byte parsers gets, HISTORIES how many random histories are put through rules with windows.
"""

import os

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
RUNS = int(os.environ.get("FUZZ_RUNS", "60000"))
HISTORIES = int(os.environ.get("HISTORIES", "60"))
