"""`python -m tests.infra.commandline SOCKET`: serves client.py until SIGTERM."""

import contextlib
import io
import os
import signal
import socket
import sys
import traceback

from awscli.clidriver import create_clidriver


def serve(path: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        create_clidriver().main(["--version"])  # loads the rest of it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(64)
        while True:
            client, _ = listening.accept()
            with client:
                if os.fork() == 0:
                    client.send(bytes([_answer(client)]))
                    os._exit(0)


def _answer(client: socket.socket) -> int:
    """Never raises: the child must not go on as a server."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _, files, _, _ = socket.recv_fds(client, 1, 3)
        for number, file in enumerate(files):
            os.dup2(file, number)
        folder, count, *rest = client.makefile().read().split("\0")
        os.chdir(folder)
        own_models = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}
        os.environ.clear()
        os.environ.update(dict(setting.split("=", 1) for setting in rest[int(count) :]) | own_models)
        return int(create_clidriver().main(rest[: int(count)]))
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
