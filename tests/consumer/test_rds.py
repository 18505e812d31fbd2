"""The tokens that stand for a password are the ones that the AWS SDK would make."""

from itertools import count
from urllib.parse import parse_qs

import boto3
import pytest
from psycopg2 import OperationalError
from sqlalchemy import make_url

from consumer.rds import Tokens

REGION = "eu-west-1"
HOST = "payments.abc.eu-west-1.rds.amazonaws.com"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


def signed_at(token: str) -> str:
    return parse_qs(token.partition("?")[2])["X-Amz-Date"][0]


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize("session", [None, "FwoGZXIvYXdzEB+/=="])
@pytest.mark.parametrize(("user", "named"), [("consumer", "consumer"), ("a%20b%2Bc", "a b+c")])
@pytest.mark.parametrize(("address", "port"), [(f"{HOST}:6432", 6432), (HOST, 5432)])
def test_a_token_is_the_sdk_s_own(
    address: str, port: int, user: str, named: str, session: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if session:
        monkeypatch.setenv("AWS_SESSION_TOKEN", session)
    tokens = Tokens(make_url(f"postgresql://{user}@{address}/payments?sslmode=verify-full"), REGION)
    sdk = boto3.session.Session().client("rds", region_name=REGION)
    for _ in count():  # until both are of the same second
        ours, theirs = tokens.make(), sdk.generate_db_auth_token(HOST, port, named)
        if signed_at(ours) == signed_at(theirs):
            break
    assert ours == theirs


def test_without_credentials_it_fails_as_a_database_out_of_reach_does(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(make_url(f"postgresql://consumer@{HOST}/payments"), REGION)
    with pytest.raises(OperationalError, match="no IAM token for RDS: NoCredentialsError: Unable to locate"):
        tokens.make()
    monkeypatch.setenv("AWS_PROFILE", "none")
    with pytest.raises(OperationalError, match="no IAM token for RDS: ProfileNotFound"):
        Tokens(make_url(f"postgresql://consumer@{HOST}/payments"), REGION).make()
