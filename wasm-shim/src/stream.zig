//! One request's life: which questions it raises, the answers it waits for, and what becomes of it.

const std = @import("std");
const attribute = @import("attribute.zig");
const front = @import("root").front;
const host = @import("host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const ratelimit = @import("ratelimit.zig");

/// What the host does next with the request.
pub const Action = enum(u32) { proceed = 0, pause = 1 };

/// A request that waits for an answer, or for the response that gets its headers.
const Stream = struct {
    id: u32,
    arena: std.heap.ArenaAllocator,
    configuration: *front.Configuration,
    /// Everything is evaluated when the request's headers are there: the host evaluates no expressions later.
    calls: []const ratelimit.Call,
    next: usize = 0,
    /// Serialized pairs.
    metadata: []const u8,
    waiting_for: ?u32 = null,
    response_headers: std.ArrayList(host.Header) = .empty,

    fn current(stream: *const Stream) ratelimit.Call {
        return stream.calls[stream.next - 1];
    }
};

/// Neither map is a `HashMap` of the standard library: that one grows slower with every removal.
var streams: std.array_hash_map.Auto(u32, *Stream) = .empty;
var callers: std.array_hash_map.Auto(u32, *Stream) = .empty;

/// Passed on to the service, the most telling first. Two of them are lists that may come in parts.
const tracing_headers = [_][]const u8{ "traceparent", "tracestate", "baggage" };

/// The most that their values may have together. Servers refuse a call with large metadata (from 8 KiB on), and a client must not
/// be able to choose that the failure mode decides.
const most_tracing_bytes = 4096;

/// The request's headers have come. Most requests end here: nothing is allocated for one that no rule has an action for.
pub fn begin(id: u32, configuration: *front.Configuration) Action {
    return decide(id, configuration) catch |reason| {
        host.log(.debug, "request refused: {s}", .{@errorName(reason)});
        return refuse();
    };
}

/// For a request of which nothing can be known: it is not let through.
pub fn refuse() Action {
    metrics.count(.errors);
    answerError();
    return .pause;
}

fn decide(id: u32, configuration: *front.Configuration) error{ OutOfMemory, Failed }!Action {
    const calls = try front.ask(configuration) orelse return .proceed;
    if (calls.len == 0) {
        metrics.count(.allowed);
        return .proceed;
    }
    const stream = try create(id, configuration, calls);
    return advance(stream);
}

fn create(id: u32, configuration: *front.Configuration, calls: []const ratelimit.Call) error{OutOfMemory}!*Stream {
    var metadata: [tracing_headers.len]host.Header = undefined;
    var count: usize = 0;
    var room: usize = most_tracing_bytes;
    inline for (tracing_headers) |name| if (try host.property(attribute.header_prefix ++ name)) |value| {
        if (value.len <= room and isPlain(value)) {
            metadata[count] = .{ .name = name, .value = value };
            count += 1;
            room -= value.len;
        }
    };
    var arena: std.heap.ArenaAllocator = .init(memory.lasting);
    errdefer arena.deinit();
    const allocator = arena.allocator();
    const stream = try allocator.create(Stream);
    const kept = try allocator.alloc(ratelimit.Call, calls.len);
    for (calls, kept) |call, *copy| copy.* = .{ .service = call.service, .message = try allocator.dupe(u8, call.message) };
    const pairs = try host.serializePairs(allocator, metadata[0..count]);
    try streams.ensureUnusedCapacity(memory.lasting, 1);
    try callers.ensureUnusedCapacity(memory.lasting, streams.count() + 1);
    stream.* = .{ .id = id, .arena = arena, .configuration = configuration.retain(), .calls = kept, .metadata = pairs };
    streams.putAssumeCapacity(id, stream);
    return stream;
}

/// Whether gRPC takes it for the value of metadata.
fn isPlain(value: []const u8) bool {
    for (value) |byte| if (byte < ' ' or byte > '~') return false;
    return true;
}

fn destroy(stream: *Stream) void {
    if (stream.waiting_for) |token| {
        _ = callers.swapRemove(token);
        host.cancelGrpcCall(token);
    }
    _ = streams.swapRemove(stream.id);
    stream.configuration.release();
    const arena = stream.arena;
    arena.deinit();
}

/// Starts the next call that can be started. When none is left, the request goes on.
fn advance(stream: *Stream) Action {
    while (stream.next < stream.calls.len) {
        stream.next += 1;
        const call = stream.current();
        const token = host.startGrpcCall(.{
            .service = call.service.target,
            .name = ratelimit.service_name,
            .method = ratelimit.method_name,
            .metadata = stream.metadata,
            .message = call.message,
            .timeout_ms = call.service.timeout_ms,
        });
        if (token) |number| {
            stream.waiting_for = number;
            callers.putAssumeCapacity(number, stream);
            return .pause;
        }
        if (fails(stream, "the call could not be started")) return .pause;
    }
    metrics.count(.allowed);
    if (stream.response_headers.items.len == 0) destroy(stream);
    return .proceed;
}

/// The current call has no answer. True when the request was refused for it, and `stream` is gone.
fn fails(stream: *Stream, reason: []const u8) bool {
    const service = stream.current().service;
    metrics.count(.errors);
    complain(service, reason);
    if (service.failure_mode == .allow) return false;
    destroy(stream);
    answerError();
    return true;
}

const complaint_interval = 60 * std.time.ns_per_s;

/// A service that is down is worth a line, but not one per request.
fn complain(service: *ratelimit.Service, reason: []const u8) void {
    const now = host.nanoseconds();
    if (service.logged != 0 and now -| service.logged < complaint_interval) return;
    service.logged = @max(now, 1);
    host.log(.warn, "service {f}: {s}; its failure mode is {s}; more of this within a minute is not logged", .{ host.quoted(service.name), reason, @tagName(service.failure_mode) });
}

fn answerError() void {
    host.sendLocalResponse(500, "rate_limiter_error", "Internal Server Error.\n", "");
}

/// The stream that waits for the answer of this call, made current; `null` when the client is gone or it was told already.
fn receiver(token: u32) ?*Stream {
    const caller = callers.fetchSwapRemove(token) orelse return null;
    const stream = caller.value;
    stream.waiting_for = null;
    host.setEffectiveContext(stream.id);
    return stream;
}

/// The service has answered. The message is fetched before the stream is made current, as it belongs to the root context.
pub fn receive(token: u32, length: usize) void {
    const message = host.grpcMessage(length) catch null;
    const stream = receiver(token) orelse return;
    const answer = ratelimit.parseAnswer(message orelse "") catch |reason| {
        return goOn(stream, switch (reason) {
            error.Malformed => "its answer says neither OK nor OVER_LIMIT",
            error.OutOfMemory => "there was no memory for its answer",
        });
    };
    switch (answer.verdict) {
        .ok => {
            keepHeaders(stream, answer.headers) catch host.log(.debug, "no memory for the answer's headers", .{});
            if (advance(stream) == .proceed) host.continueRequest();
        },
        .over_limit => {
            metrics.count(.limited);
            destroy(stream);
            const headers = host.serializePairs(memory.scratch, answer.headers) catch "";
            host.sendLocalResponse(429, "request_rate_limited", "Too Many Requests\n", headers);
        },
    }
}

/// The call ended without an answer.
pub fn close(token: u32, status: u32) void {
    const stream = receiver(token) orelse return;
    var buffer: [64]u8 = undefined;
    goOn(stream, std.fmt.bufPrint(&buffer, "the call ended with gRPC status {d}", .{status}) catch unreachable);
}

fn goOn(stream: *Stream, failure: []const u8) void {
    if (fails(stream, failure)) return;
    if (advance(stream) == .proceed) host.continueRequest();
}

fn keepHeaders(stream: *Stream, headers: []const host.Header) error{OutOfMemory}!void {
    const allocator = stream.arena.allocator();
    for (headers) |header| {
        try stream.response_headers.append(allocator, .{ .name = try allocator.dupe(u8, header.name), .value = try allocator.dupe(u8, header.value) });
    }
}

/// The response's headers have come. This is called for answers of this module, too; their stream is gone by then.
pub fn finish(id: u32) void {
    const stream = streams.get(id) orelse return;
    for (stream.response_headers.items) |header| host.addResponseHeader(header.name, header.value);
    destroy(stream);
}

/// The stream has ended, or its client has gone.
pub fn forget(id: u32) void {
    destroy(streams.get(id) orelse return);
}
