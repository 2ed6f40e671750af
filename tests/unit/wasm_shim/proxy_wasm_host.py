"""A proxy-wasm 0.2.1 host for one module, with as much of Envoy's behaviour as the shim depends on.

Expressions are evaluated by Google's CEL, of which Envoy embeds the same implementation. What a module asks
of the host is recorded; what the host is to do next (an answer, an error, a client that leaves) is said by
the test.
"""

from __future__ import annotations

import functools
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import wasmtime
from cel_expr_python import cel as cel_expr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OK, NOT_FOUND, BAD_ARGUMENT, INVALID_MEMORY_ACCESS, CAS_MISMATCH, INTERNAL_FAILURE = 0, 1, 2, 6, 8, 10
LEVELS = ("trace", "debug", "info", "warn", "error", "critical")
CONTINUE, PAUSE = 0, 1
FUEL = 1 << 62

Header = tuple[bytes, bytes]


class Program:
    """A compiled module; compiling takes most of a second, an instance of it next to nothing.

    ``counting``: its instances count the instructions that they carry out.
    """

    def __init__(self, code: bytes, *, counting: bool = False) -> None:
        settings = wasmtime.Config()
        settings.consume_fuel = counting
        self.counting = counting
        self.engine = wasmtime.Engine(settings)
        self.module = wasmtime.Module(self.engine, code)


@dataclass(frozen=True)
class GrpcCall:
    """What the module asked a gRPC service."""

    token: int
    target: bytes
    method: str
    metadata: tuple[Header, ...]
    message: bytes
    timeout_ms: int
    context: int = 0
    """Whose call it is: it ends with its context."""


@dataclass(frozen=True)
class LocalResponse:
    """What the module answered in the upstream's place."""

    status: int
    body: bytes
    headers: tuple[Header, ...]
    grpc_status: int
    details: str


@dataclass
class Stream:
    """One request: what it is, and what has become of it."""

    id: int
    headers: tuple[Header, ...]
    attributes: Mapping[str, bytes]
    properties: dict[str, str] = field(default_factory=dict)
    state: str = "new"
    """``continued``, ``paused`` or ``answered``."""
    continued: int = 0
    local_responses: list[LocalResponse] = field(default_factory=list)
    response_headers: list[Header] = field(default_factory=list)

    def header(self, name: str) -> bytes | None:
        """All values of a header, joined as Envoy's router joins them."""
        values = [value for key, value in self.headers if key == name.encode()]
        return b",".join(values) if values else None

    @property
    def response(self) -> LocalResponse:
        """The one answer that the module gave."""
        (response,) = self.local_responses
        return response


class SharedData:
    """What all VMs of a process have under a key, with the version of it, as Envoy keeps it: for good."""

    def __init__(self) -> None:
        self.values: dict[bytes, tuple[bytes, int]] = {}
        self.writes = 0

    def set(self, key: bytes, value: bytes, version: int) -> bool:
        """Whether the value was written: to a key that is not there, or of that version."""
        if key in self.values and version not in (0, self.values[key][1]):
            return False
        self.writes += 1
        self.values[key] = (value, self.writes)
        return True


class Host:
    """One VM. ``memory`` bounds its size in bytes; ``cel`` False is a host that evaluates no expressions."""

    def __init__(
        self,
        program: Program,
        *,
        memory: int | None = None,
        cel: bool = True,
        log_level: str = "debug",
        shared: SharedData | None = None,
    ) -> None:
        self.shared = shared or SharedData()
        self.before_write: Callable[[], object] = lambda: None
        self.logs: list[tuple[str, str]] = []
        self.metrics: dict[str, int] = {}
        self.calls: list[GrpcCall] = []
        self.cancelled: list[int] = []
        self.host_calls: list[str] = []
        self.streams: dict[int, Stream] = {}
        self.expressions: dict[int, cel_expr.Expression] = {}
        self.clock = 1_700_000_000_000_000_000
        self.refuse_calls = False
        self.verified: list[bytes] = []
        self.trusts_signatures = True
        self.cel = cel
        self.log_level = log_level
        self._metric_names: list[str] = []
        self._next_context = 1
        self._next_token = 1
        self._next_expression = 1
        self._context = 0
        self._effective = 0
        self._configuration = b""
        self._grpc_message = b""
        self._grpc_status = (0, b"")
        self.tick_periods: dict[int, int] = {}
        self._roots: dict[int, int] = {}
        self._after_call: deque[Callable[[], object]] = deque()
        self._finishing = False
        self._store = wasmtime.Store(program.engine)
        if program.counting:
            self._store.set_fuel(FUEL)
        if memory is not None:
            self._store.set_limits(memory_size=memory)
        linker = wasmtime.Linker(program.engine)
        for wanted in program.module.imports:
            implementation = getattr(self, f"_{wanted.name}", None)
            if wanted.module != "env" or implementation is None:
                raise LookupError(
                    f"the module imports {wanted.module}.{wanted.name}, which a host may not have"
                )
            assert isinstance(wanted.type, wasmtime.FuncType)
            linker.define_func(
                wanted.module, str(wanted.name), wanted.type, self._counted(str(wanted.name), implementation)
            )
        exports = linker.instantiate(self._store, program.module).exports(self._store)
        self._exports: dict[str, Any] = {str(name): exports[str(name)] for name in exports}
        self._memory: wasmtime.Memory = self._exports["memory"]
        self.root = self.create_root()

    def _counted(self, name: str, implementation: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: int) -> int:
            self.host_calls.append(name)
            return implementation(*arguments)

        return call

    # ------------------------------------------------------------------ what a test does

    def create_root(self) -> int:
        """A root context, without a configuration."""
        root = self._new_context(0)
        self._call(root, "proxy_on_vm_start", root, 0)
        return root

    def configure(self, configuration: bytes, root: int | None = None) -> bool:
        """Whether the module takes the configuration."""
        root = self.root if root is None else root
        self._configuration = configuration
        return bool(self._call(root, "proxy_on_configure", root, len(configuration)))

    def create_stream(
        self,
        headers: Iterable[Header],
        attributes: Mapping[str, bytes] | None = None,
        root: int | None = None,
    ) -> Stream:
        """A stream whose headers have not come yet."""
        stream = Stream(0, tuple(headers), attributes or {})
        stream.id = self._new_context(self.root if root is None else root)
        self.streams[stream.id] = stream
        return stream

    def send_headers(self, stream: Stream) -> Stream:
        """The request's headers come."""
        action = self._call(stream.id, "proxy_on_request_headers", stream.id, len(stream.headers), 1)
        if stream.local_responses:
            assert action == PAUSE, "after a local response the module has to return Pause"
        else:
            stream.state = "paused" if action == PAUSE else "continued"
        return stream

    def request(
        self,
        headers: Iterable[Header],
        attributes: Mapping[str, bytes] | None = None,
        root: int | None = None,
    ) -> Stream:
        """A stream with its headers."""
        return self.send_headers(self.create_stream(headers, attributes, root))

    def answer(self, call: GrpcCall, message: bytes) -> None:
        """The service answers; like Envoy, on the root context."""
        self._grpc_message = message
        self._call(self.root, "proxy_on_grpc_receive", self.root, call.token, len(message))

    def fail(self, call: GrpcCall, status: int, message: str = "") -> None:
        """The call ends with a gRPC status other than 0, or with 0 after its answer."""
        self._grpc_status = (status, message.encode())
        self._call(self.root, "proxy_on_grpc_close", self.root, call.token, status)

    def tick(self, milliseconds: float, root: int | None = None) -> None:
        """Time passes, and the timer of a root context goes off if it is set."""
        self.clock += int(milliseconds * 1_000_000)
        root = self.root if root is None else root
        if self.tick_periods.get(root):
            self._call(root, "proxy_on_tick", root)

    def respond(self, stream: Stream) -> list[Header]:
        """The upstream's response headers pass, which are those that the stream has; returns what goes on."""
        self._call(stream.id, "proxy_on_response_headers", stream.id, 0, 1)
        return stream.response_headers

    def end(self, stream: Stream) -> None:
        """The stream is over, or its client has gone."""
        self._call(stream.id, "proxy_on_delete", stream.id)
        del self.streams[stream.id]

    def delete_root(self, root: int) -> None:
        """The root context goes, and its expressions with it."""
        self._call(root, "proxy_on_delete", root)
        self.expressions.clear()

    def break_expression(self, token: int) -> None:
        """From now on the evaluation of this expression ends in an error."""
        self.expressions[token] = compile_expression("1/0 == 1")

    @property
    def errors(self) -> list[str]:
        """The lines logged as errors."""
        return [text for level, text in self.logs if level in {"error", "critical"}]

    @property
    def steps(self) -> int:
        """Instructions that the module has carried out; what the host did for it is not among them."""
        return FUEL - self._store.get_fuel()

    @property
    def memory_size(self) -> int:
        """Of the VM, in bytes."""
        return self._memory.data_len(self._store)

    # ------------------------------------------------------------------ calls into the module

    def _new_context(self, root: int) -> int:
        context = self._next_context
        self._next_context += 1
        self._roots[context] = root or context
        self._call(context, "proxy_on_context_create", context, root)
        return context

    def _call(self, context: int, name: str, *arguments: int) -> int:
        outside = self._context, self._effective
        self._context, self._effective = context, 0
        result = self._exports[name](self._store, *arguments)
        self._context, self._effective = outside
        if not self._context and not self._finishing:
            self._finishing = True
            while self._after_call:
                self._after_call.popleft()()
            self._finishing = False
        return int(result or 0)

    # ------------------------------------------------------------------ memory

    def _read(self, address: int, length: int) -> bytes:
        # wasmtime hands 32 bit numbers over as signed ones
        address &= 0xFFFFFFFF
        return bytes(self._memory.read(self._store, address, address + length)) if length else b""

    def _text(self, address: int, length: int) -> str:
        return self._read(address, length).decode()

    def _write_word(self, address: int, value: int) -> None:
        self._memory.write(self._store, struct.pack("<I", value), address & 0xFFFFFFFF)

    def _give(self, value: bytes, address: int, length: int) -> int:
        pointer = 0
        if value:
            pointer = self._exports["malloc"](self._store, len(value)) & 0xFFFFFFFF
            if not pointer:
                return INVALID_MEMORY_ACCESS
            self._memory.write(self._store, value, pointer)
        self._write_word(address, pointer)
        self._write_word(length, len(value))
        return OK

    def _pairs(self, address: int, length: int) -> tuple[Header, ...]:
        data = self._read(address, length)
        if not data:
            return ()
        (count,) = struct.unpack_from("<I", data)
        offset = 4 + 8 * count
        pairs: list[Header] = []
        for index in range(count):
            name_length, value_length = struct.unpack_from("<II", data, 4 + 8 * index)
            name = data[offset : offset + name_length]
            offset += name_length + 1
            pairs.append((name, data[offset : offset + value_length]))
            offset += value_length + 1
        assert offset == len(data)
        return tuple(pairs)

    @property
    def _stream(self) -> Stream | None:
        return self.streams.get(self._effective or self._context)

    # ------------------------------------------------------------------ imports of the module

    def _proxy_log(self, level: int, address: int, length: int) -> int:
        self.logs.append((LEVELS[level], self._read(address, length).decode(errors="replace")))
        return OK

    def _proxy_get_log_level(self, result: int) -> int:
        self._write_word(result, LEVELS.index(self.log_level))
        return OK

    def _proxy_get_current_time_nanoseconds(self, result: int) -> int:
        self._memory.write(self._store, struct.pack("<Q", self.clock), result & 0xFFFFFFFF)
        return OK

    def _proxy_get_buffer_bytes(self, kind: int, start: int, length: int, address: int, size: int) -> int:
        data = {5: self._grpc_message, 7: self._configuration}[kind]
        return self._give(data[start : start + length], address, size)

    def _proxy_get_header_map_value(
        self, kind: int, name: int, name_length: int, address: int, size: int
    ) -> int:
        assert kind == 0
        assert self._stream
        wanted = self._read(name, name_length)
        for key, value in self._stream.headers:
            if key == wanted:
                return self._give(value, address, size)
        return NOT_FOUND

    def _proxy_get_header_map_pairs(self, kind: int, address: int, size: int) -> int:
        assert kind in (0, 2)
        assert self._stream
        headers = self._stream.headers if kind == 0 else self._stream.response_headers
        lengths = b"".join(struct.pack("<II", len(name), len(value)) for name, value in headers)
        texts = b"".join(name + b"\0" + value + b"\0" for name, value in headers)
        return self._give(struct.pack("<I", len(headers)) + lengths + texts, address, size)

    def _proxy_add_header_map_value(
        self, kind: int, name: int, name_length: int, value: int, value_length: int
    ) -> int:
        assert kind in {0, 2}
        assert self._stream
        header = (self._read(name, name_length), self._read(value, value_length))
        if kind == 0:
            assert self._stream.state in {"new", "paused"}
            self._stream.headers = (*self._stream.headers, header)
            return OK
        self._stream.response_headers.append(header)
        return OK

    def _proxy_remove_header_map_value(self, kind: int, name: int, name_length: int) -> int:
        assert kind in {0, 2}
        assert self._stream
        wanted = self._read(name, name_length)
        if kind == 0:
            self._stream.headers = tuple(one for one in self._stream.headers if one[0].lower() != wanted)
            return OK
        self._stream.response_headers[:] = [
            header for header in self._stream.response_headers if header[0].lower() != wanted
        ]
        return OK

    def _proxy_get_property(self, path: int, path_length: int, address: int, size: int) -> int:
        stream = self._stream
        if stream is None:
            return NOT_FOUND
        segments = self._read(path, path_length).split(b"\0")
        value: bytes | None
        if segments[:2] == [b"request", b"headers"]:
            name = segments[2].decode(errors="replace") if len(segments) == 3 else ""
            value = stream.header(name)
        else:
            value = stream.attributes.get("\0".join(segment.decode(errors="replace") for segment in segments))
        return NOT_FOUND if value is None else self._give(value, address, size)

    def _proxy_set_property(self, name: int, name_length: int, value: int, value_length: int) -> int:
        if self._stream is None:
            return NOT_FOUND
        self._stream.properties[self._text(name, name_length)] = self._read(value, value_length).decode(
            "latin-1"
        )
        return OK

    def _proxy_call_foreign_function(  # noqa: PLR0917  (as the ABI has it)
        self, name: int, name_length: int, argument: int, argument_length: int, address: int, size: int
    ) -> int:
        functions: dict[str, Callable[[bytes], bytes | int]] = {
            "expr_create": self._create_expression,
            "expr_evaluate": self._evaluate_expression,
            "expr_delete": self._delete_expression,
            "declare_property": lambda _: b"",
            "verify_signature": self._verify_signature,
        }
        function = functions.get(self._text(name, name_length))
        if function is None or not self.cel:
            return NOT_FOUND
        result = function(self._read(argument, argument_length))
        return self._give(result, address, size) if isinstance(result, bytes) else result

    def _verify_signature(self, argument: bytes) -> bytes:
        """As Envoy: one message with the answer, which is empty for no."""
        self.verified.append(argument)
        return b"\x08\x01" if self.trusts_signatures else b""

    def _create_expression(self, text: bytes) -> bytes | int:
        try:
            compiled = compile_expression(text.decode())
        except (RuntimeError, UnicodeDecodeError):
            return BAD_ARGUMENT
        token = self._next_expression
        self._next_expression += 1
        self.expressions[token] = compiled
        return struct.pack("<I", token)

    def _delete_expression(self, token: bytes) -> bytes:
        del self.expressions[struct.unpack("<I", token)[0]]
        return b""

    def _evaluate_expression(self, token: bytes) -> bytes | int:
        """The bytes that Envoy makes of a value. Streams show their request in their own callbacks only."""
        expression = self.expressions[struct.unpack("<I", token)[0]]
        stream = self.streams.get(self._context)
        try:
            result = expression.eval(data=variables(stream) if stream else {})
        except (RuntimeError, ValueError, TypeError):
            return INTERNAL_FAILURE
        if result.type() == cel_expr.Type.ERROR:
            return INTERNAL_FAILURE
        return serialized(result.value())

    def _proxy_send_local_response(  # noqa: PLR0917  (as the ABI has it)
        self,
        code: int,
        details: int,
        details_length: int,
        body: int,
        body_length: int,
        headers: int,
        headers_length: int,
        grpc: int,
    ) -> int:
        stream = self._stream
        assert stream is not None, "a local response needs a stream"
        response = LocalResponse(
            code,
            self._read(body, body_length),
            self._pairs(headers, headers_length),
            grpc,
            self._text(details, details_length),
        )
        stream.local_responses.append(response)
        stream.state = "answered"
        # Envoy sends it when the callback has returned, and then shows the module its own response
        self._after_call.append(functools.partial(self.respond, stream))
        return OK

    def _proxy_continue_stream(self, kind: int) -> int:
        assert kind == 0
        assert self._stream is not None, "only a stream can go on"
        assert self._stream.state == "paused", f"the stream is {self._stream.state}"
        self._stream.state = "continued"
        self._stream.continued += 1
        return OK

    def _proxy_set_effective_context(self, context: int) -> int:
        self._effective = context
        return OK

    def _proxy_grpc_call(self, *arguments: int) -> int:
        target, target_length, service, service_length, method, method_length = arguments[:6]
        metadata, metadata_length, message, message_length, timeout, result = arguments[6:]
        if self.refuse_calls:
            # Envoy tells of the end of a call that it never told of.
            self._grpc_status = (14, b"no healthy upstream")
            self._call(self.root, "proxy_on_grpc_close", self.root, self._next_token, 14)
            return INTERNAL_FAILURE
        token = self._next_token
        self._next_token += 1
        self.calls.append(
            GrpcCall(
                token,
                self._read(target, target_length),
                f"{self._text(service, service_length)}/{self._text(method, method_length)}",
                self._pairs(metadata, metadata_length),
                self._read(message, message_length),
                timeout,
                self._effective or self._context,
            )
        )
        self._write_word(result, token)
        return OK

    def _proxy_grpc_cancel(self, token: int) -> int:
        self.cancelled.append(token)
        return OK

    def _proxy_get_status(self, code: int, message: int, size: int) -> int:
        assert not self._effective, "the status is the root context's"
        self._write_word(code, self._grpc_status[0])
        return self._give(self._grpc_status[1], message, size)

    def _proxy_set_tick_period_milliseconds(self, period: int) -> int:
        self.tick_periods[self._roots[self._effective or self._context]] = period
        return OK

    def _proxy_get_header_map_size(self, kind: int, size: int) -> int:
        assert kind == 0
        assert self._stream
        self._write_word(size, sum(len(name) + len(value) for name, value in self._stream.headers))
        return OK

    def _proxy_get_shared_data(self, key: int, key_length: int, address: int, size: int, version: int) -> int:
        found = self.shared.values.get(self._read(key, key_length))
        if found is None:
            return NOT_FOUND
        self._write_word(version, found[1])
        return self._give(found[0], address, size)

    def _proxy_set_shared_data(self, key: int, key_length: int, value: int, length: int, version: int) -> int:
        self.before_write()
        written = self.shared.set(
            self._read(key, key_length), self._read(value, length), version & 0xFFFFFFFF
        )
        return OK if written else CAS_MISMATCH

    def _proxy_define_metric(self, kind: int, name: int, name_length: int, result: int) -> int:
        assert kind == 0
        self._metric_names.append(self._text(name, name_length))
        self.metrics[self._metric_names[-1]] = 0
        self._write_word(result, len(self._metric_names) - 1)
        return OK

    def _proxy_increment_metric(self, metric: int, offset: int) -> int:
        self.metrics[self._metric_names[metric]] += offset
        return OK


def variables(stream: Stream) -> dict[str, object]:
    """What expressions see of a stream."""

    def text(name: str) -> str:
        return (stream.header(name) or b"").decode("latin-1")

    names = {name.decode("latin-1") for name, _ in stream.headers}
    request = {
        "method": text(":method"),
        "host": text(":authority"),
        "path": text(":path"),
        "url_path": text(":path").split("?")[0],
        "query": text(":path").partition("?")[2],
        "headers": {name: text(name) for name in names},
    }
    return {**stream.properties, "request": request}


def serialized(value: object) -> bytes | int:
    """A value as Envoy hands it over: without its type."""
    match value:
        case bool():
            return bytes([value])
        case int():
            return struct.pack("<q", value)
        case float():
            return struct.pack("<d", value)
        case str():
            return value.encode()
        case bytes():
            return value
        case _:
            return INTERNAL_FAILURE


_environment = cel_expr.NewEnv(
    variables={
        "request": cel_expr.Type.DYN,
        "source": cel_expr.Type.DYN,
        "kuadrant_text": cel_expr.Type.STRING,
    }
)


@functools.lru_cache(maxsize=4096)
def compile_expression(text: str) -> cel_expr.Expression:
    """A compiled expression.

    Raises:
        RuntimeError: The text is not CEL.
    """
    compiled: cel_expr.Expression = _environment.compile(text)
    return compiled
