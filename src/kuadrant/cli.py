"""The commands: they parse, call and print.

What serves takes a quarter of a second to import, so that only the commands that serve do it: the others are for people who wait.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number
from msgspec import to_builtins

from kuadrant import __version__, log
from kuadrant.kube.client import ConfigurationError, RequestError, find_access
from kuadrant.operator.told import told
from kuadrant.operator.who import Answer, who
from kuadrant.progress import Bar
from kuadrant.settings import Milliseconds, Modules, OperatorSettings, RatelimitSettings, RunSettings, Sha256
from kuadrant.status import Report, report_text
from kuadrant.status import chosen as chosen_part
from kuadrant.wasm import report, store
from kuadrant.wasm.catalogue import CHOSEN, CatalogueError, carried, current
from kuadrant.wasm.fetch import FetchError, Wanted, fetch
from kuadrant.wasm.module import Module, NotAModule
from kuadrant.wasm.releases import GITHUB

app = App(
    name="kuadrant",
    help="Rate limiting for Gateway API that carries its own data plane.",
    version=__version__,
    default_parameter=Parameter(negative=()),
)
wasm = App(name="wasm", help="Show and check the proxy-wasm modules that gateways load.")
app.command(wasm)

_WATCH_SECONDS = 0.5
_RUN = RunSettings()
_RATELIMIT = RatelimitSettings()

Output = Annotated[Literal["text", "json"], Parameter(name=["--output", "-o"])]


@app.command
def run(folder: Path, /, *, options: RunSettings = _RUN) -> int:
    """Run the Gateways of a folder of YAML on a real Envoy, with every policy enforced.

    The folder holds what a cluster would: Gateways, HTTPRoutes, Services, RateLimitPolicies. A change of a file is live
    as soon as it is saved; a change with a mistake is reported, and what ran before goes on. Ctrl-C ends everything.

    Exit code: 0 after Ctrl-C or SIGTERM, 1 when the folder has mistakes at the start or a port is taken, 2 for wrong usage.

    Args:
        folder: The folder to read, with all folders below it (*.yaml, *.yml, *.json).
        options: What can be set.
    """
    with _standalone("kuadrant run"):
        from kuadrant.standalone import run as standalone  # noqa: PLC0415
    log.configure(options.log_level, options.log_mode)
    return asyncio.run(standalone.run(folder, options))


@app.command
def ratelimit(*, options: RatelimitSettings = _RATELIMIT) -> int:
    """Serve the limits of a Limitador resource to the gateways of a cluster, in place of the limitador-operator.

    A change of the resource holds as soon as it is heard of. The last good limits stay when the resource gets wrong ones, is
    deleted, or the API server is away; before the first ones nothing is answered. Counters are in memory, where each process
    counts by itself, or in the Redis that the resource's spec.storage names, where all count together.

    Exit code: 0 after SIGTERM or Ctrl-C, 1 when a port is taken or no way to the API server is known, 2 for wrong usage.
    """
    from kuadrant import ratelimit_follower  # noqa: PLC0415

    log.configure(options.log_level, options.log_mode)
    return asyncio.run(ratelimit_follower.run(options))


@app.command
def translate(
    folder: Path,
    /,
    *,
    modules: Modules = None,
    output: Annotated[Literal["envoy", "shim", "limits"], Parameter(name=["--output", "-o"])] = "envoy",
) -> int:
    """Print what would be sent for a folder of YAML, as YAML, without running anything.

    Exit code: 0, or 1 when the folder has mistakes.

    Args:
        folder: The folder to read.
        modules: A folder of fetched modules; the current one of them is configured.
        output: envoy is Envoy's configuration by resource type, shim the configuration of the proxy-wasm module for each
            listener, limits what the rate limit service holds (Limitador reads the same file).
    """
    with _standalone("kuadrant translate"):
        from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415
        from kuadrant.standalone.folder import FolderError, read  # noqa: PLC0415
        from kuadrant.standalone.plan import Mistakes, plan  # noqa: PLC0415
        from kuadrant.standalone.translate import surroundings, translated  # noqa: PLC0415
    module = current(modules)
    try:
        files = read(folder)
        made_for = surroundings(module)
    except (FolderError, UnknownDialectError) as error:
        sys.exit(f"kuadrant: {error}")
    result = plan(files, made_for, {})
    if isinstance(result, Mistakes):
        for problem in result.problems:
            print(problem, file=sys.stderr)
        return 1
    for note in result.notes:
        print(note, file=sys.stderr)
    print(translated(result, output, module), end="")
    return 0


@app.command
def operator(*, options: OperatorSettings) -> int:
    """Keep the gateways of a cluster limiting as its policies say, and serve them the module that does it.

    In a pod it uses the service account, elsewhere the current kubeconfig. Several replicas may run: all serve modules,
    one writes.
    """
    from kuadrant.operator import run as cluster  # noqa: PLC0415

    log.configure(options.log_level, options.log_mode)
    return asyncio.run(cluster.run(options))


@app.command
def status(
    what: Literal["gateway", "policy"] | None = None,
    name: str = "",
    /,
    *,
    watch: bool = False,
    namespace: Annotated[str, Parameter(env_var="OPERATOR_NAMESPACE")] = "kuadrant-system",
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Show which module and configuration each gateway pod runs and how that is known, and what is said of policies.

    The replica of the operator that leads is asked, through the API server: it takes the rights to list pods and to get pods/proxy.

    Exit code: 0, or 1 when the operator cannot be asked, or when nothing of that name is known.

    Args:
        what: Only gateways or only policies (with the gateways that they are about).
        name: Only the one of this name ([namespace/]name).
        watch: Show it anew whenever it changes, until Ctrl-C.
        namespace: The operator's namespace.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people, json for programs.
    """

    async def show() -> int:
        async with find_access(str(kubeconfig) if kubeconfig else None).connect() as client:
            last: Report | None = None
            while True:
                report = chosen_part(await told(client, namespace, time.time), what, name)
                if report != last:
                    _print(to_builtins(report), report_text(report, time.time()), output)
                    sys.stdout.flush()
                last = report
                if not watch:
                    return 1 if name and not (report.gateways or report.policies) else 0
                await asyncio.sleep(_WATCH_SECONDS)

    try:
        return asyncio.run(show())
    except (ConfigurationError, RequestError) as error:
        sys.exit(f"kuadrant: {error}")
    except KeyboardInterrupt:
        return 0


@wasm.command(name="list")
def wasm_list(*, modules: Modules = None, output: Output = "text") -> int:
    """List the modules that are served, the current one first.

    Args:
        modules: A folder of fetched modules, served beside the embedded ones.
        output: text for people, json for programs.
    """
    listing = report.listing(carried(modules))
    _print(listing, report.listing_text(listing), output)
    return 0


@wasm.command(name="inspect")
def wasm_inspect(file: Path | None = None, /, *, modules: Modules = None, output: Output = "text") -> int:
    """Show a module's size, SHA-256, ABI, imports and exports.

    Args:
        file: A module; without it, the one that gateways get.
        modules: A folder of fetched modules, served beside the embedded ones.
        output: text for people, json for programs.
    """
    try:
        inspection = report.inspection(current(modules) if file is None else _read(file))
    except NotAModule as error:
        sys.exit(f"{file}: {error}")
    _print(inspection, report.inspection_text(inspection), output)
    return 0


@wasm.command(name="verify")
def wasm_verify(file: Path, /, *, modules: Modules = None, output: Output = "text") -> int:
    """Tell whether a file is a module that Envoy can load, and whether it is one of those that are served.

    Exit code: 0 when it is a loadable module, 1 when it is not.

    Args:
        file: The file to look at.
        modules: A folder of fetched modules, served beside the embedded ones.
        output: text for people, json for programs.
    """
    verification = report.verification(_read(file), carried(modules))
    _print(verification, report.verification_text(verification), output)
    return 0 if verification["loadable"] else 1


@wasm.command(name="fetch")
def wasm_fetch(
    version: str,
    /,
    *,
    modules: Annotated[Path, Parameter(env_var="WASM_SHIM_MODULES")] = Path(),
    sha256: Sha256 = None,
    trust_first_use: Annotated[bool, Parameter(env_var="WASM_SHIM_TRUST_FIRST_USE")] = False,
    from_file: Path | None = None,
    from_url: str | None = None,
    source: Annotated[str, Parameter(env_var="WASM_SHIM_SOURCE")] = GITHUB,
    timeout: Milliseconds = 30_000,
    output: Output = "text",
) -> int:
    """Fetch a release of the official wasm-shim, to be served in place of our own module.

    It is looked up with GitHub's API, its bytes are checked against the published checksum, and it has to be a module that Envoy
    can load; otherwise nothing is stored and what was there stays. The proxy and the authorities of TLS are those of HTTPS_PROXY,
    NO_PROXY and SSL_CERT_FILE; GITHUB_TOKEN goes to the source and nowhere else.

    Exit code: 0, 1 when it cannot be had or is not what it should be, 2 for wrong usage.

    Args:
        version: The release, such as v0.6.0.
        modules: The folder to store it in, as kuadrant-wasm-shim.
        sha256: What the bytes have to have, in place of the published checksum.
        trust_first_use: Take the bytes where no checksum is published.
        from_file: Take the module from this file (a checksum may lie beside it, as FILE.sha256).
        from_url: Take the module from this address.
        source: The root of the API, or of a repository in it, to look the release up.
        timeout: How long a server may be silent, such as 30s.
        output: text for people, json for programs.
    """
    if from_file is not None and from_url is not None:
        sys.exit("kuadrant: give --from-file or --from-url, not both")
    say = print if output == "text" else lambda _line: None
    wanted = Wanted(
        version=version,
        sha256=sha256,
        trust=trust_first_use,
        file=from_file,
        url=from_url,
        source=source,
        token=os.environ.get("GITHUB_TOKEN") or None,
        patience=timeout / 1000,
    )
    try:
        with Bar(sys.stderr) as bar:
            entry = fetch(modules, wanted, say, bar.show)
    except FetchError as error:
        sys.exit(f"kuadrant: {error}")
    _print(to_builtins(entry), f"{entry.sha256}  {modules / CHOSEN}", output)
    return 0


@wasm.command(name="gc")
def wasm_gc(
    *,
    modules: Annotated[Path, Parameter(env_var="WASM_SHIM_MODULES")] = Path(),
    keep: Annotated[int, Parameter(validator=Number(gte=0))] = 1,
) -> int:
    """Remove fetched modules that are no longer needed.

    The current one stays, and those that were fetched before it: a gateway that starts with an older object asks for one of them.

    Args:
        modules: The folder of fetched modules.
        keep: How many of those before the current one stay.
    """
    for name in store.collect(modules, keep_before=keep):
        print(name)
    return 0


@wasm.command(name="who")
def wasm_who(
    *,
    namespace: Annotated[str, Parameter(env_var="OPERATOR_NAMESPACE")] = "kuadrant-system",
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Show which gateway pods have fetched which module from the operator of a cluster, and how it ended.

    Every replica is asked, through the API server: it takes the rights to list pods and to get pods/proxy.

    Exit code: 0, or 1 when a replica or the API server cannot be asked.

    Args:
        namespace: The operator's namespace.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people, json for programs.
    """

    async def ask() -> Answer:
        async with find_access(str(kubeconfig) if kubeconfig else None).connect() as client:
            return await who(client, namespace)

    try:
        answer = asyncio.run(ask())
    except (ConfigurationError, RequestError) as error:
        sys.exit(f"kuadrant: {error}")
    for problem in answer.problems:
        print(f"kuadrant: {problem}", file=sys.stderr)
    if not answer.replicas:
        sys.exit(f"kuadrant: no replica of the operator runs in {namespace}")
    _print(to_builtins(answer.lines), report.fetches_text(to_builtins(answer.lines)), output)
    return 1 if answer.problems else 0


@contextmanager
def _standalone(command: str) -> Iterator[None]:
    """Around the import of what only standalone mode needs: the image of the operator has no Envoy."""
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(
            f"{command}: the package {error.name} is not installed; the image of the operator leaves it out: pip install kuadrant"
        )


def _read(file: Path) -> Module:
    try:
        return Module(name=file.name, data=file.read_bytes())
    except OSError as error:
        sys.exit(f"{file} cannot be read: {error.strerror}")


def _print(values: object, text: str, output: Literal["text", "json"]) -> None:
    print(json.dumps(values, indent=2, ensure_ascii=False) if output == "json" else text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with ``arguments`` (by default the process's own) and exit; wrong usage is exit code 2."""
    try:
        app(sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        sys.exit(1)
    except CatalogueError as error:
        sys.exit(f"kuadrant: {error}")
    except OSError as error:  # such as a full disk that our output goes to
        sys.exit(f"kuadrant: {error}")
