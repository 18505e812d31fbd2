"""The AWS command line, loaded once: the scripts call it some twenty times a run, and each start costs a second.

The server runs in .venv-infra and forks for each call; `aws` on the tests' PATH is client.py, which hands over its
arguments, environment, folder and files.
"""
