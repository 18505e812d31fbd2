"""RDS's IAM authentication: each new connection brings, as its password, a token that the AWS credentials sign.

Nothing is asked of RDS for it. RDS takes a token for 15 minutes, and a connection outlives its token.
"""

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.session import get_session
from psycopg2 import OperationalError
from sqlalchemy import URL

SCHEME = "https://"
PORT = 5432
TOKEN_SECONDS = 900


class Tokens:
    """Makes tokens for the user, host and port of ``url``; the credentials are found, and renewed, as the SDK does."""

    def __init__(self, url: URL, region: str) -> None:
        self._address = f"{url.host}:{url.port or PORT}"
        self._user = url.username
        self._region = region
        self._session = get_session()

    def make(self) -> str:
        """Raises OperationalError, as a database that is out of reach does: who waits for that one waits here too."""
        try:
            return self._signed()
        except Exception as error:  # whatever keeps the credentials away
            raise OperationalError(f"no IAM token for RDS: {_words(error)}") from error

    def _signed(self) -> str:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        request = AWSRequest("GET", f"{SCHEME}{self._address}/", params={"Action": "connect", "DBUser": self._user})
        SigV4QueryAuth(credentials.get_frozen_credentials(), "rds-db", self._region, TOKEN_SECONDS).add_auth(request)
        return str(request.url).removeprefix(SCHEME)


def _words(error: Exception) -> str:
    """Only the SDK's own errors quote nothing that came from elsewhere."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, BotoCoreError) else name
