"""What stands beside the one path that matters: problems, health, metrics, documentation."""

from producer.errors import StreamBrokenError
from tests.producer.builders import record
from tests.producer.fakes import FakeStream
from tests.producer.receipts import BAD, PROBLEM, is_problem
from tests.producer.service import LIMITS, PATH, ServiceUnderTest


async def test_404_405_and_500_are_problems_too_and_leak_nothing() -> None:
    service = await ServiceUnderTest.ready()
    is_problem(await service.http.get("/nothing"), 404)
    is_problem(await service.http.post(PATH + "/"), 404)
    not_allowed = await service.http.get(PATH)
    is_problem(not_allowed, 405)
    assert not_allowed.headers["allow"] == "POST"
    service.now = None  # type: ignore[assignment]  # a mistake of ours, somewhere deep inside
    response = await service.post(record())
    is_problem(response, 500)
    assert "NoneType" not in response.text


async def test_liveness_and_readiness() -> None:
    service = ServiceUnderTest(stream=FakeStream(failures=[StreamBrokenError("ResourceNotFoundException")]))
    assert (await service.http.get("/health/live")).status_code == 200
    starting = is_problem(await service.http.get("/health/ready"), 503)
    assert starting["state"] == "starting"
    assert "keys" in starting["detail"]
    await service.key_ring.refresh()
    assert (await service.http.get("/health/ready")).status_code == 200
    await service.post(record())
    cut_off = is_problem(await service.http.get("/health/ready"), 503)
    assert cut_off["state"] == "cannot publish"
    assert "published" in cut_off["detail"]
    await service.post(record())
    assert (await service.http.get("/health/ready")).status_code == 200
    service.readiness.stopping = True
    stopping = is_problem(await service.http.get("/health/ready"), 503)
    assert stopping["state"] == "stopping"
    assert "stop" in stopping["detail"]
    assert (await service.post(record())).status_code == 202, "requests are served until the load balancer has let go"


async def test_metrics_count_requests_and_receipts() -> None:
    service = await ServiceUnderTest.ready()
    await service.post(record(), BAD)
    await service.post(key=None)
    metrics = (await service.http.get("/metrics")).text
    for line in (
        'collector_requests_total{status="207"} 1.0',
        'collector_requests_total{status="401"} 1.0',
        'collector_transactions_total{status="accepted"} 1.0',
        'collector_transactions_total{status="rejected"} 1.0',
        "collector_buffered_records 0.0",
    ):
        assert line in metrics.splitlines()


async def test_the_documentation_names_every_status_field_and_limit() -> None:
    service = await ServiceUnderTest.ready()
    document = (await service.http.get("/openapi.json")).json()
    post = document["paths"][PATH]["post"]
    statuses = {"202", "207", "400", "401", "408", "413", "415", "422", "429", "431", "500", "503"}
    assert set(post["responses"]) == statuses
    assert set(post["responses"]["503"]["content"]) == {PROBLEM}
    assert set(post["responses"]["207"]["content"]) == {"application/json"}
    schemas = document["components"]["schemas"]
    assert set(schemas["Record"]["required"]) == set(record())
    assert schemas["Record"]["additionalProperties"] is False
    assert schemas["Transactions"]["properties"]["records"]["maxItems"] == LIMITS.records
    assert document["components"]["securitySchemes"]["apiKey"]["name"] == "x-api-key"
    assert "openapi.json" in (await service.http.get("/docs")).text
