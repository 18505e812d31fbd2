"""The key document in Secrets Manager, through boto3."""

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from producer.auth import ApiKey, parse_keys
from producer.errors import SecretUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ATTEMPTS = 20
CURRENT = "AWSCURRENT"
# A new version carries this label until it is made the current one, if the current one is still the one it was made of.
CANDIDATE = "CANDIDATE"
NOT_FOUND = "ResourceNotFoundException"
EXISTS = "ResourceExistsException"
STAGE_MOVED = "InvalidParameterException"
REMEDY = "python -m producer keys create NAME makes it, with a first key"
# The last ones are what botocore raises over an answer that is no answer of Secrets Manager.
VENDOR_ERRORS = (BotoCoreError, ClientError, ResponseParserError, AttributeError, LookupError, TypeError, ValueError)


class _Version(NamedTuple):
    id: str
    document: str


def client_config(region: str) -> Config:
    return Config(region_name=region, connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})


class KeyStore:
    """Reads the key document, and adds to it without losing what others add at the same time."""

    def __init__(self, client: "SecretsManagerClient", secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    async def read(self) -> str:
        """The document's text. Raises SecretUnavailableError."""
        return await asyncio.to_thread(self._read_current)

    def add(self, key: ApiKey) -> None:
        """Makes the secret if there is none. Raises SecretUnavailableError or MalformedKeysError; nothing is lost."""
        try:
            if not any(self._was_added(key) for _ in range(ATTEMPTS)):
                raise SecretUnavailableError("the secret was changed by others at each attempt")
        except VENDOR_ERRORS as error:
            raise SecretUnavailableError(self._reason(error)) from error

    def _read_current(self) -> str:
        try:
            return _text(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
        except VENDOR_ERRORS as error:
            raise SecretUnavailableError(self._reason(error)) from error

    def _was_added(self, key: ApiKey) -> bool:
        """False if somebody else was quicker."""
        current = self._current()
        document = _with(key, current.document if current else '{"keys": []}')
        if current is None and self._was_created(document):
            return True
        return self._was_replaced(current, document)

    def _current(self) -> _Version | None:
        try:
            found = self._client.get_secret_value(SecretId=self._secret_id)
        except ClientError as error:
            if _code(error) == NOT_FOUND:
                return None
            raise
        return _Version(found["VersionId"], _text(found.get("SecretString", "")))

    def _was_created(self, document: str) -> bool:
        try:
            self._client.create_secret(Name=self._secret_id, SecretString=document)
        except ClientError as error:
            if _code(error) == EXISTS:
                return False
            raise
        return True

    def _was_replaced(self, current: _Version | None, document: str) -> bool:
        """Secrets Manager moves a label only off the version that the call names: that is the compare-and-swap."""
        made = self._client.put_secret_value(SecretId=self._secret_id, SecretString=document, VersionStages=[CANDIDATE])
        if CURRENT in made["VersionStages"]:  # the first version becomes the current one by itself
            return True
        origin = {"RemoveFromVersionId": current.id} if current else {}
        try:
            self._client.update_secret_version_stage(
                SecretId=self._secret_id, VersionStage=CURRENT, MoveToVersionId=made["VersionId"], **origin
            )
        except ClientError as error:
            if _code(error) == STAGE_MOVED:
                return False
            raise
        return True

    def _reason(self, error: Exception) -> str:
        if not isinstance(error, ClientError):
            return f"Secrets Manager: {type(error).__name__}"
        if _code(error) == NOT_FOUND:
            return f"the secret {self._secret_id} does not exist or is empty; {REMEDY}"
        return f"Secrets Manager: {_code(error)}"


def _text(content: object) -> str:
    if not isinstance(content, str):
        raise TypeError("the secret's content must be text")
    return content


def _with(key: ApiKey, document: str) -> str:
    """The document with the key added, and whatever else it holds left as it is. Raises MalformedKeysError."""
    parse_keys(document)
    content = msgspec.json.decode(document)
    content["keys"].append(msgspec.to_builtins(key))
    return msgspec.json.encode(content).decode()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))
