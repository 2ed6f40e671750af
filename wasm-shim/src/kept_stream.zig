//! What is kept of a request that waits for an answer, or for the response that gets its headers.

const std = @import("std");
const call_retries = @import("call_retries.zig");
const client_headers = @import("client_headers.zig");
const decision_record = @import("decision_record.zig");
const front = @import("root").front;
const gateway_limits = @import("gateway_limits.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const soft_signal = @import("soft_signal.zig");
const tracing_headers = @import("tracing_headers.zig");

/// A request that waits for an answer, or for the response that gets its headers.
pub const Stream = struct {
    id: u32,
    arena: std.heap.ArenaAllocator,
    configuration: *front.Configuration,
    /// Everything is evaluated when the request's headers are there: the host evaluates no expressions later.
    calls: []const rate_limit_call.Call,
    next: usize = 0,
    waiting_for: ?u32 = null,
    /// When the current call was sent, by the host's clock.
    sent: u64 = 0,
    /// What its service is told beside the question.
    untold: []const u8 = "",
    /// Of the current call, which may wait for its service.
    member: call_retries.Member,
    told: client_headers.Told = .{},
    signals: soft_signal.Signals = .{},
    refused: ?Refused = null,
    /// What this gateway has counted for it, which is taken back if it does not go on.
    counted: std.ArrayList(gateway_limits.Counted) = .empty,
    /// For the record of what is decided.
    decision: decision_record.Request,

    /// That it is over a limit is known, and others are asked when they have room.
    pub const Refused = struct { call: rate_limit_call.Call, details: []const u8 };

    pub fn current(stream: *const Stream) rate_limit_call.Call {
        return stream.calls[stream.next - 1];
    }
};

/// Neither map is a `HashMap` of the standard library: that one grows slower with every removal.
pub var streams: std.array_hash_map.Auto(u32, *Stream) = .empty;
pub var callers: std.array_hash_map.Auto(u32, *Stream) = .empty;

pub fn create(id: u32, root: u32, configuration: *front.Configuration, calls: []const rate_limit_call.Call) error{OutOfMemory}!*Stream {
    var buffer: [tracing_headers.names.len]host.Header = undefined;
    const tracing = try tracing_headers.ofRequest(&buffer);
    var arena: std.heap.ArenaAllocator = .init(memory.lasting);
    errdefer arena.deinit();
    const allocator = arena.allocator();
    const stream = try allocator.create(Stream);
    const calls_kept = try rate_limit_call.keep(allocator, calls, tracing);
    try streams.ensureUnusedCapacity(memory.lasting, 1);
    try callers.ensureUnusedCapacity(memory.lasting, streams.count() + 1);
    stream.* = .{ .id = id, .arena = arena, .configuration = configuration.retain(), .calls = calls_kept, .member = .{ .stream = id, .root = root }, .decision = decision_record.present };
    streams.putAssumeCapacity(id, stream);
    return stream;
}

pub fn destroy(stream: *Stream) void {
    if (stream.waiting_for) |token| {
        _ = callers.swapRemove(token);
        host.cancelGrpcCall(token);
    }
    stream.member.leave();
    _ = streams.swapRemove(stream.id);
    gateway_limits.release(&stream.counted);
    stream.configuration.release();
    const arena = stream.arena;
    arena.deinit();
}
