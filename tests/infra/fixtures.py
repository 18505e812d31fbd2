"""Plans for the tests that read one, made once for all of them."""

import shutil
from typing import Any

import pytest

from tests.infra.plan import Plan, plans

MAIL = {"alert_sender": "alerts@example.com", "alert_recipients": ["fraud-desk@example.com"]}
DEPLOYMENTS: dict[str, dict[str, Any]] = {
    "production": MAIL,
    "development": {**MAIL, "size": "development"},
    # Whatever a variable can switch on.
    "everything": {**MAIL, "egress": "endpoints", "waf": True, "stream_shards": 2, "access_logs": True},
}


@pytest.fixture(scope="session")
def all_plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    return plans(tmp_path_factory.mktemp("plans"), DEPLOYMENTS)


@pytest.fixture(params=DEPLOYMENTS)
def plan(request: pytest.FixtureRequest, all_plans: dict[str, Plan]) -> Plan:
    return all_plans[request.param]
