"""The command `kuadrant`, also as `python -m kuadrant`."""

import os
import signal


def main() -> None:
    """Run the command line.

    Until a command handles it, Ctrl-C ends the process at once and without a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # gRPC has lines of its own for every client that breaks off a handshake, and they are none of our log.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from kuadrant import cli  # noqa: PLC0415 - importing all of it takes long enough to be interrupted

    cli.main()


if __name__ == "__main__":
    main()
