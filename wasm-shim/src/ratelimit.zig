//! What is asked of the rate limit service, and what it answers: messages of `envoy.service.ratelimit.v3`.

const std = @import("std");
const admission = @import("expression_admission.zig");
const decision_record = @import("decision_record.zig");
const expression = @import("expression.zig");
const client_headers = @import("client_headers.zig");
const host = @import("host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const protobuf = @import("protobuf.zig");
const refusal = @import("refusal.zig");
const request_bounds = @import("request_bounds.zig");
const waiting = @import("call_retries.zig");
const Attributes = @import("attributes.zig").Attributes;
const Descriptor = @import("descriptor.zig").Descriptor;
const Form = client_headers.Form;
const FailureMode = @import("failure_mode.zig").FailureMode;
const Limit = @import("limit.zig").Limit;
const Allocator = std.mem.Allocator;

pub const service_name = "envoy.service.ratelimit.v3.RateLimitService";
pub const method_name = "ShouldRateLimit";

/// `Failed` is for the failure mode; of the others the request cannot be looked at, and it is refused whatever the mode.
pub const Error = expression.EvaluationError;

pub const Service = struct {
    name: []const u8,
    /// A serialized `envoy.config.core.v3.GrpcService`. Never a bare cluster name: one that happens to be a valid message would
    /// be read as that message, without a target, and end the whole Envoy process.
    target: []const u8,
    timeout_ms: u32,
    failure_mode: FailureMode,
    /// Goes along with every call. Never logged: it may be a secret.
    metadata: []const host.Header = &.{},
    reach: waiting.Reach = .{},
};

/// `GrpcService{envoy_grpc: {cluster_name}}`.
pub fn envoyGrpc(allocator: Allocator, cluster: []const u8) error{OutOfMemory}![]const u8 {
    var target: protobuf.Writer = .{ .allocator = allocator };
    try target.string(1, cluster);
    var service: protobuf.Writer = .{ .allocator = allocator };
    try service.string(1, target.bytes.items);
    return service.bytes.items;
}

/// `GrpcService{google_grpc: {target_uri, stat_prefix, channel_args}}`. What becomes of a call that could not be sent is not told by
/// this client of Envoy's; so that it waits for its connection itself, and for the whole of the call's time, is said by the arguments.
pub fn googleGrpc(allocator: Allocator, address: []const u8) error{OutOfMemory}![]const u8 {
    var arguments: protobuf.Writer = .{ .allocator = allocator };
    var waits: protobuf.Writer = .{ .allocator = allocator };
    try waits.string(1, "{\"methodConfig\":[{\"name\":[{}],\"waitForReady\":true}]}");
    try argument(&arguments, "grpc.service_config", waits.bytes.items);
    // Before gRPC tries a connection or a name again, it would wait for seconds.
    inline for (.{ .{ "initial", 100 }, .{ "min", 500 }, .{ "max", 1000 } }) |pause| {
        var value: protobuf.Writer = .{ .allocator = allocator };
        try value.integer(2, pause[1]);
        try argument(&arguments, "grpc." ++ pause[0] ++ "_reconnect_backoff_ms", value.bytes.items);
    }
    var target: protobuf.Writer = .{ .allocator = allocator };
    try target.string(1, address);
    try target.string(4, "kuadrant");
    try target.string(8, arguments.bytes.items);
    var service: protobuf.Writer = .{ .allocator = allocator };
    try service.string(2, target.bytes.items);
    return service.bytes.items;
}

fn argument(arguments: *protobuf.Writer, name: []const u8, value: []const u8) error{OutOfMemory}!void {
    var entry: protobuf.Writer = .{ .allocator = arguments.allocator };
    try entry.string(1, name);
    try entry.string(2, value);
    try arguments.string(1, entry.bytes.items);
}

/// A question, and whom it is for.
pub const Call = struct {
    service: *Service,
    /// Serialized.
    message: []const u8,
    /// The serialized pairs that go along.
    metadata: []const u8 = "",
    scope: []const u8,
    /// Those that may have been asked for.
    limits: []const Limit = &.{},
    /// The only one that was, if there is one.
    only: ?*const Limit = null,
    form: *const Form = &client_headers.as_the_service_says,

    pub fn onlyLimit(call: Call) []const u8 {
        return if (call.only) |limit| limit.key() else "";
    }

    /// The key of the limit that an answer names as the one that is reached. A service may name none, or by names of its own: it is
    /// the only one then, or unknown (empty).
    pub fn reached(call: Call, named: []const u8) []const u8 {
        if (named.len > 0) for (call.limits) |limit| if (std.mem.eql(u8, limit.key(), named)) return limit.key();
        return call.onlyLimit();
    }
};

/// One question: the limits of one scope.
pub const Action = struct {
    service: *Service,
    scope: []const u8,
    limits: []const Limit,
    form: *const Form = &client_headers.as_the_service_says,

    /// The question, in scratch memory, or `null` when no limit applies. For a service that allows, a limit that cannot be evaluated is
    /// left out.
    pub fn call(action: Action, attributes: *Attributes) Error!?Call {
        admission.begin(action.scope);
        defer admission.end();
        var descriptor: Descriptor = .{};
        var asked: usize = 0;
        var last: ?*const Limit = null;
        for (action.limits) |*limit| {
            const before = descriptor.entries.items.len;
            const applies = limit.append(&descriptor, attributes) catch |reason| blk: {
                refusal.present.scope = action.scope;
                refusal.present.limit = limit.key();
                decision_record.present.limit = limit;
                if (!action.service.failure_mode.leavesOut(reason)) return reason;
                metrics.count(.errors);
                refusal.tell(.expression, .left_out);
                refusal.present = .{};
                decision_record.present.limit = null;
                decision_record.present.passed = .{ .kind = .expression };
                break :blk false;
            };
            if (applies) {
                asked += 1;
                last = limit;
            } else descriptor.cut(before);
        }
        if (descriptor.entries.items.len == 0) return null;

        var entries: protobuf.Writer = .{ .allocator = memory.scratch };
        for (descriptor.entries.items) |entry| try entries.string(1, entry);
        if (action.form.entry.len > 0) try entries.string(1, action.form.entry);
        var message: protobuf.Writer = .{ .allocator = memory.scratch };
        try message.string(1, action.scope);
        try message.string(2, entries.bytes.items);
        try message.integer(3, 1); // hits_addend
        if (message.bytes.items.len > request_bounds.largest_question) {
            refusal.present = .{ .scope = action.scope };
            return error.TooLarge;
        }
        return .{
            .service = action.service,
            .message = message.bytes.items,
            .scope = action.scope,
            .limits = action.limits,
            .only = if (asked == 1) last else null,
            .form = action.form,
        };
    }
};

/// The calls of all actions that have something to ask.
pub fn requests(actions: []const Action, attributes: *Attributes) Error![]const Call {
    var calls: std.ArrayList(Call) = .empty;
    for (actions) |action| {
        try calls.append(memory.scratch, try action.call(attributes) orelse continue);
    }
    return calls.items;
}

pub const Answer = struct {
    verdict: enum { ok, over_limit },
    /// Of the limit that is reached, if the answer names one.
    limit: []const u8 = "",
    /// In scratch memory.
    headers: []const host.Header,
    /// What the service says to those whose decisions somebody follows.
    follow: []const u8 = "",
};

/// Reads a `RateLimitResponse`. A code that is neither OK nor OVER_LIMIT is malformed: it says nothing.
pub fn parseAnswer(bytes: []const u8) error{ OutOfMemory, Malformed }!Answer {
    var code: u64 = 0;
    var headers: std.ArrayList(host.Header) = .empty;
    var follow: []const u8 = "";
    var fields: protobuf.Reader = .{ .bytes = bytes };
    while (try fields.next()) |field| switch (field.number) {
        1 => code = switch (field.value) {
            .integer => |integer| integer,
            else => return error.Malformed,
        },
        3 => switch (field.value) {
            .bytes => |header| {
                const pair = try parseHeader(header);
                if (isHeader(pair)) try headers.append(memory.scratch, pair);
            },
            else => return error.Malformed,
        },
        6 => if (field.value == .bytes) {
            follow = metadataText(field.value.bytes, follow_key) catch "";
        },
        else => {},
    };
    return switch (code) {
        1 => .{ .verdict = .ok, .headers = headers.items, .follow = follow },
        2 => .{ .verdict = .over_limit, .headers = headers.items, .follow = follow, .limit = reachedLimit(bytes) catch "" },
        else => error.Malformed,
    };
}

/// The name of the first limit that an answer says is reached: of `statuses` (2) the `current_limit` (2), its `name` (3).
fn reachedLimit(bytes: []const u8) error{Malformed}![]const u8 {
    var fields: protobuf.Reader = .{ .bytes = bytes };
    while (try fields.next()) |field| {
        if (field.number != 2 or field.value != .bytes) continue;
        var code: u64 = 0;
        var name: []const u8 = "";
        var status: protobuf.Reader = .{ .bytes = field.value.bytes };
        while (try status.next()) |part| switch (part.value) {
            .integer => |integer| if (part.number == 1) {
                code = integer;
            },
            .bytes => |limit| if (part.number == 2) {
                name = try textOf(limit, 3);
            },
            .fixed => {},
        };
        if (code == 2 and name.len > 0) return name;
    }
    return "";
}

/// The last text of a message under this number.
fn textOf(message: []const u8, number: u64) error{Malformed}![]const u8 {
    var text: []const u8 = "";
    var fields: protobuf.Reader = .{ .bytes = message };
    while (try fields.next()) |field| if (field.number == number and field.value == .bytes) {
        text = field.value.bytes;
    };
    return text;
}

const follow_key = "kuadrant.follow";

/// The text that a `Struct` has under a key: of its `fields` (1), which have key (1) and value (2), the value's `string_value` (3).
fn metadataText(bytes: []const u8, key: []const u8) error{Malformed}![]const u8 {
    var fields: protobuf.Reader = .{ .bytes = bytes };
    while (try fields.next()) |field| {
        if (field.number != 1 or field.value != .bytes) continue;
        if (std.mem.eql(u8, try textOf(field.value.bytes, 1), key)) return textOf(try textOf(field.value.bytes, 2), 3);
    }
    return "";
}

/// A `HeaderValue`: key (1), value (2) or raw_value (3).
fn parseHeader(bytes: []const u8) error{Malformed}!host.Header {
    var header: host.Header = .{ .name = "", .value = "" };
    var fields: protobuf.Reader = .{ .bytes = bytes };
    while (try fields.next()) |field| switch (field.number) {
        1, 2, 3 => switch (field.value) {
            .bytes => |text| if (field.number == 1) {
                header.name = text;
            } else if (text.len > 0) {
                header.value = text;
            },
            else => return error.Malformed,
        },
        else => {},
    };
    return header;
}

/// Whether the host can send it on: the name a token (so no pseudo-header), the value free of what would end the line.
pub fn isHeader(header: host.Header) bool {
    if (header.name.len == 0) return false;
    for (header.name) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and std.mem.findScalar(u8, "!#$%&'*+-.^_`|~", byte) == null) return false;
    }
    return std.mem.findAny(u8, header.value, "\x00\r\n") == null;
}
