//! What is asked of the rate limit service, and what it answers: messages of `envoy.service.ratelimit.v3`.

const std = @import("std");
const host = @import("host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const protobuf = @import("protobuf.zig");
const document = @import("document.zig");
const Attributes = @import("attributes.zig").Attributes;
const Condition = @import("condition.zig").Condition;
const Expression = @import("expression.zig").Expression;
const Allocator = std.mem.Allocator;

pub const service_name = "envoy.service.ratelimit.v3.RateLimitService";
pub const method_name = "ShouldRateLimit";

pub const Service = struct {
    name: []const u8,
    /// A serialized `envoy.config.core.v3.GrpcService`. Never a bare cluster name: one that happens to be a valid message would
    /// be read as that message, without a target, and end the whole Envoy process.
    target: []const u8,
    timeout_ms: u32,
    failure_mode: document.FailureMode,
    /// When its last failure was logged, in nanoseconds; 0 for never.
    logged: u64 = 0,
};

/// `GrpcService{envoy_grpc: {cluster_name}}`.
pub fn envoyGrpc(allocator: Allocator, cluster: []const u8) error{OutOfMemory}![]const u8 {
    var target: protobuf.Writer = .{ .allocator = allocator };
    try target.string(1, cluster);
    var service: protobuf.Writer = .{ .allocator = allocator };
    try service.string(1, target.bytes.items);
    return service.bytes.items;
}

/// `GrpcService{google_grpc: {target_uri, stat_prefix}}`.
pub fn googleGrpc(allocator: Allocator, address: []const u8) error{OutOfMemory}![]const u8 {
    var target: protobuf.Writer = .{ .allocator = allocator };
    try target.string(1, address);
    try target.string(4, "kuadrant");
    var service: protobuf.Writer = .{ .allocator = allocator };
    try service.string(2, target.bytes.items);
    return service.bytes.items;
}

/// A serialized question, and whom it is for.
pub const Call = struct { service: *Service, message: []const u8 };

/// One question: the limits of one scope.
pub const Action = struct {
    service: *Service,
    scope: []const u8,
    limits: []const Limit,

    /// The serialized request, in scratch memory, or `null` when no limit applies. An error is for a service that denies;
    /// for one that allows, a limit that cannot be evaluated is left out.
    pub fn request(action: Action, attributes: *Attributes) error{ OutOfMemory, Failed }!?[]const u8 {
        var descriptor: Descriptor = .{};
        for (action.limits) |limit| {
            const before = descriptor.entries.items.len;
            const applies = limit.append(&descriptor, attributes) catch |reason| blk: {
                if (action.service.failure_mode == .deny) return reason;
                metrics.count(.errors);
                host.log(.debug, "scope {f}: a limit could not be evaluated: {s}", .{ host.quoted(action.scope), @errorName(reason) });
                break :blk false;
            };
            if (!applies) descriptor.entries.shrinkRetainingCapacity(before);
        }
        if (descriptor.entries.items.len == 0) return null;

        var entries: protobuf.Writer = .{ .allocator = memory.scratch };
        for (descriptor.entries.items) |entry| try entries.string(1, entry);
        var message: protobuf.Writer = .{ .allocator = memory.scratch };
        try message.string(1, action.scope);
        try message.string(2, entries.bytes.items);
        try message.integer(3, 1); // hits_addend
        return message.bytes.items;
    }
};

/// The calls of all actions that have something to ask. An error is for an action whose service denies.
pub fn requests(actions: []const Action, attributes: *Attributes) error{ OutOfMemory, Failed }![]const Call {
    var calls: std.ArrayList(Call) = .empty;
    for (actions) |action| {
        const message = action.request(attributes) catch |reason| switch (action.service.failure_mode) {
            .deny => return reason,
            .allow => {
                metrics.count(.errors);
                continue;
            },
        };
        try calls.append(memory.scratch, .{ .service = action.service, .message = message orelse continue });
    }
    return calls.items;
}

/// The entries of a descriptor, each serialized and each once.
const Descriptor = struct {
    entries: std.ArrayList([]const u8) = .empty,

    fn append(descriptor: *Descriptor, entry: []const u8) error{OutOfMemory}!void {
        for (descriptor.entries.items) |other| if (std.mem.eql(u8, other, entry)) return;
        try descriptor.entries.append(memory.scratch, entry);
    }
};

pub const Limit = struct {
    when: []const Condition,
    entries: []const Entry,

    /// Adds the limit's entries; false when it does not apply. Some entries may have been added then, too.
    fn append(limit: Limit, descriptor: *Descriptor, attributes: *Attributes) error{ OutOfMemory, Failed }!bool {
        for (limit.when) |condition| if (!try condition.holds(attributes)) return false;
        for (limit.entries) |entry| {
            const bytes = switch (entry.value) {
                .serialized => |bytes| bytes,
                .attribute => |attribute| try serializeEntry(memory.scratch, entry.key, try asText(memory.scratch, try attributes.get(attribute.number) orelse attribute.default orelse return false)),
                .expression => |expression| try serializeEntry(memory.scratch, entry.key, try asText(memory.scratch, try expression.evaluate())),
            };
            try descriptor.append(bytes);
        }
        return true;
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
