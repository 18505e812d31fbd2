"""One deployment's life, from nothing to nothing. The tests are its stages: each goes on where the one before ended.

Where a Docker engine answers, images are built and pushed, tasks and services run from them with a PostgreSQL that
demands TLS, and the canary goes through the pipeline. Elsewhere containers are pretended, and the scripts run all the
same.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.infra.aws import ACCOUNT, REGION, Aws, serving
from tests.infra.checkout import Checkout, ended, interrupt, results, why_no_engine
from tests.infra.inventory import inventory
from tests.infra.pipeline import NAME, stream_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
DEPLOY = ("./deploy.sh", "--yes", "--size", "development")
ARCHIVE = f"{NAME}-archive-{ACCOUNT}-{REGION}"
STATE = f"{NAME}-state-{ACCOUNT}-{REGION}"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with ExitStack() as stack:
        aws = stack.enter_context(serving(tmp_path_factory.mktemp("aws"), has_engine=why_no_engine() is None))
        if aws.has_engine:
            stack.enter_context(stream_for(aws, tmp_path_factory.mktemp("stream")))
        yield aws


@pytest.fixture(scope="module")
def checkout(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("user") / "checkout", aws)


def errors_until(process: "subprocess.Popen[str]", *patterns: str) -> str:
    """What the script told until it had told all of that, in whatever order."""
    told = ""
    assert process.stderr
    for line in process.stderr:
        told += line
        if all(re.search(pattern, told) for pattern in patterns):
            return told
    raise AssertionError(told)


def forget(checkout: Checkout, *resources: str) -> None:
    """As if Terraform had been interrupted before it could write down that they are made."""

    def terraform(*words: str) -> str:
        words = ("terraform", "-chdir=infra", "state", *words)
        environment = checkout.environment
        return subprocess.run(
            words, cwd=checkout.folder, env=environment, capture_output=True, text=True, check=True
        ).stdout

    found = [address for address in terraform("list").splitlines() if address.split("[")[0] in resources]
    assert {address.split("[")[0] for address in found} == {*resources}
    terraform("rm", *found)


def test_a_deploy_that_is_interrupted_ends_in_good_order(checkout: Checkout, aws: Aws) -> None:
    process = checkout.start(*DEPLOY)
    err = errors_until(process, r"aws_db_instance\.this: Still creating\.\.\. \[1m0s elapsed")  # it alone is left
    interrupt(process)
    err += ended(process)[1]
    assert process.returncode == 130, err
    assert "Run it again" in err


def test_a_failed_migration_stops_the_deploy_before_any_service(checkout: Checkout, aws: Aws) -> None:
    with aws.overriding("migrate", PGPASSWORD="wrong"):
        done = checkout.run(*DEPLOY)
    assert done.returncode == 1
    assert "password authentication failed" in done.stderr
    assert "ecs CreateService" not in aws.calls()


def test_run_again_it_goes_on_and_tells_url_and_key(checkout: Checkout, aws: Aws) -> None:
    told = results(checkout.run(*DEPLOY))
    assert told == {"api_gateway_url": aws.producer_url, "api_gateway_api_key": aws.secret(f"{NAME}/api-key")}
    assert aws.calls().count("rds CreateDBInstance") == 1


def test_run_again_it_changes_nothing_and_pushes_nothing(checkout: Checkout, aws: Aws) -> None:
    before = len(aws.changes())
    key = aws.secret(f"{NAME}/api-key")
    done = checkout.run("./deploy.sh", "--yes", ALERT_SENDER="", ALERT_RECIPIENTS="")
    assert results(done)["api_gateway_api_key"] == key
    assert "no changes" in done.stderr
    assert [call for call in aws.changes()[before:] if STATE not in call] == []


def test_a_rotated_key_is_shown_once_and_kept_nowhere(checkout: Checkout, aws: Aws) -> None:
    before = aws.secret(f"{NAME}/api-key")
    key = results(checkout.run("./deploy.sh", "--rotate-key"))["api_gateway_api_key"]
    assert key != before
    assert aws.secret(f"{NAME}/api-key") is None
    assert key not in "".join(aws.calls())


def test_destroy_keeps_snapshot_archive_and_their_key_alone(checkout: Checkout, aws: Aws) -> None:
    aws.client("s3").put_object(Bucket=ARCHIVE, Key="errors/kept")
    done = checkout.run("./destroy.sh", "--yes")
    assert done.returncode == 0, done.stderr
    left = inventory(aws)
    (snapshot,) = left.pop("snapshots")
    assert left == {"buckets": [ARCHIVE, STATE], "key aliases": [f"alias/{NAME}"]}
    for kept in (snapshot, ARCHIVE, STATE, f"alias/{NAME}"):
        assert kept in done.stderr


def test_to_destroy_it_again_is_no_failure(checkout: Checkout, aws: Aws) -> None:
    before = len(aws.changes())
    done = checkout.run("./destroy.sh", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Nothing is deployed" in done.stderr
    assert ARCHIVE in done.stderr
    assert aws.changes()[before:] == []


def test_the_next_deployment_takes_over_what_was_kept(checkout: Checkout, aws: Aws) -> None:
    def key_id() -> Any:
        return aws.client("kms").describe_key(KeyId=f"alias/{NAME}")["KeyMetadata"]["KeyId"]

    before = key_id()
    process = checkout.start(*DEPLOY)
    made = (rf"{resource}\S*: Creation complete" for resource in (r"aws_lb\.this", r"aws_nat_gateway\.this"))
    err = errors_until(process, r"aws_db_instance\.this: Creating", *made)
    interrupt(process)
    err += ended(process)[1]
    assert "aws_s3_bucket.archive: Import complete" in err
    assert key_id() == before
    assert aws.client("s3").head_object(Bucket=ARCHIVE, Key="errors/kept")


def test_destroy_removes_also_what_is_half_made_and_keeps_nothing_if_told_so(checkout: Checkout, aws: Aws) -> None:
    for snapshot in inventory(aws)["snapshots"]:
        aws.client("rds").delete_db_snapshot(DBSnapshotIdentifier=snapshot)
    forget(checkout, "aws_lb.this", "aws_nat_gateway.this", "aws_eip.nat")
    done = checkout.run("./destroy.sh", "--yes", "--no-snapshot", "--delete-archive")
    assert done.returncode == 0, done.stderr
    assert inventory(aws) == {"buckets": [STATE]}
