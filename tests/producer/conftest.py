"""Property tests have no deadline: a busy machine is no fault of theirs."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.producer import fake_aws
from tests.producer.fake_aws import FakeAws
from tests.producer.fake_secrets_manager import FakeSecretsManager
from tests.producer.fakes import key_document
from tests.producer.service import KEY

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    """An AWS that knows one key, for processes."""
    with fake_aws.serving() as aws:
        aws.secrets = FakeSecretsManager.holding(key_document(KEY), "payments/keys")
        yield aws
