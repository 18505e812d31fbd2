"""`python -m producer health`: what a container engine asks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from producer.errors import NotWellError, SettingsError
from producer.health import port, require_well
from tests.producer.fake_aws import FakeAws
from tests.producer.process import producing, run


def health(at: int, *options: str, **settings: str) -> tuple[int, str]:
    ended = run("health", *options, PRODUCER_PORT=str(at), **settings)
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def test_a_service_that_runs_is_live_and_ready_once_it_can_serve(aws: FakeAws) -> None:
    with producing(aws.url, SHUTDOWN_DELAY_SECONDS="3600") as producer:
        at = int(re.sub(r"\D", "", str(producer.http.base_url).rpartition(":")[2]))
        producer.wait_for("keys loaded")
        assert health(at) == (0, "live\n")
        assert health(at, "--ready") == (0, "ready\n")
        producer.stop()
        producer.wait_for("stopping")
        assert health(at) == (0, "live\n"), "it is not to be replaced while it stops"
        assert health(at, "--ready") == (1, "/health/ready answers 503: the process is about to stop\n")


def test_nobody_there_is_not_well_whatever_proxy_the_environment_names() -> None:
    with answering(200, b"{}") as proxy:
        code, said = health(1, http_proxy=f"http://127.0.0.1:{proxy}")
    assert (code, said) == (1, "no answer on port 1: [Errno 111] Connection refused\n")


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail2": 1}'])
def test_any_other_answer_is_told_even_without_a_reason(body: bytes) -> None:
    with answering(500, body) as at, pytest.raises(NotWellError, match="/x answers 500: and gives no reason"):
        require_well(at, "/x")


@pytest.mark.parametrize(("environment", "expected"), [({}, 8080), ({"PRODUCER_PORT": "81"}, 81)])
def test_the_port_is_the_services_own(environment: dict[str, str], expected: int) -> None:
    assert port(environment) == expected


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "65536", "9" * 5000])
def test_a_port_that_says_nothing_is_a_setting_to_mend(text: str) -> None:
    with pytest.raises(SettingsError, match="PRODUCER_PORT"):
        port({"PRODUCER_PORT": text})
