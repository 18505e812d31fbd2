"""The real process: how it starts, how it stops, and what it says when it can't."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec

from tests.producer.builders import record
from tests.producer.fake_aws import FakeAws
from tests.producer.process import PATIENCE_SECONDS, environment, producing, run
from tests.producer.service import KEY, KEY_TEXT


def test_sigterm_lets_what_was_taken_be_published_and_answered(aws: FakeAws) -> None:
    aws.gate.clear()
    with producing(aws.url) as producer, ThreadPoolExecutor(1) as clients:
        producer.wait_for("keys loaded")
        posted = clients.submit(producer.post)
        assert aws.put.wait(timeout=PATIENCE_SECONDS)
        producer.stop()
        producer.wait_for("Shutting down")
        aws.gate.set()
        assert posted.result().status_code == 202
        assert producer.exit_code() == 0
        assert len(aws.lines) == 1
        logged = "".join(producer.log)
    assert all(msgspec.json.decode(line)["level"] in ("info", "warning") for line in logged.splitlines())
    assert not any(secret in logged for secret in (KEY_TEXT, KEY.sha256, "GRxxxxxxxxxxxxxxx", "sender-1"))


def test_readiness_fails_first_and_requests_are_served_until_the_delay_is_over(aws: FakeAws) -> None:
    with producing(aws.url, SHUTDOWN_DELAY_SECONDS="3600") as producer:
        producer.wait_for("keys loaded")
        assert producer.http.get("/health/ready").status_code == 200
        producer.stop()
        producer.wait_for("stopping")
        assert "stop" in producer.http.get("/health/ready").json()["detail"]
        assert producer.post().status_code == 202
        producer.stop()
        assert producer.exit_code() == 0


def test_until_the_delay_is_over_open_and_new_connections_are_served_and_told_to_close(aws: FakeAws) -> None:
    with producing(aws.url, SHUTDOWN_DELAY_SECONDS="3600") as producer:
        producer.wait_for("keys loaded")
        assert "connection" not in producer.post().headers, "this connection stays open"
        producer.stop()
        producer.wait_for("stopping")
        on_the_open_one = later = producer.post()
        on_a_new_one = httpx.post(on_the_open_one.request.url, headers={"x-api-key": KEY_TEXT}, json={"records": []})
        while later.headers["date"] == on_the_open_one.headers["date"]:  # uvicorn makes its headers anew each second
            later = producer.http.get("/health/ready")
        assert (on_the_open_one.status_code, on_a_new_one.status_code, later.status_code) == (202, 400, 503)
        for answer in (on_the_open_one, on_a_new_one, later):
            assert answer.headers["connection"] == "close"


def test_a_delay_ends_by_itself_and_what_was_taken_by_then_is_published_and_answered(aws: FakeAws) -> None:
    aws.gate.clear()
    with producing(aws.url, SHUTDOWN_DELAY_SECONDS="0.5") as producer, ThreadPoolExecutor(1) as clients:
        producer.wait_for("keys loaded")
        producer.stop()
        producer.wait_for("stopping")
        posted = clients.submit(producer.post)
        assert aws.put.wait(timeout=PATIENCE_SECONDS)
        producer.wait_for("Shutting down")
        aws.gate.set()
        assert posted.result().status_code == 202
        assert producer.exit_code() == 0
    assert len(aws.lines) == 1


def test_a_request_is_served_as_a_gateway_and_a_load_balancer_forward_it(aws: FakeAws) -> None:
    forwarded = {
        "host": "internal-producer-1.eu-west-1.elb.amazonaws.com",
        "via": "HTTP/1.1 AmazonAPIGateway",
        "forwarded": "by=192.0.2.1;for=198.51.100.7;host=x.execute-api.eu-west-1.amazonaws.com;proto=https",
        "x-forwarded-for": "198.51.100.7, 192.0.2.1",
        "x-forwarded-proto": "http",
        "x-amzn-trace-id": "Self=1-6;Root=1-5",
        "expect": "100-continue",
    }
    ours = {"x-api-key": KEY_TEXT, "content-type": "application/json"}
    body = msgspec.json.encode({"records": [record()]})
    with producing(aws.url) as producer:
        producer.wait_for("keys loaded")
        for content in (body, iter([body[:9], body[9:]])):  # with its length, and chunked
            answer = producer.http.post("/collector/transactions", content=content, headers=forwarded | ours)
            assert answer.status_code == 202


def test_what_was_counted_until_the_end_is_told_to_cloudwatch(aws: FakeAws) -> None:
    with producing(aws.url, METRICS_NAMESPACE="payments") as producer:
        producer.wait_for("keys loaded")
        assert producer.post().status_code == 202
        producer.stop()
        assert producer.exit_code() == 0
        told = [line for line in producer.rest_of_log() if "_aws" in line]
    assert sum(line["Accepted"] for line in told) == 1
    assert told[-1]["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "payments"


def test_without_aws_it_lives_says_that_it_is_not_ready_and_stops_well() -> None:
    with producing("http://127.0.0.1:1") as producer:
        assert producer.http.get("/health/live").status_code == 200
        assert "keys" in producer.http.get("/health/ready").json()["detail"]
        answer = producer.post()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "server" not in answer.headers
        producer.stop()
        assert producer.exit_code() == 0


def test_it_does_not_start_with_bad_settings_and_names_all_of_them() -> None:
    ended = run("serve", STREAM_NAME="changeme", PRODUCER_PORT="s3cr3t", PATH=os.environ["PATH"])
    assert (ended.returncode, ended.stdout) == (2, "")
    for name in ("AWS_REGION", "STREAM_NAME", "API_KEYS_SECRET_ID", "PRODUCER_PORT"):
        assert name in ended.stderr
    assert "s3cr3t" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("serve", **environment("http://127.0.0.1:1", PRODUCER_PORT=port))
    assert ended.returncode == 1
    assert port in ended.stderr
    assert "Traceback" not in ended.stderr
