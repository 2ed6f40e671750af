//! A proxy-wasm 0.2.1 filter: what the host calls.

const std = @import("std");
const decision_record = @import("decision_record.zig");
const front = @import("root").front;
const calls = @import("call_retries.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const refusal = @import("refusal.zig");
const service_circuit = @import("service_circuit.zig");
const shadow_calls = @import("shadow_calls.zig");
const stream = @import("stream.zig");
const table = @import("text_table.zig");

/// The configuration of each root context, `null` until it has a good one.
var roots: std.array_hash_map.Auto(u32, ?*front.Configuration) = .empty;

/// The root contexts of streams that have no headers yet. A stream's headers follow its creation at once, so that the newest is
/// nearly always the only one.
var newest: ?struct { stream: u32, root: u32 } = null;
var others: std.array_hash_map.Auto(u32, u32) = .empty;

pub const panic = std.debug.FullPanic(struct {
    fn report(message: []const u8, _: ?usize) noreturn {
        host.log(.critical, "internal error: {s}", .{message});
        @trap();
    }
}.report);

export fn proxy_abi_version_0_2_1() void {}

export fn malloc(length: usize) ?[*]u8 {
    return memory.allocateForHost(length);
}

/// The host calls this for each root context.
export fn proxy_on_vm_start(_: u32, _: usize) u32 {
    table.setSeed(host.nanoseconds());
    return 1;
}

export fn proxy_on_context_create(id: u32, root: u32) void {
    if (root == 0) {
        roots.put(memory.lasting, id, null) catch host.log(.err, "no memory for a root context", .{});
        return;
    }
    if (newest) |waiting| others.put(memory.lasting, waiting.stream, waiting.root) catch {};
    newest = .{ .stream = id, .root = root };
}

export fn proxy_on_configure(root: u32, length: usize) u32 {
    memory.enter();
    defer memory.leave();
    host.refreshLogLevel();
    metrics.define();
    configure(root, length) catch |reason| {
        if (reason == error.OutOfMemory) host.log(.err, "configuration refused: there is not enough memory for it", .{});
        metrics.count(.configurations_refused);
        return 0;
    };
    return 1;
}

fn configure(root: u32, length: usize) front.Error!void {
    const text = try host.pluginConfiguration(length) orelse "";
    const entry = try roots.getOrPutValue(memory.lasting, root, null);
    const replacement = try front.read(text);
    if (entry.value_ptr.*) |old| old.release();
    entry.value_ptr.* = replacement;
}

export fn proxy_on_request_headers(id: u32, _: u32, _: u32) u32 {
    memory.enter();
    defer memory.leave();
    return @backingInt(begin(id));
}

fn begin(id: u32) stream.Action {
    const root = takeRoot(id);
    const current = if (root) |known| roots.get(known) orelse null else null;
    if (current) |configuration| return stream.begin(id, root.?, configuration);
    failures.present = .{};
    decision_record.present = .{};
    refusal.refuseUnseen(.no_configuration);
    return .pause;
}

fn takeRoot(id: u32) ?u32 {
    if (newest) |waiting| if (waiting.stream == id) {
        newest = null;
        return waiting.root;
    };
    const waiting = others.fetchSwapRemove(id) orelse return null;
    return waiting.value;
}

export fn proxy_on_grpc_receive(_: u32, token: u32, length: usize) void {
    memory.enter();
    defer memory.leave();
    stream.receive(token, length);
}

export fn proxy_on_grpc_close(_: u32, token: u32, status: u32) void {
    memory.enter();
    defer memory.leave();
    stream.close(token, status);
}

export fn proxy_on_tick(root: u32) void {
    memory.enter();
    defer memory.leave();
    stream.tick(root);
}

export fn proxy_on_response_headers(id: u32, _: u32, _: u32) u32 {
    memory.enter();
    defer memory.leave();
    stream.finish(id);
    return 0;
}

export fn proxy_on_delete(id: u32) void {
    memory.enter();
    defer memory.leave();
    if (takeRoot(id) != null) return;
    stream.forget(id);
    const root = roots.fetchSwapRemove(id) orelse return;
    calls.forgetRoot(id);
    shadow_calls.forgetRoot(id);
    service_circuit.forgetRoot(id);
    if (root.value) |current| {
        current.forgetExpressions();
        current.release();
    }
}
