//! Services that do not answer: requests that can go on without them do so at once, and a probe finds out when one is back.
//!
//! A service is away when a question has waited for all its time while nobody else was answered, or when nothing could be sent to it
//! for a moment. Whoever is refused without an answer is still asked for: only an answer lets him through.

const std = @import("std");
const call_retries = @import("call_retries.zig");
const clock = @import("clock.zig");
const descriptors = @import("descriptor.zig");
const failure_mode = @import("failure_mode.zig");
const front = @import("root").front;
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const protobuf = @import("protobuf.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const Service = @import("rate_limit_service.zig").Service;

/// How often it is asked, at the most. One probe at a time.
const pause_ns = 100 * std.time.ns_per_ms;

/// The only entry of a probe. No limit is about it, so that nothing is counted.
const probe_key = "kuadrant:probe";

pub const Circuit = struct {
    is_away: bool = false,
    /// When the last answer came, by `clock`.
    answered: u64 = 0,
};

const Probe = struct {
    service: *Service,
    configuration: *front.Configuration,
    root: u32,
    /// Serialized.
    message: []const u8,
    token: ?u32 = null,
    due: u64 = 0,
};

/// Of services that are away: few, and seldom any.
var probes: std.ArrayList(Probe) = .empty;

/// A question has waited in vain. If the service has answered nobody meanwhile, it is away. Where everybody is refused without an
/// answer, nothing is gained by that.
pub fn waitedInVain(call: rate_limit_call.Call, member: *const call_retries.Member, configuration: *front.Configuration) void {
    const service = call.service;
    if (!call.canDoWithout() or service.circuit.is_away or service.circuit.answered > member.began) return;
    begin(service, call.scope, member.root, configuration) catch return;
    service.circuit.is_away = true;
}

fn begin(service: *Service, scope: []const u8, root: u32, configuration: *front.Configuration) error{OutOfMemory}!void {
    try probes.ensureUnusedCapacity(memory.lasting, 1);
    try call_retries.startTicking(root);
    const message = try memory.lasting.dupe(u8, try serialize(scope));
    probes.appendAssumeCapacity(.{ .service = service, .configuration = configuration.retain(), .root = root, .message = message });
}

fn serialize(scope: []const u8) error{OutOfMemory}![]const u8 {
    var descriptor: protobuf.Writer = .{ .allocator = memory.scratch };
    try descriptor.string(1, try descriptors.serializeEntry(memory.scratch, probe_key, "1"));
    var message: protobuf.Writer = .{ .allocator = memory.scratch };
    try message.string(1, scope);
    try message.string(2, descriptor.bytes.items);
    return message.bytes.items;
}

/// Asks those that are due. `root` is the effective context.
pub fn tick(root: u32) void {
    const now = clock.nanoseconds();
    var index = probes.items.len;
    while (index > 0) {
        index -= 1;
        const probe = &probes.items[index];
        if (probe.root != root or probe.token != null or now < probe.due) continue;
        // Nobody else has the configuration any more.
        if (probe.configuration.references == 1) {
            end(index);
            continue;
        }
        probe.due = now + pause_ns;
        probe.token = send(probe);
    }
}

fn send(probe: *const Probe) ?u32 {
    return host.startGrpcCall(.{
        .service = probe.service.target,
        .name = rate_limit_call.service_name,
        .method = rate_limit_call.method_name,
        .metadata = host.serializePairs(memory.scratch, probe.service.metadata) catch return null,
        .message = probe.message,
        .timeout_ms = probe.service.timeout_ms,
    });
}

/// Whether `root` has to be called from time to time.
pub fn isProbing(root: u32) bool {
    for (probes.items) |probe| if (probe.root == root) return true;
    return false;
}

/// The service has answered somebody.
pub fn hear(service: *Service) void {
    service.circuit.answered = clock.nanoseconds();
    if (!service.circuit.is_away) return;
    service.circuit.is_away = false;
    for (probes.items, 0..) |probe, index| if (probe.service == service) {
        if (probe.token) |token| host.cancelGrpcCall(token);
        return end(index);
    };
}

/// The service whose probe has been answered, if it is that.
pub fn receive(token: u32) ?*Service {
    const probe = of(token) orelse return null;
    probe.token = null;
    const service = probe.service;
    hear(service);
    return service;
}

/// Whether it is a probe that has ended without an answer. An error of the service's own is one.
pub fn close(token: u32, status: u32) bool {
    const probe = of(token) orelse return false;
    probe.token = null;
    const message = if (status == failure_mode.unavailable) host.grpcStatusMessage() else "";
    if (!call_retries.wasNotSent(message) and failure_mode.endOf(status, message).kind == .refused) hear(probe.service);
    return true;
}

fn of(token: u32) ?*Probe {
    for (probes.items) |*probe| if (probe.token == token) return probe;
    return null;
}

/// The root context is gone, and its calls with it.
pub fn forgetRoot(root: u32) void {
    var index = probes.items.len;
    while (index > 0) {
        index -= 1;
        if (probes.items[index].root != root) continue;
        probes.items[index].service.circuit.is_away = false;
        end(index);
    }
}

fn end(index: usize) void {
    const probe = probes.swapRemove(index);
    memory.lasting.free(probe.message);
    probe.configuration.release();
}
