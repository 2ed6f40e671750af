"""Write charts/kuadrant from config/, or with --check tell whether it is what is there.

With the values that the chart brings it gives the objects of config/default, in the release's namespace.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kuadrant import __version__
from scripts import chart_network
from scripts.installation import CONFIG, MADE, NAMESPACE, ROOT, built, dumped, write

if TYPE_CHECKING:
    from pathlib import Path

CHART = ROOT / "charts" / "kuadrant"
_DESCRIPTION = "Rate limiting for Gateway API that carries its own data plane"

_VALUES = """\
# The image of the operator and of the rate limit service: `make image` or the Containerfile builds it.
image: {image}
imagePullPolicy: {pull}
imagePullSecrets: []

# Every replica serves modules; one of them, the leader, writes.
replicas: {replicas}
# The name of a ConfigMap with public keys (*.pub) and statements (*.statement.json): only modules that one of
# these keys has signed are served (docs/modules.md).
trustedKeys: ""
# Settings of `kuadrant operator` by their environment variables (docs/settings.md), such as LOG_LEVEL: debug.
settings: {{}}

ratelimit:
  # false where the limitador-operator brings the rate limit service.
  enabled: true
  # More than one needs a store: without it each counts by itself.
  replicas: {ratelimit_replicas}
  # Settings of `kuadrant ratelimit`.
  settings: {{}}

# docs/network.md tells who talks to whom.
networkPolicies:
  enabled: true
  # Who may ask the rate limit service: pods is every pod of the cluster, gateways those that are known for
  # gateways. A gateway that is not gets no answer, and its limited requests 500.
  callers: pods
  # More gateways, as peers of a NetworkPolicy, such as nodes whose network gateways use:
  # [{{ipBlock: {{cidr: 10.0.0.0/24}}}}]
  gateways: []
  # The ports that the API server really listens on, beside that of its Service.
  apiServerPorts: {api_ports}
  # The ports of the store that counts; [] where there is none.
  storePorts: {store_ports}
"""

_SETTINGS = """\
{indent}{{{{- range $name, $value := {values} }}}}
{indent}- name: {{{{ $name }}}}
{indent}  value: {{{{ $value | quote }}}}
{indent}{{{{- end }}}}
"""
_TRUST = """\
{indent}{{- with .Values.trustedKeys }}
{indent}  - name: WASM_SHIM_TRUSTED_KEYS
{indent}    value: /etc/kuadrant/trusted
{indent}volumeMounts:
{indent}  - {name: trusted-keys, mountPath: /etc/kuadrant/trusted, readOnly: true}
{indent}{{- end }}
"""
_TRUST_VOLUME = """\
{indent}{{- with .Values.trustedKeys }}
{indent}volumes:
{indent}  - name: trusted-keys
{indent}    configMap: {name: {{ . }}}
{indent}{{- end }}
"""
_SECRETS = """\
{indent}{{- with .Values.imagePullSecrets }}
{indent}imagePullSecrets:
{indent}  {{- toYaml . | nindent 8 }}
{indent}{{- end }}
"""


def files() -> dict[Path, str]:
    """The text of each file by its path."""
    objects = list(built(CONFIG / "default"))
    deployments = {
        document["metadata"]["name"]: document for _, document in objects if document["kind"] == "Deployment"
    }
    policies = {
        document["metadata"]["name"]: document
        for _, document in objects
        if document["kind"] == "NetworkPolicy"
    }
    ports = chart_network.ports(policies)
    operator = deployments["kuadrant-operator-controller-manager"]["spec"]
    (container,) = operator["template"]["spec"]["containers"]
    texts: dict[Path, str] = {
        CHART / "Chart.yaml": MADE
        + dumped(
            {
                "apiVersion": "v2",
                "name": "kuadrant",
                "description": _DESCRIPTION,
                "type": "application",
                "version": __version__,
                "appVersion": __version__,
                "kubeVersion": ">=1.30.0-0",  # the first with ValidatingAdmissionPolicy
                "keywords": ["gateway-api", "kubernetes", "rate-limiting"],
            }
        ),
        CHART / "values.yaml": MADE
        + _VALUES.format(
            image=container["image"],
            pull=container["imagePullPolicy"],
            replicas=operator["replicas"],
            ratelimit_replicas=deployments["kuadrant-ratelimit"]["spec"]["replicas"],
            api_ports=ports["apiServerPorts"],
            store_ports=ports["storePorts"],
        ),
    }
    for path, document in objects:
        if document["kind"] != "Namespace":  # the one of the release, which Helm makes
            place = CHART / "templates" / path.parent.relative_to(CONFIG) / path.name
            texts[place] = texts.get(place, MADE) + _template(document)
    for place, text in texts.items():
        if place.parent.name == "ratelimit":
            texts[place] = "{{- if .Values.ratelimit.enabled }}\n" + text + "{{- end }}\n"
    return texts


def _template(document: dict[str, Any]) -> str:
    """The text of an object with what values decide about in place."""
    values = ".Values.ratelimit" if document["metadata"]["name"] == "kuadrant-ratelimit" else ".Values"
    if document["kind"] == "CustomResourceDefinition":
        # With a definition every object of it would go, so it outlives the release.
        annotations = {**document["metadata"].get("annotations", {}), "helm.sh/resource-policy": "keep"}
        document = {**document, "metadata": {**document["metadata"], "annotations": annotations}}
    if document["kind"] == "NetworkPolicy":
        document = chart_network.marked(document)
    text = dumped(document)
    if "{{" in text:
        raise ValueError(
            f"{document['kind']} {document['metadata']['name']} holds what Helm takes for its own"
        )
    text = re.sub(rf"^( *namespace: ){NAMESPACE}$", r"\1{{ .Release.Namespace }}", text, flags=re.MULTILINE)
    if document["kind"] == "Deployment":
        text = _deployment(text, values)
    if document["kind"] == "NetworkPolicy":
        return chart_network.template("---\n" + text)
    return "---\n" + text


def _deployment(text: str, values: str) -> str:
    text = re.sub(
        r"^  replicas: .*", f"  replicas: {{{{ {values}.replicas }}}}", text, count=1, flags=re.MULTILINE
    )
    text = re.sub(r"( image: ).*", r"\1{{ .Values.image }}", text)
    text = re.sub(r"( imagePullPolicy: ).*", r"\1{{ .Values.imagePullPolicy }}", text)
    text, changed = re.subn(
        r"^( *)env:\n((?:\1  .*\n)+)",
        lambda env: (
            env[0]
            + _SETTINGS.format(indent=f"{env[1]}  ", values=f"{values}.settings")
            + (_TRUST.replace("{indent}", env[1]) if values == ".Values" else "")
        ),
        text,
        flags=re.MULTILINE,
    )
    text, also_changed = re.subn(
        r"^( *)containers:\n",
        lambda containers: (
            (_SECRETS + (_TRUST_VOLUME if values == ".Values" else "")).replace("{indent}", containers[1])
            + containers[0]
        ),
        text,
        flags=re.MULTILINE,
    )
    if (changed, also_changed) != (1, 1):
        raise ValueError("a Deployment has another form than this script knows")
    return text


if __name__ == "__main__":
    write(CHART, files())
