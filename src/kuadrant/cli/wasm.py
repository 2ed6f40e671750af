"""`kuadrant wasm`: shows, checks and fetches the modules that gateways load."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from msgspec import to_builtins

from kuadrant.cli.cluster import Namespace, ask_cluster
from kuadrant.cli.output import Output, write
from kuadrant.cli.paths import File, Folder, ModulesFolder
from kuadrant.operator_client.module_fetches import module_fetches
from kuadrant.settings import Milliseconds, Sha256, TrustedKeys
from kuadrant.terminal_progress import Bar
from kuadrant.wasm import module_folder, module_report, trust
from kuadrant.wasm.catalogue import CHOSEN, carried, current
from kuadrant.wasm.module import Module
from kuadrant.wasm.release_fetch import fetch
from kuadrant.wasm.release_proof import WantedRelease
from kuadrant.wasm.releases import GITHUB
from kuadrant.wasm.wasm_binary import NotAModule


def list_modules(*, modules: ModulesFolder = None, output: Output = "text") -> int:
    """List the modules that are served, the current one first.

    Exit code: 0, 1 when a module is not what its lock file says, 2 for wrong usage.

    Args:
        modules: A folder of fetched modules, served beside the embedded ones.
        output: text for people, json for programs.
    """
    listing = module_report.listing(carried(modules))
    write(listing, module_report.listing_text(listing), output)
    return 0


def inspect(file: File | None = None, /, *, modules: ModulesFolder = None, output: Output = "text") -> int:
    """Show a module's size, SHA-256, ABI, imports and exports.

    Args:
        file: A module; without it, the one that gateways get.
        modules: A folder of fetched modules, served beside the embedded ones.
        output: text for people, json for programs.
    """
    try:
        inspection = module_report.inspection(current(modules) if file is None else _read(file))
    except NotAModule as error:
        sys.exit(f"{file}: {error}")
    write(inspection, module_report.inspection_text(inspection), output)
    return 0


def verify(
    file: File,
    /,
    *,
    modules: ModulesFolder = None,
    trusted_keys: TrustedKeys = None,
    output: Output = "text",
) -> int:
    """Tell whether a file is a module that Envoy can load, and whether it is one of those that are served.

    With --trusted-keys it also tells who has signed it.

    Exit code: 0 when it is a loadable module, 1 when it is not, or nobody who is trusted has signed it, 2
    when there is no such file.

    Args:
        file: The file to look at.
        modules: A folder of fetched modules, served beside the embedded ones.
        trusted_keys: A public key, or a folder of them and of statements.
        output: text for people, json for programs.
    """
    carry = carried(modules)
    verification = module_report.verification(_read(file), carry)
    good = verification["loadable"]
    if trusted_keys is not None:
        same = next((one for one in carry if one.sha256 == verification["sha256"]), None)
        key, why = trust.vouching(same or _read(file), modules, trusted_keys)
        verification |= {"signedBy": key, "distrust": why}
        good &= key is not None
    write(verification, module_report.verification_text(verification), output)
    return 0 if good else 1


def sign(
    version: str | None = None,
    /,
    *,
    key: File,
    modules: ModulesFolder = None,
    into: Folder,
) -> int:
    """Vouch for modules, so that they are served where only trusted ones are (WASM_SHIM_TRUSTED_KEYS).

    It signs what this build carries and what was fetched into --modules, each as the lock file has it. A key
    that has a password gets it from KUADRANT_KEY_PASSWORD.

    Exit code: 0, 1 when there is no such module, 2 for wrong usage.

    Args:
        version: The version to sign, such as v0.6.0; without it, every one.
        key: The private key in PEM (Ed25519 or P-256), which stays where it is.
        modules: A folder of fetched modules, served beside the embedded ones.
        into: The folder to write the statements to, beside the public key for instance.
    """
    from kuadrant.cli.bundle import signing  # noqa: PLC0415 - most commands need no signatures
    from kuadrant.wasm.module_statement import signed_statement, statement_name  # noqa: PLC0415 - as above

    wanted = [one for one in carried(modules) if version in (None, one.version)]
    if not wanted:
        sys.exit(f"kuadrant: there is no module of version {version}; `kuadrant wasm list` names them")
    signer = signing(key)
    for module in wanted:
        file = into / statement_name(module)
        file.write_bytes(signed_statement(module, signer))
        print(f"{file}: {module.name} {module.version}, signed by {signer.trusted.key_id}")
    return 0


def fetch_release(
    version: str,
    /,
    *,
    modules: Annotated[Path, Parameter(env_var="WASM_SHIM_MODULES")] = Path(),
    sha256: Sha256 = None,
    trust_first_use: Annotated[bool, Parameter(env_var="WASM_SHIM_TRUST_FIRST_USE")] = False,
    from_file: File | None = None,
    from_url: Annotated[str | None, Parameter(metavar="URL")] = None,
    source: Annotated[str, Parameter(env_var="WASM_SHIM_SOURCE", metavar="URL")] = GITHUB,
    timeout: Milliseconds = 30_000,
    output: Output = "text",
) -> int:
    """Fetch a release of the official wasm-shim, to be served in place of our own module.

    It is looked up with GitHub's API, its bytes are checked against the published checksum, and it has to be
    a module that Envoy can load; otherwise nothing is stored and what was there stays. The proxy and the
    authorities of TLS are those of HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE; GITHUB_TOKEN goes to the source
    and nowhere else.

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
    wanted = WantedRelease(
        version=version,
        sha256=sha256,
        trust=trust_first_use,
        file=from_file,
        url=from_url,
        source=source,
        token=os.environ.get("GITHUB_TOKEN") or None,
        patience=timeout / 1000,
    )
    with Bar(sys.stderr) as bar:
        entry = fetch(modules, wanted, say, bar.show)
    write(to_builtins(entry), f"{entry.sha256}  {modules / CHOSEN}", output)
    return 0


def collect(
    *,
    modules: Annotated[Folder, Parameter(env_var="WASM_SHIM_MODULES")] = Path(),
    keep: Annotated[int, Parameter(validator=Number(gte=0))] = 1,
) -> int:
    """Remove fetched modules that are no longer needed.

    The current one stays, and those that were fetched before it: a gateway that starts with an older object
    asks for one of them.

    Args:
        modules: The folder of fetched modules.
        keep: How many of those before the current one stay.
    """
    for name in module_folder.collect(modules, keep_before=keep):
        print(name)
    return 0


def who_fetched(
    *,
    namespace: Namespace = "kuadrant-system",
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
    answer = ask_cluster(kubeconfig, lambda client: module_fetches(client, namespace), output)
    for problem in answer.problems:
        print(f"kuadrant: {problem}", file=sys.stderr)
    if not answer.replicas:
        sys.exit(f"kuadrant: no replica of the operator runs in {namespace}")
    write(to_builtins(answer.lines), module_report.fetches_text(to_builtins(answer.lines)), output)
    return 1 if answer.problems else 0


def _read(file: Path) -> Module:
    try:
        return Module(name=file.name, data=file.read_bytes())
    except OSError as error:
        sys.exit(f"{file} cannot be read: {error.strerror}")
