"""`client.py SOCKET WORD…`: the call, carried out by the server. Imports little, for it is to be quick."""

import os
import socket
import sys


def main(path: str, *words: str) -> int:
    settings = [f"{name}={value}" for name, value in os.environ.items()]
    folder = os.getcwd()  # noqa: PTH109  # pathlib takes longer to import
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [b"."], [0, 1, 2])
        server.sendall("\0".join([folder, str(len(words)), *words, *settings]).encode())
        server.shutdown(socket.SHUT_WR)
        return (server.recv(1) or b"\1")[0]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
