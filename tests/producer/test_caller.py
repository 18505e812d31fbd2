"""Who makes a change: AWS's word for it, or else this machine's."""

import getpass
import socket
from collections.abc import Mapping

import pytest
from botocore.exceptions import ConnectTimeoutError

from producer.keys.caller import caller


class Answering:
    def get_caller_identity(self) -> Mapping[str, str]:
        return {"Arn": "arn:aws:iam::111122223333:user/ann"}


class Silent:
    def get_caller_identity(self) -> Mapping[str, str]:
        raise ConnectTimeoutError(endpoint_url="https://sts")


def test_it_is_the_arn_of_the_credentials() -> None:
    assert caller(Answering()) == "arn:aws:iam::111122223333:user/ann"


def test_where_sts_cannot_be_reached_it_is_the_user_and_the_change_is_made_all_the_same() -> None:
    assert caller(Silent()) == f"{getpass.getuser()}@{socket.gethostname()}"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert caller(Silent()).startswith("uid ")
