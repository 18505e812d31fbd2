"""Other engines than DuckDB, for their tests. `make engines-setup` installs them where there is a Java."""

import importlib.util
import os
import shutil
from pathlib import Path

JARS = Path(__file__).parents[2] / ".engines" / "trino"


def spark_is_missing() -> str | None:
    """Why; None where it is there. Raises AssertionError where ENGINE_TESTS=required and it is not."""
    return _missing(importlib.util.find_spec("pyspark"))


def trino_is_missing() -> str | None:
    """As `spark_is_missing`."""
    return _missing(any(JARS.glob("*.jar")))


def _missing(found: object) -> str | None:
    if shutil.which("java") and found:
        return None
    assert os.environ.get("ENGINE_TESTS") != "required", "the engines are not there: make engines-setup"
    return "java is not installed" if not shutil.which("java") else "it is not installed: make engines-setup"
