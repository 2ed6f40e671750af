"""kubectl on a cluster, whichever it is."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MANAGER = "lab"
APPLY = ("apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}")
_SERVED_SECONDS = 30


class KubectlError(Exception):
    """kubectl refused; the message holds the command and what it said."""


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl through `command`, which turns words into the full command line."""

    command: Callable[..., list[str]]

    def run(self, *words: str, given: str | None = None) -> str:
        """Run kubectl with `given` as its input and return its output.

        Raises:
            KubectlError: it left with another status than 0.
        """
        line = self.command("kubectl", *words)
        done = subprocess.run(line, input=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KubectlError(f"`kubectl {' '.join(words)}` failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def can(self, *words: str) -> bool:
        """Tell whether the command succeeds."""
        try:
            self.run(*words)
        except KubectlError:
            return False
        return True

    def until(self, *words: str, patience: float) -> str:
        """Run kubectl again and again until it succeeds.

        Raises:
            KubectlError: it did not within `patience` seconds; the last refusal.
        """
        end = time.monotonic() + patience
        while True:
            try:
                return self.run(*words)
            except KubectlError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def apply(self, files: Sequence[Path]) -> None:
        """Apply manifests, files or folders of them, by the server.

        Whoever else changed a field has to yield. Kinds that are served in a moment are waited for: an API
        server calls them established before it takes objects of them.
        """
        places = [word for file in files for word in ("--filename", str(file))]
        self.until(*APPLY, *places, patience=_SERVED_SECONDS)

    def met(self, condition: str, *what: str, namespace: str, patience: int) -> None:
        """Wait until objects have a condition; objects that are to come are waited for.

        Raises:
            KubectlError: they had it not within `patience` seconds; the message holds the states of the
                namespace's pods.
        """
        place = f"--namespace={namespace}"
        line = ("wait", f"--for=condition={condition}", *what, place, f"--timeout={patience}s")
        try:
            self.until(*line, patience=patience)
        except KubectlError as error:
            raise self._told(error, place) from None

    def rolled_out(self, deployment: str, namespace: str, *, patience: int) -> None:
        """Wait until every pod of a deployment, which may be to come, is ready.

        Raises:
            KubectlError: they were not within `patience` seconds; the message holds their states and what
                they said last.
        """
        place = f"--namespace={namespace}"
        try:
            line = ("rollout", "status", f"deployment/{deployment}", place, f"--timeout={patience}s")
            self.until(*line, patience=patience)
        except KubectlError as error:
            raise self._told(
                error, place, ("logs", f"deployment/{deployment}", "--all-pods", "--tail=20", place)
            ) from None

    def _told(self, error: KubectlError, place: str, *more: tuple[str, ...]) -> KubectlError:
        """The error with the states of a namespace's pods, its warnings, and what more commands tell."""
        told = [str(error)]
        for words in (
            ("get", "pods", "--output=wide", place),
            ("get", "events", "--field-selector=type=Warning", place),
            *more,
        ):
            with contextlib.suppress(KubectlError):
                told.append(self.run(*words))
        return KubectlError("\n".join(told))
