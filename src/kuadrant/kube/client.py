"""Reaches the API server: who we are and where it is."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError
from msgspec import Struct

from kuadrant.kube.api_answers import ERRORS, ApiStatus, read_status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from lightkube.config.models import UserExec

FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ConfigError, OSError)
"""All that a request can raise besides a bug: the network, TLS, and whatever gives us credentials."""

_EXEC = "client.authentication.k8s.io/"
_EXEC_VERSIONS = frozenset({f"{_EXEC}v1", f"{_EXEC}v1beta1"})


class ConfigurationError(Exception):
    """It is not known how to reach the API server, or as whom."""


class RequestError(Exception):
    """A request got no answer or another one than was wanted; the text says what and why."""


class Access(Struct, frozen=True):
    """A way to an API server: where it was found, its address and its default namespace."""

    source: str
    server: str
    namespace: str
    config: SingleConfig

    def connect(self, *, timeout: float = 10) -> httpx2.AsyncClient:
        """A client whose requests carry our credentials.

        Tokens are read again when the server no longer takes them.

        Raises:
            ConfigurationError: A certificate or key cannot be loaded.
        """
        parameters = ConnectionParams(timeout=httpx2.Timeout(timeout))
        try:
            client = AsyncClient(self.config, parameters)
        except (ConfigError, OSError, ValueError) as error:
            raise ConfigurationError(f"{self.source}: certificates or credentials: {error}") from error
        if self.config.user is not None and self.config.user.exec is not None:
            client.auth = _PluginAuth(self.config, self.config.user.exec)
        # Compressing costs both sides more time than the bytes take inside a cluster.
        client.headers["accept-encoding"] = "identity"
        client.headers["user-agent"] = "kuadrant"
        return client


def find_access(kubeconfig: str | None = None, context: str | None = None) -> Access:
    """Find the way to the API server, in kubectl's order.

    That is: the file ``kubeconfig``, the file that ``KUBECONFIG`` names, the service account of the pod,
    ``~/.kube/config``.

    Raises:
        ConfigurationError: There is none, or the first one found cannot be used.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG") or ""
    if not path and "KUBERNETES_SERVICE_HOST" in os.environ and Path(SERVICE_ACCOUNT, "token").exists():
        return _access(
            "the pod's service account", lambda: KubeConfig.from_service_account(SERVICE_ACCOUNT), None
        )
    if os.pathsep in path:
        raise ConfigurationError(
            f"KUBECONFIG names several files ({path}), which is not supported: merge them with "
            "'kubectl config view --flatten' and name the result"
        )
    file = Path(path or DEFAULT_KUBECONFIG).expanduser()
    if not file.is_file():
        hint = "" if path else "; set KUBECONFIG or --kubeconfig, or run in a pod with a service account"
        raise ConfigurationError(f"there is no kubeconfig at {file}{hint}")
    return _access(str(file), lambda: _read(file), context)


def _read(file: Path) -> KubeConfig:
    content = yaml.safe_load(file.read_text())
    if not isinstance(content, dict):
        raise ConfigError("this is no kubeconfig: it has no clusters, users and contexts")
    return KubeConfig.from_dict(content, fname=file)


def _access(source: str, read: Callable[[], KubeConfig], context: str | None) -> Access:
    try:
        config = read().get(context)
    except KeyError as error:
        raise ConfigurationError(f"{source}: {error} is missing or is named but not defined") from error
    except (TypeError, AttributeError) as error:
        problem = "this is no kubeconfig: clusters, users and contexts are lists of what has a name"
        raise ConfigurationError(f"{source}: {problem}") from error
    except (ConfigError, OSError, ValueError, msgspec.MsgspecError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{source}: {' '.join(str(error).split())}") from error
    assert config is not None
    user = config.user or User()
    if user.token_file is not None:
        user = msgspec.structs.replace(user, token_file=str(config.abs_file(user.token_file)))
    if user.exec is not None and user.exec.apiVersion not in _EXEC_VERSIONS:
        raise ConfigurationError(
            f"{source}: the apiVersion of the user's exec is {user.exec.apiVersion}; it must be one of "
            f"{', '.join(sorted(_EXEC_VERSIONS))}"
        )
    return Access(source, config.cluster.server, config.namespace, config._replace(user=user))


class _Credential(Struct, rename="camel"):
    token: str = ""


class _ExecCredential(Struct):
    status: _Credential


class _PluginAuth(httpx2.Auth):
    """Tokens from a credential plugin.

    It is run before the first request and whenever a token is no longer accepted.

    lightkube's own knows only the protocol's beta version, and breaks off with a traceback if the plugin
    gives no token.
    """

    def __init__(self, config: SingleConfig, plugin: UserExec) -> None:
        self._plugin = plugin
        # As in kubectl: a command that is a path is relative to the kubeconfig.
        self._command = str(config.abs_file(plugin.command)) if "/" in plugin.command else plugin.command
        information = {
            "apiVersion": plugin.apiVersion,
            "kind": "ExecCredential",
            "spec": {"interactive": False, "cluster": {"server": config.cluster.server}},
        }
        self._environment = {
            **os.environ,
            **{variable.name: variable.value for variable in plugin.env or ()},
            "KUBERNETES_EXEC_INFO": msgspec.json.encode(information).decode(),
        }
        self._token = ""
        self._renewal = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send with the token that is known, and once more with a new one if it is refused."""
        used = await self._renew("") if not self._token else self._token
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {await self._renew(used)}"
            yield request

    async def _renew(self, used: str) -> str:
        async with self._renewal:
            if self._token == used:
                self._token = await self._run()
            return self._token

    async def _run(self) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            self._command, *(self._plugin.args or ()), env=self._environment, stdout=pipe, stderr=pipe
        )
        output, errors = await process.communicate()
        if process.returncode != 0:
            reason = errors.decode(errors="replace").strip()[-300:]
            raise ConfigError(
                f"the credential plugin {self._command} ended with {process.returncode}: {reason}"
            )
        try:
            token = msgspec.json.decode(output, type=_ExecCredential).status.token
        except ERRORS:
            token = ""
        if not token:
            raise ConfigError(f"the credential plugin {self._command} gave no token")
        return token


def describe(error: BaseException) -> str:
    """A failed request in words; the class stands for errors that have none."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class AbsentError(RequestError):
    """The thing that was asked for does not exist (404)."""


async def get(client: httpx2.AsyncClient, path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The body of what is at ``path``, asked for with these fields beside the client's own.

    Raises:
        AbsentError: There is nothing.
        RequestError: Any other failure.
    """
    try:
        response = await client.get(path, headers=dict(headers or {}))
    except FAILURES as error:
        raise RequestError(f"GET {path}: {describe(error)}") from error
    if response.status_code == 200:
        return response.content
    status: ApiStatus = read_status(response.status_code, response.content)
    kind = AbsentError if response.status_code == 404 else RequestError
    raise kind(f"GET {path}: {status.code} {status.message}")
