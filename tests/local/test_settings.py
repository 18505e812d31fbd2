"""The embedded stack's settings: whose folder it is, which ports, which AWS."""

import socket
from pathlib import Path

import pytest

from infra.local.ports import PortsTakenError, require_free
from infra.local.programs import clean_environment
from infra.local.settings import Local, LocalSettingsError


def local(folder: Path, **ports: str) -> Local:
    return Local.from_environment({"LOCAL_DIR": str(folder), **ports})


def test_a_folder_with_somebodys_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").touch()
    with pytest.raises(LocalSettingsError, match="LOCAL_DIR"):
        local(tmp_path).claim_folder()
    assert not local(tmp_path).is_ours


def test_a_folder_that_was_taken_once_is_ours(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    assert not local(folder).is_ours
    local(folder).claim_folder()
    (folder / "log").mkdir()
    local(folder).claim_folder()
    assert local(folder).is_ours


@pytest.mark.parametrize("port", ["", "0", "65536", "http", "80.5", "٣"])
def test_a_port_that_is_none_is_named(tmp_path: Path, port: str) -> None:
    if not port:
        assert local(tmp_path, COLLECTOR_PORT=port).collector_port == 8080
        return
    with pytest.raises(LocalSettingsError, match="COLLECTOR_PORT"):
        local(tmp_path, COLLECTOR_PORT=port)


def test_two_services_on_one_port_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalSettingsError, match="differ"):
        local(tmp_path, COLLECTOR_PORT="5000", POSTGRES_PORT="5000")


def test_every_taken_port_is_named_with_its_setting() -> None:
    with socket.socket() as one, socket.socket() as other:
        for holder in (one, other):
            holder.bind(("127.0.0.1", 0))
            holder.listen()
        ports = {"ONE": one.getsockname()[1], "OTHER": other.getsockname()[1]}
        with pytest.raises(PortsTakenError) as refused:
            require_free(ports)
    assert all(f"port {port} is taken by process" in str(refused.value) for port in ports.values())
    assert all(f"{name}=" in str(refused.value) for name in ports)


def test_the_users_own_aws_settings_reach_no_service(tmp_path: Path) -> None:
    users = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ENDPOINT_URL_KINESIS": "https://kinesis.example",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "PATH": "/bin",
    }
    clean = clean_environment(local(tmp_path), users)
    assert clean["PATH"] == "/bin"
    assert clean["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert not set(users.values()) & {value for name, value in clean.items() if name.startswith("AWS_")}
    assert "AWS_PROFILE" not in clean
