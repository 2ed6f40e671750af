"""The settings of each command that stays running.

Its flag, its variable, what it may be and what it means.

The command line, docs/settings.md and the chart's values are made from these records.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from kuadrant.gateways.envoy import Address
from kuadrant.policy.budgets import DEFAULT, Budgets
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.policy.service_timeout import DEFAULT_MILLISECONDS
from kuadrant.setting_values import address, ip, public_key, sha256, timeout


def _timeout(_: type, tokens: object) -> int:
    return timeout(_only(tokens))


def _ip(_: type, tokens: object) -> str:
    return ip(_only(tokens))


def _sha256(_: type, tokens: object) -> str:
    return sha256(_only(tokens))


def _public_key(_: type, tokens: object) -> str:
    return public_key(_only(tokens))


def _address(_: type, tokens: object) -> Address:
    return address(_only(tokens))


def _only(tokens: object) -> str:
    assert isinstance(tokens, list | tuple)
    return str(tokens[0].value)


def _in_milliseconds(value: int) -> str:
    return f"{value}ms"


LogMode = Literal["development", "production"]
Port = Annotated[int, Parameter(validator=Number(gte=1, lte=65535))]
PortOrOff = Annotated[int, Parameter(validator=Number(gte=0, lte=65535))]
Modules = Annotated[Path | None, Parameter(env_var="WASM_SHIM_MODULES")]
TrustedKeys = Annotated[Path | None, Parameter(env_var="WASM_SHIM_TRUSTED_KEYS")]
Sha256 = Annotated[str | None, Parameter(env_var="WASM_SHIM_SHA256", converter=_sha256, metavar="SHA256")]
Milliseconds = Annotated[
    int, Parameter(converter=_timeout, show_default=_in_milliseconds, metavar="DURATION")
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """The settings of logging.

    Attributes:
        log_level: The least level that is logged.
        log_mode: development logs lines for a person, production one JSON object a line.
    """

    log_level: Annotated[Literal["debug", "info", "warn", "error"], Parameter(env_var="LOG_LEVEL")] = "info"
    log_mode: Annotated[LogMode, Parameter(env_var="LOG_MODE")] = "production"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LimitedSettings(LogSettings):
    """The way in which gateways ask the rate limit service.

    Attributes:
        failure_mode: What happens to a request when the rate limit service does not answer: deny is 500,
            allow lets it pass.
        explain_key: The public key of those who may ask gateways what is decided for their requests
            (kuadrant explain --live, docs/explain.md): the base64 of its DER form, of the curve P-256.
        rate_limit_timeout: How long a request waits for the rate limit service, such as 100ms or 2s.
        remember_denials: Have gateways answer by themselves who is over a limit, for as long as the rate
            limit service says that it has no room, a second at most (docs/semantics.md).
    """

    failure_mode: Annotated[FailureMode, Parameter(env_var="RATELIMIT_SERVICE_FAILURE_MODE")] = (
        DEFAULT_FAILURE_MODE
    )
    explain_key: Annotated[
        str | None, Parameter(env_var="EXPLAIN_KEY", converter=_public_key, metavar="BASE64")
    ] = None
    rate_limit_timeout: Annotated[Milliseconds, Parameter(env_var="RATELIMIT_SERVICE_TIMEOUT")] = (
        DEFAULT_MILLISECONDS
    )
    remember_denials: Annotated[
        bool, Parameter(env_var="RATELIMIT_REMEMBER_DENIALS", negative="--no-remember-denials")
    ] = True


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ModuleSettings:
    """Says where modules come from, and who has to vouch for them.

    Attributes:
        modules: A folder of fetched modules, served beside the embedded ones.
        trusted_keys: A public key, or a folder of them and of statements: only modules that one of them has
            signed are served (docs/modules.md).
    """

    modules: Modules = None
    trusted_keys: TrustedKeys = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunSettings(ModuleSettings, LimitedSettings):
    """The settings of ``kuadrant run``, and its folder.

    Attributes:
        port: The port of the first listener; further listeners get the ports after it, in order of gateway
            and port.
        wasm_port: The port of the module server (/kuadrant-wasm-shim); 0 turns it off.
        admin_port: The port of Envoy's admin page.
        metrics_port: The port of /metrics (Prometheus) and /xds (what Envoy has acknowledged and refused); 0
            turns it off.
        console_port: The port of the console, a page that shows what goes on (docs/console.md); 0 turns it
            off. Where it is taken, the next free one is.
        console_address: The IP address that the console binds to. Who reaches it sees what is decided, so
            that it is this machine's alone by default.
        console_host: A name under which a proxy asks for the console, beside localhost and IP addresses.
        address: The IP address that the listeners, the module server and the metrics bind to.
        echo: Answer for Services that have no EndpointSlice in the folder, with the request as JSON; without
            it they get 503.
        envoy: The Envoy to run instead of the one that was installed with this package.
        once: Read the folder once and do not follow changes.
        rate_limit_headers: Add x-ratelimit-limit, -remaining and -reset to responses.
        access_log: A file that gets a line of JSON for each request, with what was decided for it
            (docs/decision-records.md).
        http3: Serve HTTP/3 beside HTTP/2 at ports of HTTPS (UDP).
        rate_limit_service: IP:PORT of a rate limit service to ask instead of the embedded one;
            it gets its limits from you: kuadrant translate -o limits.
    """

    port: Port = 8000
    wasm_port: PortOrOff = 8082
    admin_port: Port = 9901
    metrics_port: PortOrOff = 0
    console_port: PortOrOff = 9900
    console_address: Annotated[str, Parameter(converter=_ip, metavar="IP")] = "127.0.0.1"
    console_host: Annotated[str, Parameter(metavar="NAME")] = ""
    address: Annotated[str, Parameter(converter=_ip, metavar="IP")] = "127.0.0.1"
    echo: bool = False
    envoy: Path | None = None
    once: bool = False
    rate_limit_headers: bool = False
    access_log: Path | None = None
    http3: bool = False
    rate_limit_service: Annotated[
        Address | None, Parameter(converter=_address, accepts_keys=False, metavar="IP:PORT")
    ] = None
    log_mode: Annotated[LogMode, Parameter(env_var="LOG_MODE")] = "development"


_Budget = Number(gte=1)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class BudgetSettings:
    """The budgets of policies: what is over one is not accepted (docs/budgets.md).

    Attributes:
        expression_steps: The most steps of an expression, of about 0.1 microseconds of a gateway each at
            worst.
        expression_memory: The most bytes of a gateway's memory that an expression may take.
        policy_steps: The same steps for all expressions of a policy together.
        policy_memory: The same bytes for all expressions of a policy together.
        policy_rates: The most rates of all limits of a policy: each is a limit of the rate limit service.
        policy_counted: The most rates times counters of all limits of a policy.
        policy_conditions: The most conditions of a policy.
        policy_text: The most characters of all conditions and counters of a policy.
        policy_bytes: The most bytes of the limits that the rate limit service gets for a policy.
        namespace_rates: The most rates of all policies of a namespace.
        namespace_bytes: The most bytes of the limits that the rate limit service gets for a namespace.
        namespace_edits: The bytes of edited policies that are taken in a second from a namespace that
            edits without end.
    """

    expression_steps: Annotated[int, Parameter(env_var="BUDGET_EXPRESSION_STEPS", validator=_Budget)] = (
        DEFAULT.expression_steps
    )
    expression_memory: Annotated[int, Parameter(env_var="BUDGET_EXPRESSION_MEMORY", validator=_Budget)] = (
        DEFAULT.expression_memory
    )
    policy_steps: Annotated[int, Parameter(env_var="BUDGET_POLICY_STEPS", validator=_Budget)] = (
        DEFAULT.policy_steps
    )
    policy_memory: Annotated[int, Parameter(env_var="BUDGET_POLICY_MEMORY", validator=_Budget)] = (
        DEFAULT.policy_memory
    )
    policy_rates: Annotated[int, Parameter(env_var="BUDGET_POLICY_RATES", validator=_Budget)] = (
        DEFAULT.policy_rates
    )
    policy_counted: Annotated[int, Parameter(env_var="BUDGET_POLICY_COUNTED", validator=_Budget)] = (
        DEFAULT.policy_counted
    )
    policy_conditions: Annotated[int, Parameter(env_var="BUDGET_POLICY_CONDITIONS", validator=_Budget)] = (
        DEFAULT.policy_conditions
    )
    policy_text: Annotated[int, Parameter(env_var="BUDGET_POLICY_TEXT", validator=_Budget)] = (
        DEFAULT.policy_text
    )
    policy_bytes: Annotated[int, Parameter(env_var="BUDGET_POLICY_BYTES", validator=_Budget)] = (
        DEFAULT.policy_bytes
    )
    namespace_rates: Annotated[int, Parameter(env_var="BUDGET_NAMESPACE_RATES", validator=_Budget)] = (
        DEFAULT.namespace_rates
    )
    namespace_bytes: Annotated[int, Parameter(env_var="BUDGET_NAMESPACE_BYTES", validator=_Budget)] = (
        DEFAULT.namespace_bytes
    )
    namespace_edits: Annotated[int, Parameter(env_var="BUDGET_NAMESPACE_EDITS", validator=_Budget)] = (
        DEFAULT.namespace_edits
    )

    @property
    def budgets(self) -> Budgets:
        """The budgets as policies are held to them."""
        return Budgets(**{name: getattr(self, name) for name in Budgets.__struct_fields__})


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OperatorSettings(BudgetSettings, ModuleSettings, LimitedSettings):
    """The settings of ``kuadrant operator``.

    Attributes:
        namespace: The operator's own namespace.
        wasm_port: The port of the module server (/kuadrant-wasm-shim); 0 turns it off.
        wasm_host: The name under which gateways reach the module server; by default that of its Service.
        wasm_url: pinned writes the module's address with its digest, plain without.
        wasm_proof: How the module's address is proven before it is written: by the Service's name and each
            endpoint behind it, or by the endpoints alone, outside a cluster, where the name means nothing.
        wasm_delivery: How gateways get the module: pull from the module server, push over a stream that tells
            what became of it. The annotation kuadrant.io/wasm-delivery of a Gateway overrides it.
        push_port: The port of the push server; 0 turns it off.
        push_host: The name under which gateways reach the push server; by default that of its Service.
        envoy_gateway_namespace: Where Envoy Gateway makes its proxies: pods elsewhere are believed to be a
            gateway's in its own namespace only.
        probes_port: The port of /healthz and /readyz, and of what kuadrant status and kuadrant wasm who ask
            for; 0 turns it off.
        metrics_port: The port of /metrics (Prometheus); 0 turns it off.
        decision_records: Have gateways leave a record of each decision, for their access logs
            (docs/decision-records.md).
        ratelimit_callers: Whom the rate limit service is to serve, once every gateway shows it a token:
            gateways alone, or any caller.
        lease_seconds: How long another replica waits for the leader before it leads itself.
    """

    namespace: Annotated[str, Parameter(env_var=["OPERATOR_NAMESPACE", "POD_NAMESPACE"])]
    wasm_port: Annotated[PortOrOff, Parameter(env_var="WASM_SHIM_HTTP_PORT")] = 8082
    wasm_host: Annotated[str, Parameter(env_var="WASM_SHIM_HOST")] = ""
    wasm_url: Annotated[Literal["pinned", "plain"], Parameter(env_var="WASM_SHIM_URL")] = "pinned"
    wasm_proof: Annotated[Literal["service", "endpoints"], Parameter(env_var="WASM_SHIM_PROOF")] = "service"
    wasm_delivery: Annotated[Literal["pull", "push"], Parameter(env_var="WASM_DELIVERY")] = "pull"
    push_port: Annotated[PortOrOff, Parameter(env_var="WASM_PUSH_PORT")] = 8083
    push_host: Annotated[str, Parameter(env_var="WASM_PUSH_HOST")] = ""
    envoy_gateway_namespace: Annotated[str, Parameter(env_var="ENVOY_GATEWAY_NAMESPACE")] = (
        "envoy-gateway-system"
    )
    probes_port: Annotated[PortOrOff, Parameter(env_var="OPERATOR_PROBES_PORT")] = 8081
    metrics_port: Annotated[PortOrOff, Parameter(env_var="OPERATOR_METRICS_PORT")] = 8080
    decision_records: Annotated[bool, Parameter(env_var="DECISION_RECORDS")] = False
    ratelimit_callers: Annotated[Literal["gateways", "any"], Parameter(env_var="RATELIMIT_CALLERS")] = (
        "gateways"
    )
    lease_seconds: Annotated[
        int, Parameter(env_var="OPERATOR_LEASE_SECONDS", validator=Number(gte=3, lte=600))
    ] = 15


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RatelimitSettings(LogSettings):
    """The settings of ``kuadrant ratelimit``.

    Attributes:
        name: The name of the Limitador resource.
        namespace: Its namespace; without it, the one of the service account or of the kubeconfig's context.
        address: The address that both ports bind to.
        port: The port of the rate limit service (Envoy's rate limit API and gRPC health, without TLS).
        operations_port: The port of /metrics (Prometheus), /healthz and /readyz.
        counters_port: The port of what kuadrant limits asks for; 0 turns it off.
        pod_uid: The UID of the pod: who shows it may ask for counters.
        service_host: The name under which gateways reach the port, written to the resource's status;
            without it limitador-NAME.NAMESPACE.svc.cluster.local.
        counter_memory: MiB that counters with values may take in memory; above its share a limit's new values
            share a counter. The container needs 300 MiB more.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
    """

    name: Annotated[str, Parameter(env_var="LIMITADOR_NAME")] = "limitador"
    namespace: Annotated[str | None, Parameter(env_var="POD_NAMESPACE")] = None
    address: Annotated[str, Parameter(env_var="RATELIMIT_ADDRESS", converter=_ip, metavar="IP")] = "0.0.0.0"  # noqa: S104 - a pod is reached at whatever address it gets
    port: Annotated[Port, Parameter(env_var="RATELIMIT_GRPC_PORT")] = 8081
    operations_port: Annotated[Port, Parameter(env_var="RATELIMIT_HTTP_PORT")] = 8080
    counters_port: Annotated[PortOrOff, Parameter(env_var="RATELIMIT_COUNTERS_PORT")] = 8082
    pod_uid: Annotated[str, Parameter(env_var="POD_UID")] = ""
    service_host: Annotated[str | None, Parameter(env_var="RATELIMIT_PUBLIC_HOST")] = None
    counter_memory: Annotated[
        int, Parameter(env_var="RATELIMIT_COUNTER_MEMORY", validator=Number(gte=1, lte=1 << 20))
    ] = 160
    kubeconfig: Path | None = None
