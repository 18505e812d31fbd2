"""The key document in Secrets Manager, through boto3."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from api_keys.document import NONE_YET, ApiKey, parse_keys
from api_keys.errors import SecretEmptyError, SecretUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

ATTEMPTS = 20
EMPTY = '{"keys": []}'
CURRENT = "AWSCURRENT"
# A new version carries this label until it is made the current one, if the current one is still the one it was made of.
CANDIDATE = "CANDIDATE"
NOT_FOUND = "ResourceNotFoundException"
EXISTS = "ResourceExistsException"
STAGE_MOVED = "InvalidParameterException"
NOT_NOW = "InvalidRequestException"
# The last ones are what botocore raises over an answer that is no answer of Secrets Manager.
VENDOR_ERRORS = (BotoCoreError, ClientError, ResponseParserError, AttributeError, LookupError, TypeError, ValueError)

# Is given the keys by their id; returns the new and the changed ones.
Edit = Callable[[Mapping[str, ApiKey]], Sequence[ApiKey]]


class _Version(NamedTuple):
    id: str
    document: str


def client_config(region: str) -> Config:
    return Config(region_name=region, connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})


class KeyStore:
    """Reads the key document, and changes it without losing what others change at the same time."""

    def __init__(self, client: "SecretsManagerClient", secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    async def read(self) -> str:
        """The document's text. Raises SecretUnavailableError, or its SecretEmptyError."""
        return await asyncio.to_thread(self._read_current)

    def keys(self) -> dict[str, ApiKey]:
        """The keys by their id. Raises as `read` does, and MalformedKeysError."""
        return parse_keys(self._read_current())

    def add(self, key: ApiKey) -> None:
        """Raises as `change` does."""
        self.change(lambda _: [key])

    def change(self, edit: Edit) -> Sequence[ApiKey]:
        """Writes what `edit` returns, and leaves whatever else the document holds as it is; returns it.

        `edit` is called again where others were quicker; what it raises is passed on, with nothing changed. The secret
        is made if there is none. Raises SecretUnavailableError or MalformedKeysError; nothing is lost.
        """
        try:
            for _ in range(ATTEMPTS):
                current = self._current()
                document = current.document if current else EMPTY
                changed = edit(parse_keys(document))
                if not changed or self._was_replaced(current, _merged(document, changed)):
                    return changed
        except VENDOR_ERRORS as error:
            raise self._translated(error) from error
        raise SecretUnavailableError("the secret was changed by others at each attempt")

    def _read_current(self) -> str:
        try:
            return _text(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
        except VENDOR_ERRORS as error:
            raise self._translated(error) from error

    def _current(self) -> _Version | None:
        try:
            found = self._client.get_secret_value(SecretId=self._secret_id)
        except ClientError as error:
            if code(error) == NOT_FOUND:
                return None
            raise
        return _Version(found["VersionId"], _text(found.get("SecretString", "")))

    def _was_replaced(self, current: _Version | None, document: str) -> bool:
        """False if somebody else was quicker.

        Secrets Manager moves a label only off the version that the call names: that is the compare-and-swap.
        """
        try:
            made = self._client.put_secret_value(
                SecretId=self._secret_id, SecretString=document, VersionStages=[CANDIDATE]
            )
        except ClientError as error:
            if code(error) == NOT_FOUND and current is None:
                return self._was_created(document)
            raise
        if CURRENT in made["VersionStages"]:  # the first version becomes the current one by itself
            return True
        return self._became_current(made["VersionId"], current)

    def _was_created(self, document: str) -> bool:
        if self._secret_id.startswith("arn:"):
            raise SecretUnavailableError(f"there is no secret {self._secret_id}")
        try:
            self._client.create_secret(Name=self._secret_id, SecretString=document)
        except ClientError as error:
            if code(error) == EXISTS:
                return False
            raise
        return True

    def _became_current(self, version: str, current: _Version | None) -> bool:
        origin = {"RemoveFromVersionId": current.id} if current else {}
        try:
            self._client.update_secret_version_stage(
                SecretId=self._secret_id, VersionStage=CURRENT, MoveToVersionId=version, **origin
            )
        except ClientError as error:
            if code(error) == STAGE_MOVED:
                return False
            raise
        return True

    def _translated(self, error: Exception) -> SecretUnavailableError:
        if isinstance(error, ClientError) and code(error) == NOT_FOUND:
            return SecretEmptyError(f"no key in the secret {self._secret_id}: {NONE_YET}")
        return translated(error)


def translated(error: Exception) -> SecretUnavailableError:
    """The reason names codes and classes and repeats no content."""
    reason = code(error) if isinstance(error, ClientError) else type(error).__name__
    hint = " (the secret may be on its way to be deleted)" if reason == NOT_NOW else ""
    return SecretUnavailableError(f"Secrets Manager: {reason}{hint}")


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


def _text(content: object) -> str:
    if not isinstance(content, str):
        raise TypeError("the secret's content must be text")
    return content


def _merged(document: str, changed: Sequence[ApiKey]) -> str:
    """The document with these keys in the place of those with their ids, or after all others."""
    content: dict[str, Any] = msgspec.json.decode(document)
    held = {key["id"]: key for key in content["keys"]}
    for key in changed:
        held[key.id] = held.get(key.id, {}) | msgspec.to_builtins(key)
    return msgspec.json.encode(content | {"keys": list(held.values())}).decode()
