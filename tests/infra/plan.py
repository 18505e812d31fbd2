"""Plans of infra/*.tf with every name known in them, made without AWS.

`terraform test` plans with the real provider and prints its plans. The first time tells which resources there will be;
the second time each has an ARN of its own, so that policies, roles and keys can be read as they will be on AWS.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INFRA = Path(__file__).parents[2] / "infra"
NAME = "payment-analytics"
REGION = "eu-central-1"
ACCOUNT = "123456789012"
# Of resource types that are not named for their service.
SERVICES = {"aws_cloudwatch_log_group": "logs", "aws_db_instance": "rds"}
MASTER_SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!{NAME}"
SURROUNDINGS = f"""
provider "aws" {{
  region                      = "{REGION}"
  access_key                  = "plan"
  secret_key                  = "plan"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}}

override_data {{
  target = data.aws_caller_identity.current
  values = {{ account_id = "{ACCOUNT}" }}
}}

override_data {{
  target = data.aws_availability_zones.available
  values = {{ names = ["{REGION}c", "{REGION}a", "{REGION}b"] }}
}}
"""


class PlanFailedError(Exception):
    """Terraform made no plan; the message is what it said."""


@dataclass(frozen=True)
class Resource:
    """``values`` as planned; the ARN, and other ids that AWS would give, are made up."""

    address: str
    type: str
    key: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """``documents``: the policy documents that wait for a resource, by name."""

    resources: tuple[Resource, ...]
    documents: Mapping[str, Mapping[str, Any]]

    @property
    def types(self) -> set[str]:
        return {resource.type for resource in self.resources}

    def all(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, kind: str) -> Resource:
        (found,) = self.all(kind)
        return found


def plans(folder: Path, variables: Mapping[str, Mapping[str, Any]]) -> dict[str, Plan]:
    """Name → plan, for the variables of each name. Works in ``folder``. Raises PlanFailedError."""
    for file in (*INFRA.glob("*.tf"), *INFRA.glob(".terraform.lock.hcl")):
        shutil.copy(file, folder)
    _terraform(folder, "init", "-backend=false", "-input=false", "-no-color")
    unnamed = _printed(folder, variables, named=())
    named = _printed(folder, variables, named=[change for plan in unnamed.values() for change in plan])
    return {name: _plan(unnamed[name], named[name]) for name in variables}


Change = dict[str, Any]


def _printed(
    folder: Path, variables: Mapping[str, Mapping[str, Any]], named: Iterable[Change]
) -> dict[str, list[Change]]:
    """Name → the resource changes of its plan."""
    runs = [
        f'run "{name}" {{\n  command = plan\n  variables {_hcl(values)}\n}}\n' for name, values in variables.items()
    ]
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    (tests / "plans.tftest.hcl").write_text("\n".join([SURROUNDINGS, *_overrides(named), *runs]))
    lines = [json.loads(line) for line in _terraform(folder, "test", "-json", "-verbose").splitlines()]
    return {line["@testrun"]: line["test_plan"]["resource_changes"] for line in lines if line["type"] == "test_plan"}


def _overrides(changes: Iterable[Change]) -> Iterator[str]:
    values = {change["address"]: _made_up(change) for change in changes if change["type"].startswith("aws_")}
    for address, made_up in values.items():
        if not address.startswith("data."):
            during = "override_during = plan"
            yield f"override_resource {{\n  target = {address}\n  {during}\n  values = {_hcl(made_up)}\n}}\n"


def _made_up(change: Change) -> dict[str, Any]:
    kind, planned = change["type"], change["change"]
    made_up: dict[str, Any] = {}
    if planned["after_unknown"].get("arn") is True:
        service = SERVICES.get(kind, kind.split("_")[1])
        key = f"/{change['index']}" if "index" in change else ""
        made_up["arn"] = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}/{change['name']}{key}"
    if kind == "aws_iam_role":
        made_up["id"] = planned["after"]["name"]
    if kind == "aws_db_instance":
        made_up["master_user_secret"] = [{"secret_arn": MASTER_SECRET, "secret_status": "active", "kms_key_id": ""}]
    return made_up


def _plan(unnamed: list[Change], named: list[Change]) -> Plan:
    """What was known the first time as it was then, with the provider's defaults, and the rest of the second time."""
    later = {change["address"]: change["change"]["after"] for change in named}
    resources = tuple(_resource(change, later[change["address"]]) for change in unnamed if change["mode"] == "managed")
    return Plan(resources, {change["name"]: later[change["address"]] for change in unnamed if change["mode"] == "data"})


def _resource(change: Change, later: Mapping[str, Any]) -> Resource:
    unknown = change["change"]["after_unknown"]
    known = {name: value for name, value in change["change"]["after"].items() if not _any(unknown.get(name))}
    return Resource(change["address"], change["type"], str(change.get("index", "")), {**later, **known})


def _any(unknown: Any) -> bool:
    if isinstance(unknown, dict):
        return any(map(_any, unknown.values()))
    return any(map(_any, unknown)) if isinstance(unknown, list) else unknown is True


def _hcl(values: Mapping[str, Any]) -> str:
    """JSON with equal signs is an HCL object; ${ and %{ would be templates."""
    lines = [
        f"  {name} = {json.dumps(value).replace('${', '$${').replace('%{', '%%{')}" for name, value in values.items()
    ]
    return "\n".join(["{", *lines, "}"])


def _terraform(folder: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
    done = subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise PlanFailedError(_complaints(done.stdout) or done.stderr)
    return done.stdout


def _complaints(output: str) -> str:
    """The errors of `terraform … -json`."""
    errors = [json.loads(line) for line in output.splitlines() if '"type":"diagnostic"' in line]
    return "\n".join(f"{error['diagnostic']['summary']} {error['diagnostic'].get('detail', '')}" for error in errors)
