"""What the README says of AWS is true: its picture, its tables, its commands."""

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cost.__main__ import app as cost
from infra.cost.sizes import SIZES, Tasks, deployment
from tests.infra.terraform import ALARMS, CHECKOUT, CONFIGURATION, RESOURCES, TYPES

README = (CHECKOUT / "README.md").read_text()
ALL = "\n".join(CONFIGURATION.values())
ADDITIONS = sorted((CHECKOUT / "docs" / "aws").glob("*.tf"))
MAIN_TYPES = {
    "aws_apigatewayv2_api",
    "aws_apigatewayv2_vpc_link",
    "aws_athena_workgroup",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_metric_alarm",
    "aws_db_instance",
    "aws_ecr_repository",
    "aws_ecs_service",
    "aws_ecs_task_definition",
    "aws_glue_catalog_table",
    "aws_kinesis_firehose_delivery_stream",
    "aws_kinesis_stream",
    "aws_kms_key",
    "aws_lb",
    "aws_nat_gateway",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "aws_ses_email_identity",
    "aws_sns_topic",
    "aws_vpc",
    "aws_vpc_endpoint",
    "aws_wafv2_web_acl",
}
POLICY_TESTS = ("test_encryption", "test_policies", "test_privacy")


def between(begin: str, end: str) -> str:
    _, _, rest = README.partition(begin)
    assert rest, begin
    return rest.partition(end)[0]


def section(title: str) -> str:
    return between(f"\n## {title}\n", "\n## ")


PICTURE = between("```mermaid\n", "```")
ON_AWS, SECURITY = section("On AWS"), section("Security")


def rows(text: str, cells: int) -> list[list[str]]:
    """The cells of all table rows that have so many."""
    found = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in found if len(row) == cells]


def test_every_box_of_the_picture_names_resources_that_exist() -> None:
    named = set(re.findall(r"(aws_\w+)(?:\.(\w+))?", PICTURE))
    assert {(kind, name) for kind, name in named if name} <= RESOURCES
    assert {kind for kind, _ in named} <= TYPES
    boxes = re.findall(r'\w[\[(]+"(.+?)"[\])]+', PICTURE)
    assert {box for box in boxes if "aws_" not in box} == {"clients", "analysts"}


def test_the_picture_leaves_no_main_part_out() -> None:
    assert set(re.findall(r"aws_\w+", PICTURE)) >= MAIN_TYPES
    assert MAIN_TYPES <= TYPES
    services = {name for kind, name in RESOURCES if kind == "aws_ecs_service"}
    assert {f"aws_ecs_service.{name}" for name in services} <= set(re.findall(r"aws_ecs_service\.\w+", PICTURE))


@pytest.mark.parametrize("size", SIZES)
def test_the_sizes_are_terraforms(size: str) -> None:
    shown = {row[0]: row[1 + SIZES.index(size)] for row in rows(ON_AWS, 3) if row[0]}
    found = deployment(size)
    assert shown["producer"] == _words(found.producer)
    assert shown["consumer"] == _words(found.consumer)
    assert shown["console"] == _words(found.console)
    assert shown["PostgreSQL"].startswith(f"`{found.database.instance_class}`")
    assert shown["PostgreSQL"].endswith(f"up to {found.database.max_storage_gb} GB")
    assert ("standby" in shown["PostgreSQL"]) == found.database.multi_az
    assert shown["NAT gateways"] == ("one a zone" if found.nat_per_zone else "one")
    assert shown["Container Insights"].startswith("yes") == found.container_insights
    assert shown["access log of the API"].startswith("yes") == found.access_logs


def _words(tasks: Tasks) -> str:
    return f"{tasks.min} to {tasks.max} tasks of {tasks.cpu / 1024:g} vCPU and {tasks.memory / 1024:g} GB"


def test_every_alarm_is_told_of() -> None:
    table = between("| alarm | says |", "\n\n")
    assert sorted(re.findall(r"`([\w-]+)`", table)) == sorted(ALARMS)


def test_every_role_is_told_of() -> None:
    roles = re.findall(r"^    ([\w-]+)\s+= \{ service = ", CONFIGURATION["roles"], re.MULTILINE)
    names = [name for row in rows(SECURITY, 2) for name in re.findall(r"`([\w-]+)`", row[0])]
    assert sorted(name for name in names if not name.startswith("test_")) == sorted(roles)


@pytest.mark.parametrize("module", POLICY_TESTS)
def test_the_policy_tests_are_those_that_run(module: str) -> None:
    tests = re.findall(r"^def (test_\w+)", (CHECKOUT / "tests" / "infra" / f"{module}.py").read_text(), re.MULTILINE)
    (listed,) = [row[1] for row in rows(SECURITY, 2) if f"{module}.py" in row[0]]
    assert sorted(re.findall(r"`(\w+)`", listed)) == sorted(tests)


def test_every_option_of_the_scripts_is_told_of_and_none_else() -> None:
    told = {option for words in _commands() for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", words)}
    options = {option for script in ("deploy.sh", "destroy.sh") for option in _options(script)}
    assert options <= told
    assert told <= options | set(re.findall(r"--[a-z-]+", CliRunner().invoke(cost, ["--help"]).output))


def _commands() -> list[str]:
    """What stands behind the scripts' names, and the options that stand alone."""
    return re.findall(r"\./(?:deploy|destroy)\.sh( [^`\n]*)", ON_AWS) + re.findall(r"`(--[^`]+)`", ON_AWS)


def _options(script: str) -> list[str]:
    shown = subprocess.run([CHECKOUT / script, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  (--[a-z-]+)", shown, re.MULTILINE)


def test_every_variable_that_is_named_exists() -> None:
    variables = set(re.findall(r'^variable "(\w+)"', ALL, re.MULTILINE))
    additions = {
        name for path in ADDITIONS for name in re.findall(r'^variable "(\w+)"', path.read_text(), re.MULTILINE)
    }
    arguments = {"disable_execute_api_endpoint"}
    named = set(re.findall(r"`([a-z_]+) = ", ON_AWS)) | set(re.findall(r"^echo '(\w+) = ", ON_AWS, re.MULTILINE))
    assert named
    assert named <= variables | additions | arguments


def test_every_task_that_is_run_exists() -> None:
    tasks = set(re.findall(r"^    ([\w-]+)\s+= \{ containers = ", CONFIGURATION["tasks"], re.MULTILINE))
    run = set(re.findall(r"run_task\.sh payment-analytics-([\w-]+)", ON_AWS))
    assert run
    assert run <= tasks


def test_every_output_that_is_read_exists() -> None:
    outputs = set(re.findall(r'^output "(\w+)"', ALL + "".join(path.read_text() for path in ADDITIONS), re.MULTILINE))
    assert set(re.findall(r"output -raw (\w+)", ON_AWS)) <= outputs


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", ON_AWS + SECURITY):
        assert (CHECKOUT / target).exists(), target


@pytest.mark.parametrize("addition", ADDITIONS, ids=lambda path: path.stem)
def test_an_addition_fits_the_configuration(addition: Path) -> None:
    text = addition.read_text()
    own = set(re.findall(r'^(?:resource|data) "(\w+)" "(\w+)"', text, re.MULTILINE))
    used = set(re.findall(r"\b(aws_\w+)\.(\w+)", text))
    assert not own & RESOURCES
    assert used <= own | RESOURCES
    for name in re.findall(r"local\.(\w+)", text):
        assert re.search(rf"^  {name}\s+= ", ALL, re.MULTILINE), name
