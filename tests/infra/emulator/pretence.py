"""Containers where there is no engine: what each one-off command would leave behind, and a producer that accepts."""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3

from tests.infra.emulator.containers import Container, Ending
from tests.infra.emulator.settings import REGION, Settings


class PretendingRunner:
    """The first API key is made once, and rotated; migrations need the owner's password; anomalies are always found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._password = ""
        self._started: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", settings.producer_port), _Producer)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def run(self, container: Container) -> Ending:
        if container.name == "migrate" and container.environment["PGPASSWORD"] != self._password:
            return Ending(1, ['Error: FATAL:  password authentication failed for user "payments"'])
        if container.name == "keys":
            self._keys(container.command, container.environment["API_KEYS_SECRET_ID"])
        return Ending(0, [f"pretended: {' '.join(container.command)}"])

    def start(self, service: str, containers: list[Container]) -> None:
        self._started.add(service)

    def stop(self, service: str) -> None:
        self._started.discard(service)

    def is_healthy(self, service: str) -> bool:
        return service in self._started

    def start_database(self, host: str, user: str, password: str, database: str) -> None:
        self._password = password

    def stop_database(self) -> None:
        self._password = ""

    def close(self) -> None:
        self._server.shutdown()

    def _keys(self, command: list[str], hashes: str) -> None:
        client = boto3.client("secretsmanager", endpoint_url=self._settings.url, region_name=REGION)
        if "--if-none" in command and client.describe_secret(SecretId=hashes).get("VersionIdsToStages"):
            return
        client.put_secret_value(SecretId=hashes, SecretString=json.dumps({"keys": [{}]}))
        self._hand_over(client, command[command.index("--to-secret") + 1], f"pk_{secrets.token_hex(6)}")

    def _hand_over(self, client: Any, name: str, text: str) -> None:
        try:
            client.create_secret(Name=name, SecretString=text)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=text)


class _Producer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(202 if self.headers["x-api-key"] else 401)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...
