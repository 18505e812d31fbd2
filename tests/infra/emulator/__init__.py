"""AWS for the deployment's tests: moto, with an engine behind its registry, its tasks and its database.

Runs in an environment of its own, .venv-infra: `python -m tests.infra.emulator`. Nothing here is imported by a test.
"""
