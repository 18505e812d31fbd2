"""Where the database is and how to log in, and what can be known of that before anybody connects."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

ENCRYPTED = ("require", "verify-ca", "verify-full")
SYSTEM = "system"  # libpq's word for the certificates that came with the machine
WHO_AND_WHERE = frozenset({"host", "port", "user", "password"})


@dataclass(frozen=True)
class Database:
    """Where the database is, as a libpq URL, and how to log in.

    ``auth``: password (the URL's, or what libpq finds), or iam (a token of RDS's, signed for ``region``).
    """

    url: str = field(repr=False)
    auth: str = "password"
    region: str | None = None


def parts(url: str) -> SplitResult:
    """Raises ValueError, which echoes nothing, for what is no URL of PostgreSQL's."""
    with contextlib.suppress(ValueError):  # whose text would quote the password
        found = urlsplit(url)
        _ = found.port  # read here, where it is no number
        if found.scheme in ("postgresql", "postgres"):
            return found
    raise ValueError("must be a URL like postgresql://user:password@host:5432/database")


def named(url: str) -> list[str]:
    """What stands for user, password, host and database, still quoted. Raises ValueError."""
    found = parts(url)
    return [part for part in (found.username, found.password, found.hostname, found.path[1:]) if part]


def require_certificates(url: str) -> None:
    """Raises ValueError where the server's certificate is to be verified by a file that is not there."""
    options = parse_qs(parts(url).query)
    file = _option(options, "sslrootcert") or SYSTEM
    if _option(options, "sslmode").startswith("verify") and file != SYSTEM and not Path(file).is_file():
        raise ValueError("the file that its sslrootcert names is not there")


def faults_for_tokens(url: str) -> list[str]:
    """Why RDS would not let us in with a token in place of a password; nothing, if it would."""
    found = parts(url)
    options = parse_qs(found.query)
    is_one = found.username and found.hostname and "," not in found.hostname and not WHO_AND_WHERE & options.keys()
    faults = {
        "DATABASE_URL must name a user and one host before its ?": not is_one,
        "DATABASE_URL holds a password, and a token takes its place": found.password,
        "DATABASE_URL needs sslmode=verify-full (or verify-ca, require)": _option(options, "sslmode") not in ENCRYPTED,
    }
    return [fault for fault, is_so in faults.items() if is_so]


def _option(options: Mapping[str, list[str]], name: str) -> str:
    return options.get(name, [""])[-1]
