"""The Pod Security Standards as a table: what `restricted`, which contains `baseline`, asks of each field.

https://kubernetes.io/docs/concepts/security/pod-security-standards/, with what was added up to Kubernetes
1.34. Where a field may stand at the pod or at its containers, a container without it has the pod's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Pod = dict[str, Any]
    Values = Callable[[Pod], Iterator[Any]]

_UNSET = None
_SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
_SELINUX_TYPES = (_UNSET, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


class Field(NamedTuple):
    """One row: a field by its name, where it stands in a pod's template, and which values are good."""

    name: str
    values: Values
    good: Callable[[Any], bool]


def containers(pod: Pod) -> list[dict[str, Any]]:
    """Every container of a pod's template, of whatever kind."""
    spec = pod["spec"]
    return [
        one for kind in ("initContainers", "containers", "ephemeralContainers") for one in spec.get(kind, ())
    ]


def _in(whole: Any, *path: str) -> Any:
    for step in path:
        whole = (whole or {}).get(step)
    return whole


def _of_pod(*path: str) -> Values:
    return lambda pod: iter([_in(pod["spec"], *path)])


def _of_each(*path: str) -> Values:
    return lambda pod: (_in(one, "securityContext", *path) for one in containers(pod))


def _of_pod_and_each(*path: str) -> Values:
    """The pod's own value, which counts even if every container has another, and the containers'."""
    return lambda pod: iter([_in(pod["spec"], "securityContext", *path), *_of_each(*path)(pod)])


def _effective(*path: str) -> Values:
    def values(pod: Pod) -> Iterator[Any]:
        of_pod = _in(pod["spec"], "securityContext", *path)
        yield from (of_pod if value is _UNSET else value for value in _of_each(*path)(pod))

    return values


def _one_of(*good: Any) -> Callable[[Any], bool]:
    return lambda value: value in good


def _hosts(pod: Pod) -> Iterator[Any]:
    for one in containers(pod):
        handlers = [one.get(probe) for probe in _PROBES]
        handlers += [_in(one, "lifecycle", hook) for hook in _HOOKS]
        yield from (_in(handler, how, "host") for handler in handlers for how in ("httpGet", "tcpSocket"))


def _app_armor_annotations(pod: Pod) -> Iterator[Any]:
    annotations = _in(pod, "metadata", "annotations") or {}
    prefix = "container.apparmor.security.beta.kubernetes.io/"
    yield from (value for name, value in annotations.items() if name.startswith(prefix))


def _volumes(pod: Pod) -> Iterator[Any]:
    yield from (key for volume in pod["spec"].get("volumes", ()) for key in volume if key != "name")


RESTRICTED = (
    Field(
        "HostProcess",
        _of_pod_and_each("windowsOptions", "hostProcess"),
        _one_of(_UNSET, False),
    ),
    Field("hostNetwork", _of_pod("hostNetwork"), _one_of(_UNSET, False)),
    Field("hostPID", _of_pod("hostPID"), _one_of(_UNSET, False)),
    Field("hostIPC", _of_pod("hostIPC"), _one_of(_UNSET, False)),
    Field("privileged", _of_each("privileged"), _one_of(_UNSET, False)),
    Field(
        "capabilities.add",
        _of_each("capabilities", "add"),
        lambda value: set(value or ()) <= {"NET_BIND_SERVICE"},
    ),
    Field("capabilities.drop", _of_each("capabilities", "drop"), lambda value: "ALL" in (value or ())),
    Field("volumes", _volumes, lambda kind: kind in _VOLUMES),
    Field(
        "hostPort",
        lambda pod: (port.get("hostPort") for one in containers(pod) for port in one.get("ports", ())),
        _one_of(_UNSET, 0),
    ),
    Field("host of probes and lifecycle hooks", _hosts, _one_of(_UNSET, "")),
    Field(
        "AppArmor (annotations)",
        _app_armor_annotations,
        lambda value: value == "runtime/default" or value.startswith("localhost/"),
    ),
    Field(
        "appArmorProfile.type",
        _of_pod_and_each("appArmorProfile", "type"),
        _one_of(_UNSET, "RuntimeDefault", "Localhost"),
    ),
    Field("seLinuxOptions.type", _of_pod_and_each("seLinuxOptions", "type"), _one_of(*_SELINUX_TYPES)),
    Field("seLinuxOptions.user", _of_pod_and_each("seLinuxOptions", "user"), _one_of(_UNSET, "")),
    Field("seLinuxOptions.role", _of_pod_and_each("seLinuxOptions", "role"), _one_of(_UNSET, "")),
    Field("procMount", _of_each("procMount"), _one_of(_UNSET, "Default")),
    Field(
        "sysctls",
        lambda pod: (one["name"] for one in _in(pod["spec"], "securityContext", "sysctls") or ()),
        lambda name: name in _SAFE_SYSCTLS,
    ),
    Field("allowPrivilegeEscalation", _of_each("allowPrivilegeEscalation"), _one_of(False)),
    Field("runAsNonRoot", _effective("runAsNonRoot"), _one_of(True)),
    Field("runAsUser", _of_pod_and_each("runAsUser"), lambda value: value != 0),
    Field(
        "seccompProfile.type", _effective("seccompProfile", "type"), _one_of("RuntimeDefault", "Localhost")
    ),
    Field(
        "seccompProfile.type of the pod",
        _of_pod("securityContext", "seccompProfile", "type"),
        _one_of(_UNSET, "RuntimeDefault", "Localhost"),
    ),
)
"""Every field that the standard speaks of."""


def violations(pod: Pod) -> list[str]:
    """The names of the fields of a pod's template that `restricted` refuses."""
    return [row.name for row in RESTRICTED if not all(row.good(value) for value in row.values(pod))]
