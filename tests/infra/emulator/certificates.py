"""RDS's certificate authority for a test, and its certificate for one database."""

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """``bundle`` is what clients verify with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("RDS of a test")
        basic = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._builder(self._name, self._key).add_extension(basic, critical=True)
        self._write("bundle.pem", _pem(certificate.sign(self._key, hashes.SHA256())))

    def certify(self, host: str) -> None:
        """Writes server.pem and server.key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = self._builder(_named("a database"), key).add_extension(names, critical=False)
        self._write("server.pem", _pem(certificate.sign(self._key, hashes.SHA256())))
        plain = serialization.NoEncryption()
        self._write(
            "server.key",
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
        )

    def _builder(self, subject: Any, key: Any) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        return made.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)

    def _write(self, name: str, content: bytes) -> None:
        (self._folder / name).write_bytes(content)


def _named(text: str) -> Any:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: Any) -> bytes:
    content: bytes = certificate.public_bytes(serialization.Encoding.PEM)
    return content
