"""How Envoy Gateway is set in the lab, beside us: as a person would who installed it with other settings."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab

SYSTEM = ("-n", "envoy-gateway-system")
_DEPLOYMENT = ("deployment/envoy-gateway", *SYSTEM)
_FILE = "envoy-gateway.yaml"
_BEFORE, _OTHER = "envoy-gateway-config", "envoy-gateway-config-of-a-test"


class Settings:
    """Envoy Gateway's own configuration, put back by :meth:`undo`.

    Each one is a file of its own: an Envoy Gateway whose file changes under it takes more than a minute to
    end.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        read = ("kubectl", "get", "configmap", _BEFORE, *SYSTEM)
        self._before = yaml.safe_load(lab.run(*read, "-o", r"jsonpath={.data.envoy-gateway\.yaml}"))

    def enable(self, extension: str) -> None:
        """Carry out what is off by default."""
        self._set({**self._before, "extensionApis": {extension: True}})

    def beside_gateways(self) -> None:
        """Have the proxies of a gateway in the gateway's own namespace."""
        provider = self._before["provider"]
        kubernetes = {**provider["kubernetes"], "deploy": {"type": "GatewayNamespace"}}
        self._set({**self._before, "provider": {**provider, "kubernetes": kubernetes}})

    def undo(self) -> None:
        """Set it as it was."""
        self._use(_BEFORE)
        self.lab.run("kubectl", "delete", "configmap", _OTHER, *SYSTEM, "--ignore-not-found")

    def _set(self, configuration: dict[str, object]) -> None:
        self.undo()
        text = f"--from-literal={_FILE}={yaml.safe_dump(configuration)}"
        self.lab.run("kubectl", "create", "configmap", _OTHER, *SYSTEM, text)
        self._use(_OTHER)

    def _use(self, name: str) -> None:
        volume = {"name": "configuration", "configMap": {"name": name}}
        change = {"spec": {"template": {"spec": {"volumes": [volume]}}}}
        self.lab.run("kubectl", "patch", *_DEPLOYMENT, "--patch", json.dumps(change))
        self.lab.run("kubectl", "rollout", "status", *_DEPLOYMENT, "--timeout=60s")


@contextmanager
def patches(lab: Lab) -> Iterator[None]:
    """Envoy Gateway carries out EnvoyPatchPolicies for as long as this lasts."""
    settings = Settings(lab)
    settings.enable("enableEnvoyPatchPolicy")
    try:
        yield
    finally:
        settings.undo()
