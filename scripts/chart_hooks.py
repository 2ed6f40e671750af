"""The chart's hooks: what ends limiting before a release goes, and what `helm test` runs.

Both run the image of the operator, under accounts that are there only as long as they run. Of rights they
have what the command asks the API server for, which `tests/integration/rights` holds.
"""

from __future__ import annotations

from typing import Any, Final

from kuadrant.gateways.providers import PROVIDERS
from scripts.installation import dumped

UNINSTALL: Final = "kuadrant-uninstall"
DOCTOR: Final = "kuadrant-doctor"
_READ: Final = ["get", "list"]
_GATEWAY_API: Final = "gateway.networking.k8s.io"
_TARGETS: Final = ["gateways", "grpcroutes", "httproutes"]


def _of_providers(verbs: list[str]) -> list[dict[str, Any]]:
    groups: dict[str, list[str]] = {}
    for kind in (kind for provider in PROVIDERS for kind in provider.KINDS):
        groups.setdefault(kind.group, []).append(kind.plural)
    return [_rule(group, sorted(plurals), verbs) for group, plurals in sorted(groups.items())]


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


_UNINSTALL_RULES: Final = [
    _rule("kuadrant.io", ["kuadrants"], [*_READ, "patch", "delete"]),
    *_of_providers(["list", "delete"]),
    _rule("monitoring.coreos.com", ["podmonitors", "servicemonitors"], ["list", "delete"]),
    _rule(_GATEWAY_API, _TARGETS, _READ),
    _rule(_GATEWAY_API, [f"{one}/status" for one in _TARGETS], ["patch"]),
]
_UNINSTALL_OWN: Final = [_rule("apps", ["deployments"], ["get"])]
_DOCTOR_RULES: Final = [
    _rule("apiextensions.k8s.io", ["customresourcedefinitions"], ["list"]),
    _rule("kuadrant.io", ["kuadrants", "ratelimitpolicies"], ["list"]),
    _rule("limitador.kuadrant.io", ["limitadors"], ["list"]),
    _rule(_GATEWAY_API, ["gatewayclasses", "gateways"], ["list"]),
    *_of_providers(["list"]),
    _rule("discovery.k8s.io", ["endpointslices"], ["list"]),
    _rule("networking.k8s.io", ["networkpolicies"], ["list"]),
    _rule("rbac.authorization.k8s.io", ["clusterrolebindings", "clusterroles"], ["list"]),
    # The Service by which the cluster answers for names, and Envoy Gateway's settings.
    {**_rule("", ["services"], ["get"]), "resourceNames": ["kube-dns"]},
    {**_rule("", ["configmaps"], ["get"]), "resourceNames": ["envoy-gateway-config"]},
]
_DOCTOR_OWN: Final = [
    _rule("", ["pods"], ["list"]),
    _rule("apps", ["deployments"], ["list"]),
    _rule("", ["services"], ["get"]),
    {**_rule("", ["secrets"], ["get"]), "resourceNames": ["kuadrant-push-server"]},
]

_POD: Final = """\
serviceAccountName: {name}
automountServiceAccountToken: true
enableServiceLinks: false
restartPolicy: Never
{{{{- with .Values.imagePullSecrets }}}}
imagePullSecrets:
  {{{{- toYaml . | nindent {deeper} }}}}
{{{{- end }}}}
{{{{- with .Values.nodeSelector }}}}
nodeSelector:
  {{{{- toYaml . | nindent {deeper} }}}}
{{{{- end }}}}
{{{{- with .Values.tolerations }}}}
tolerations:
  {{{{- toYaml . | nindent {deeper} }}}}
{{{{- end }}}}
securityContext:
  runAsNonRoot: true
  seccompProfile: {{type: RuntimeDefault}}
containers:
  - name: {command}
    image: {{{{ include "kuadrant.image" . | quote }}}}
    imagePullPolicy: {{{{ .Values.imagePullPolicy }}}}
    args: [{arguments}]
    env:
      - name: OPERATOR_NAMESPACE
        value: {{{{ .Release.Namespace | quote }}}}
    resources:
      requests: {{cpu: 50m, memory: 64Mi}}
      limits: {{memory: 256Mi}}
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {{drop: [ALL]}}
      readOnlyRootFilesystem: true
"""


def uninstall() -> str:
    """The hook that ends limiting before anything of a release goes."""
    hook = {"helm.sh/hook": "pre-delete", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(UNINSTALL, {**hook, "helm.sh/hook-weight": "0"}),
    }
    pod = _pod(UNINSTALL, "uninstall", "uninstall, --yes, --stop-only", 6)
    text = (
        f"{dumped(job)}spec:\n  backoffLimit: 2\n  activeDeadlineSeconds: 600\n  template:\n"
        f"    metadata:\n      labels: {{app: kuadrant, control-plane: uninstall}}\n    spec:\n{pod}"
    )
    return (
        "{{- if .Values.endLimitingFirst }}\n"
        + _all(UNINSTALL, hook, _UNINSTALL_RULES, _UNINSTALL_OWN, text)
        + "{{- end }}\n"
    )


def doctor() -> str:
    """What `helm test` runs: `kuadrant doctor` in a pod of the cluster."""
    hook = {"helm.sh/hook": "test", "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(DOCTOR, {**hook, "helm.sh/hook-weight": "0"}),
    }
    labels = "  labels: {app: kuadrant, control-plane: doctor}\n"
    text = f"{dumped(pod)}{labels}spec:\n{_pod(DOCTOR, 'doctor', 'doctor', 2)}"
    return _all(DOCTOR, hook, _DOCTOR_RULES, _DOCTOR_OWN, text)


def _metadata(name: str, annotations: dict[str, str], *, is_namespaced: bool = True) -> dict[str, Any]:
    place = {"namespace": "{{ .Release.Namespace }}"} if is_namespaced else {}
    return {"name": name, **place, "annotations": annotations}


def _pod(name: str, command: str, arguments: str, indent: int) -> str:
    text = _POD.format(name=name, command=command, arguments=arguments, deeper=indent + 2)
    return "".join(f"{' ' * indent}{line}" for line in text.splitlines(keepends=True))


def _all(
    name: str, hook: dict[str, str], rules: list[dict[str, Any]], own: list[dict[str, Any]], last: str
) -> str:
    """The account of a hook with its rights, and what runs under it."""
    before = {**hook, "helm.sh/hook-weight": "-1"}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": "{{ .Release.Namespace }}"}
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(name, before),
        "automountServiceAccountToken": False,
    }
    documents = [account]
    for kind, granted in (("ClusterRole", rules), ("Role", own)):
        group = "rbac.authorization.k8s.io"
        metadata = _metadata(name, before, is_namespaced=kind == "Role")
        documents.append({"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "rules": granted})
        reference = {"apiGroup": group, "kind": kind, "name": name}
        documents.append(
            {
                "apiVersion": f"{group}/v1",
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "roleRef": reference,
                "subjects": [subject],
            }
        )
    return "".join(f"---\n{text}" for text in (*map(dumped, documents), last))
