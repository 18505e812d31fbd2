"""What the README's commands need of the emulator beside Terraform's calls."""

from collections.abc import Iterator

import pytest

from tests.infra.aws import Aws, serving


@pytest.fixture
def bare_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """One of its own: the others' stays bare."""
    with serving(tmp_path_factory.mktemp("used-aws"), has_engine=False) as aws:
        yield aws


def test_a_database_can_be_copied_as_of_a_moment_and_made_anew_from_a_snapshot(bare_aws: Aws) -> None:
    rds = bare_aws.client("rds")
    made = rds.create_db_instance(
        DBInstanceIdentifier="first",
        DBName="payments",
        Engine="postgres",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage=20,
        MasterUsername="payments",
        ManageMasterUserPassword=True,
        StorageEncrypted=True,
    )["DBInstance"]
    copied = rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="first", TargetDBInstanceIdentifier="copy", UseLatestRestorableTime=True
    )["DBInstance"]
    assert (copied["DBInstanceIdentifier"], copied["DBName"]) == ("copy", "payments")
    assert copied["DBInstanceArn"] != made["DBInstanceArn"]
    rds.create_db_snapshot(DBInstanceIdentifier="copy", DBSnapshotIdentifier="kept")
    rds.delete_db_instance(DBInstanceIdentifier="copy", SkipFinalSnapshot=True)
    again = rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="again", DBSnapshotIdentifier="kept")
    assert again["DBInstance"]["DBName"] == "payments"
    for name in ("first", "again"):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert [one["DBSnapshotIdentifier"] for one in rds.describe_db_snapshots()["DBSnapshots"]] == ["kept"]
    rds.delete_db_snapshot(DBSnapshotIdentifier="kept")
