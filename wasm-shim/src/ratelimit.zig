//! What is asked of the rate limit service, and what it answers: messages of `envoy.service.ratelimit.v3`.

const std = @import("std");
const host = @import("host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const protobuf = @import("protobuf.zig");
const waiting = @import("call_retries.zig");
const Attributes = @import("attributes.zig").Attributes;
const Condition = @import("condition.zig").Condition;
const FailureMode = @import("failure_mode.zig").FailureMode;
const expression = @import("expression.zig");
const Expression = expression.Expression;
const Own = @import("own_expression.zig").Own;
const TextTable = @import("table.zig").TextTable;
const Allocator = std.mem.Allocator;

pub const service_name = "envoy.service.ratelimit.v3.RateLimitService";
pub const method_name = "ShouldRateLimit";

/// `Failed` is for the failure mode; of the others the request cannot be looked at, and it is refused whatever the mode.
pub const Error = error{ OutOfMemory, TooMuch, Failed };

pub const Service = struct {
    name: []const u8,
    /// A serialized `envoy.config.core.v3.GrpcService`. Never a bare cluster name: one that happens to be a valid message would
    /// be read as that message, without a target, and end the whole Envoy process.
    target: []const u8,
    timeout_ms: u32,
    failure_mode: FailureMode,
    /// Goes along with every call. Never logged: it may be a secret.
    metadata: []const host.Header = &.{},
    /// When its last failure was logged, in nanoseconds; 0 for never.
    logged: u64 = 0,
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

/// What the service takes. It would refuse a larger one as a whole, and a client must not be able to choose that the failure mode decides.
const largest_message = 256 * 1024;

/// A serialized question, whom it is for, and the serialized pairs that go along.
pub const Call = struct { service: *Service, message: []const u8, metadata: []const u8 = "" };

/// One question: the limits of one scope.
pub const Action = struct {
    service: *Service,
    scope: []const u8,
    limits: []const Limit,

    /// The serialized request, in scratch memory, or `null` when no limit applies. For a service that allows, a limit that cannot be
    /// evaluated is left out.
    pub fn request(action: Action, attributes: *Attributes) Error!?[]const u8 {
        expression.begin(action.scope);
        defer expression.end();
        var descriptor: Descriptor = .{};
        for (action.limits) |limit| {
            const before = descriptor.entries.items.len;
            const applies = limit.append(&descriptor, attributes) catch |reason| blk: {
                if (reason != error.Failed or action.service.failure_mode == .deny) return reason;
                metrics.count(.errors);
                host.log(.debug, "scope {f}: a limit could not be evaluated: {s}", .{ host.quoted(action.scope), @errorName(reason) });
                break :blk false;
            };
            if (!applies) descriptor.cut(before);
        }
        if (descriptor.entries.items.len == 0) return null;

        var entries: protobuf.Writer = .{ .allocator = memory.scratch };
        for (descriptor.entries.items) |entry| try entries.string(1, entry);
        var message: protobuf.Writer = .{ .allocator = memory.scratch };
        try message.string(1, action.scope);
        try message.string(2, entries.bytes.items);
        try message.integer(3, 1); // hits_addend
        if (message.bytes.items.len > largest_message) return error.TooMuch;
        return message.bytes.items;
    }
};

/// The calls of all actions that have something to ask.
pub fn requests(actions: []const Action, attributes: *Attributes) Error![]const Call {
    var calls: std.ArrayList(Call) = .empty;
    for (actions) |action| {
        const message = try action.request(attributes) orelse continue;
        try calls.append(memory.scratch, .{ .service = action.service, .message = message });
    }
    return calls.items;
}

/// The entries of a descriptor, each serialized and each once.
const Descriptor = struct {
    entries: std.ArrayList([]const u8) = .empty,
    /// Those of `entries`, if there are more than a `few`.
    seen: TextTable(void) = .empty,

    /// So many are compared one by one: most descriptors have no more, and need no table.
    const few = 8;

    fn append(descriptor: *Descriptor, entry: []const u8) error{OutOfMemory}!void {
        if (try descriptor.has(entry)) return;
        try descriptor.entries.append(memory.scratch, entry);
        if (descriptor.seen.size > 0) try descriptor.seen.put(memory.scratch, entry, {});
    }

    fn has(descriptor: *Descriptor, entry: []const u8) error{OutOfMemory}!bool {
        if (descriptor.entries.items.len <= few) {
            for (descriptor.entries.items) |other| if (std.mem.eql(u8, other, entry)) return true;
            return false;
        }
        if (descriptor.seen.size == 0) for (descriptor.entries.items) |other| try descriptor.seen.put(memory.scratch, other, {});
        return descriptor.seen.contains(entry);
    }

    /// Without the entries from the one with this number on.
    fn cut(descriptor: *Descriptor, count: usize) void {
        for (descriptor.entries.items[count..]) |entry| _ = descriptor.seen.remove(entry);
        descriptor.entries.shrinkRetainingCapacity(count);
    }
};

pub const Limit = struct {
    when: []const Condition,
    entries: []const Entry,

    /// Adds the limit's entries; false when it does not apply. Some entries may have been added then, too.
    fn append(limit: Limit, descriptor: *Descriptor, attributes: *Attributes) Error!bool {
        if (!try limit.holds(attributes)) return false;
        for (limit.entries) |entry| {
            const bytes = switch (entry.value) {
                .serialized => |bytes| bytes,
                .attribute => |attribute| try serializeEntry(memory.scratch, entry.key, try asText(memory.scratch, try attributes.get(attribute.number) orelse attribute.default orelse return false)),
                .expression => |one| try serializeEntry(memory.scratch, entry.key, try asText(memory.scratch, try one.evaluate())),
                .own => |one| try serializeEntry(memory.scratch, entry.key, try one.asText(attributes)),
            };
            try descriptor.append(bytes);
        }
        return true;
    }

    /// Whether all conditions hold. As with `&&` of CEL, one that does not wins over one that fails, in whatever order they are.
    fn holds(limit: Limit, attributes: *Attributes) Error!bool {
        var failed = false;
        for (limit.when) |condition| {
            const one = condition.holds(attributes) catch |reason| switch (reason) {
                error.Failed => {
                    failed = true;
                    continue;
                },
                else => return reason,
            };
            if (!one) return false;
        }
        return if (failed) error.Failed else true;
    }
};

/// The value with U+FFFD for each byte that is no UTF-8. A message with such a byte is refused by the service as a whole, so that
/// a client could choose that the failure mode decides; values that become equal are counted together.
fn asText(allocator: Allocator, value: []const u8) error{OutOfMemory}![]const u8 {
    if (std.unicode.utf8ValidateSlice(value)) return value;
    var result: std.ArrayList(u8) = .empty;
    var rest = value;
    while (rest.len > 0) {
        const length = std.unicode.utf8ByteSequenceLength(rest[0]) catch 1;
        const valid = length <= rest.len and std.unicode.utf8ValidateSlice(rest[0..length]);
        try result.appendSlice(allocator, if (valid) rest[0..length] else "\u{FFFD}");
        rest = rest[if (valid) length else 1..];
    }
    return result.items;
}

pub const Entry = struct {
    key: []const u8,
    value: union(enum) {
        serialized: []const u8,
        attribute: struct { number: u32, default: ?[]const u8 },
        expression: Expression,
        own: *Own,
    },
};

pub fn serializeEntry(allocator: Allocator, key: []const u8, value: []const u8) error{OutOfMemory}![]const u8 {
    var entry: protobuf.Writer = .{ .allocator = allocator };
    try entry.string(1, key);
    try entry.string(2, value);
    return entry.bytes.items;
}

pub const Answer = struct {
    verdict: enum { ok, over_limit },
    /// In scratch memory.
    headers: []const host.Header,
};

/// Reads a `RateLimitResponse`. A code that is neither OK nor OVER_LIMIT is malformed: it says nothing.
pub fn parseAnswer(bytes: []const u8) error{ OutOfMemory, Malformed }!Answer {
    var code: u64 = 0;
    var headers: std.ArrayList(host.Header) = .empty;
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
        else => {},
    };
    return .{
        .verdict = switch (code) {
            1 => .ok,
            2 => .over_limit,
            else => return error.Malformed,
        },
        .headers = headers.items,
    };
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
fn isHeader(header: host.Header) bool {
    if (header.name.len == 0) return false;
    for (header.name) |byte| {
        if (!std.ascii.isAlphanumeric(byte) and std.mem.findScalar(u8, "!#$%&'*+-.^_`|~", byte) == null) return false;
    }
    return std.mem.findAny(u8, header.value, "\x00\r\n") == null;
}
