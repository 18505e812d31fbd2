"""schemathesis against the document that a real process serves."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.producer import fake_aws
from tests.producer.fake_secrets_manager import FakeSecretsManager
from tests.producer.fakes import key_document
from tests.producer.process import producing
from tests.producer.service import KEY, KEY_TEXT

COMMAND = Path(sys.executable).with_name("schemathesis")
SETTINGS = Path(__file__).with_name("schemathesis.toml")
# Few records a request, so that there is time for many requests.
SERVICE = {"MAX_RECORDS_PER_REQUEST": "20", "KEY_QUOTA_PER_SECOND": "1000000000", "API_KEYS_REFRESH_SECONDS": "30"}


def run(examples: int) -> subprocess.CompletedProcess[str]:
    """So many examples an operation, good and bad ones."""
    with fake_aws.serving() as aws:
        aws.secrets = FakeSecretsManager.holding(key_document(KEY), "payments/keys")
        with producing(aws.url, **SERVICE) as producer:
            producer.wait_for("keys loaded")
            return _schemathesis(f"http://127.0.0.1:{producer.port}/openapi.json", examples)


def _schemathesis(url: str, examples: int) -> subprocess.CompletedProcess[str]:
    options = {"--header": f"x-api-key: {KEY_TEXT}", "--phases": "examples,coverage,fuzzing", "--mode": "all"}
    arguments = [word for option in options.items() for word in option]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [COMMAND, "--config-file", SETTINGS, "run", url, *arguments, "--max-examples", str(examples)],
            cwd=folder,
            env=os.environ | {"SCHEMATHESIS_TELEMETRY": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
