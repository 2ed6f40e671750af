//! Questions that only limits in shadow ask. The request does not wait for their answers, and nothing is done for it by them: what a
//! service does about such a limit, or fails to do, is for its counters alone.
//!
//! Each is sent once: one that could not be sent is not tried again.

const std = @import("std");
const call_retries = @import("call_retries.zig");
const decision_reports = @import("decision_reports.zig");
const failures = @import("failure.zig");
const failure_mode = @import("failure_mode.zig");
const front = @import("root").front;
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const rate_limit_answer = @import("rate_limit_answer.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const service_circuit = @import("service_circuit.zig");
const Service = @import("rate_limit_service.zig").Service;

/// So many wait for their answers at most, or a service that is silent would have a call of each request. Envoy's own bound of a
/// cluster (1024) leaves room for questions that are waited for.
const most = 256;

const Sent = struct {
    root: u32,
    configuration: *front.Configuration,
    service: *Service,
    /// For people: texts of the configuration.
    scope: []const u8,
    limit: []const u8,
};

/// By their tokens.
var sent: std.array_hash_map.Auto(u32, Sent) = .empty;

/// Asks. It is the root context's call, since that of the request would end with it. The root is the effective context afterwards.
pub fn send(call: rate_limit_call.Call, root: u32, configuration: *front.Configuration) void {
    const failure = start(call, root, configuration) orelse return;
    failure_mode.passOver(call.service.name, failure, call.scope, call.onlyLimit());
}

fn start(call: rate_limit_call.Call, root: u32, configuration: *front.Configuration) ?failures.Failure {
    if (sent.count() >= most) return .{ .kind = .crowded };
    if (call.service.circuit.is_away) return .{ .kind = .away };
    // Those that wait for the service try it, one at a time.
    if (call.service.reach.isLost()) return .{ .kind = .@"unreachable" };
    sent.ensureUnusedCapacity(memory.lasting, 1) catch return .{ .kind = .memory };
    host.setEffectiveContext(root);
    const token = host.startGrpcCall(.{
        .service = call.service.target,
        .name = rate_limit_call.service_name,
        .method = rate_limit_call.method_name,
        .metadata = call.metadata,
        .message = call.message,
        .timeout_ms = call.service.timeout_ms,
    }) orelse return .{ .kind = .@"unreachable" };
    sent.putAssumeCapacity(token, .{
        .root = root,
        .configuration = configuration.retain(),
        .service = call.service,
        .scope = call.scope,
        .limit = call.onlyLimit(),
    });
    return null;
}

/// Whether it is the answer to one of these that has come.
pub fn receive(token: u32, length: usize) bool {
    const one = take(token) orelse return false;
    defer one.configuration.release();
    service_circuit.hear(one.service);
    const message = host.grpcMessage(length) catch null;
    const answer = rate_limit_answer.parse(message orelse "") catch |reason| {
        passOver(one, .{ .kind = switch (reason) {
            error.Malformed => .bad_answer,
            error.OutOfMemory => .memory,
        } });
        return true;
    };
    if (answer.follow.len > 0) decision_reports.hear(answer.follow, one.service);
    return true;
}

/// Whether it is one of these that has ended without an answer.
pub fn close(token: u32, status: u32) bool {
    const one = take(token) orelse return false;
    defer one.configuration.release();
    const message = if (status == failure_mode.unavailable) host.grpcStatusMessage() else "";
    passOver(one, if (call_retries.wasNotSent(message)) .{ .kind = .@"unreachable" } else failure_mode.endOf(status, message));
    return true;
}

/// The root context is gone, and its calls with it: nobody will tell of them.
pub fn forgetRoot(root: u32) void {
    var index = sent.count();
    while (index > 0) {
        index -= 1;
        if (sent.values()[index].root != root) continue;
        const configuration = sent.values()[index].configuration;
        sent.swapRemoveAt(index);
        configuration.release();
    }
}

fn take(token: u32) ?Sent {
    const entry = sent.fetchSwapRemove(token) orelse return null;
    return entry.value;
}

fn passOver(one: Sent, failure: failures.Failure) void {
    failure_mode.passOver(one.service.name, failure, one.scope, one.limit);
}
