"""Fixtures of the deployment's tests."""

from tests.infra.fixtures import all_plans, plan

__all__ = ["all_plans", "plan"]
