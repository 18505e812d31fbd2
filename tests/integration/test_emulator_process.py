"""The emulator as a process: where it listens, what it says, when it refuses to start."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from infra.local.emulator.settings import EmulatorSettings
from tests.integration.emulator import CHECKOUT, Emulator, running


def test_it_listens_on_loopback_and_nowhere_else(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - what it must not heed
    with running(tmp_path, BIND_HOST=everywhere, USE_SSL="1", IOT_MTLS_ENABLED="1") as emulator:
        listening = [
            tuple(found.laddr)
            for found in psutil.Process(emulator.process.pid).net_connections("inet")
            if found.status == psutil.CONN_LISTEN
        ]
    assert listening == [("127.0.0.1", emulator.port)]


def test_it_says_nothing_while_all_is_well(tmp_path: Path) -> None:
    with running(tmp_path, LOG_LEVEL="INFO") as emulator:
        emulator.client("ses").verify_email_identity(EmailAddress="alerts@payments.example")
        assert emulator.stop() == (0, "", "")


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"STATE_DIR": ""}, "PERSIST_STATE=1 needs STATE_DIR"),
        ({"FIREHOSE_MAX_INTERVAL_SECONDS": "soon"}, "FIREHOSE_MAX_INTERVAL_SECONDS must be a number above 0"),
        ({"EMULATOR_LOG_LEVEL": "LOUD"}, "EMULATOR_LOG_LEVEL must be a level"),
        ({"GATEWAY_PORT": "-1"}, "GATEWAY_PORT must be a port"),
    ],
)
def test_an_unusable_setting_is_named(tmp_path: Path, environment: dict[str, str], complaint: str) -> None:
    emulator = Emulator(tmp_path, environment)
    _, err = emulator.launch().communicate()
    assert emulator.process.returncode == 2
    assert complaint in err
    assert "Traceback" not in err


def test_a_taken_port_is_an_error_in_one_line(tmp_path: Path) -> None:
    with running(tmp_path / "first") as first:
        second = Emulator(tmp_path / "second", {"GATEWAY_PORT": str(first.port)})
        _, err = second.launch().communicate()
    assert second.process.returncode == 1
    assert err.startswith("emulator: ")
    assert err.count("\n") == 1


def test_neither_docker_nor_a_mail_relay_of_the_users_is_reached() -> None:
    users = {"DOCKER_HOST": "unix:///var/run/docker.sock", "SMTP_HOST": "mail.example:25", "HOME": "/home/user"}
    given = EmulatorSettings.from_environment(users).for_ministack(users)
    assert not Path(given["DOCKER_HOST"].removeprefix("unix://")).exists()
    assert "SMTP_HOST" not in given
    assert given["HOME"] == "/home/user"


def test_another_ministack_is_refused() -> None:
    program = "import sys; from infra.local.emulator import __main__ as m; m.MINISTACK = '9.9'; sys.exit(m.main())"
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "emulator: the corrections fit ministack 9.9 alone, and 1.5.33 is installed\n",
    )
