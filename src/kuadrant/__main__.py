"""The command `kuadrant`, also as `python -m kuadrant`."""

import gc
import io
import os
import signal
import sys

_COLLECTED_RARELY = (100_000, 50, 100)


def main() -> None:
    """Run the command line.

    Until a command handles it, Ctrl-C ends the process at once and without a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Objects and limits come and go by the thousand and are no cycles. To look for some as often as by
    # default takes a tenth of the time that a thousand policies are checked in.
    gc.set_threshold(*_COLLECTED_RARELY)
    _open_standard_streams()
    # gRPC has lines of its own for every client that breaks off a handshake, and they are none of our log.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from kuadrant import cli  # noqa: PLC0415 - importing all of it takes long enough to be interrupted

    cli.main()


def _open_standard_streams() -> None:
    """Have what was closed before the start lead nowhere.

    Else the first sockets would be the standard streams, and all that is written there go to whoever is at
    the other end.
    """
    for stream, mode in (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, stream) is None:
            number = os.open(os.devnull, mode)  # the lowest one that is free
            setattr(sys, stream, os.fdopen(number, "r" if mode == os.O_RDONLY else "w"))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a character that it has not is no reason to say nothing
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
