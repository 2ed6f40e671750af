//! The configuration as it was written (CONFIGURATION.md), checked for shape but not for sense.

const std = @import("std");
const json = @import("json_reader.zig");
const pack = @import("packed_document.zig");
const Allocator = std.mem.Allocator;
const HeaderForm = @import("header_form.zig").HeaderForm;
const FailureMode = @import("failure_mode.zig").FailureMode;

pub const version = 1;

pub const Document = struct {
    version: u32,
    decisionRecords: bool = false,
    explainKey: []const u8 = "",
    services: json.Map(Service),
    hosts: []const Host,
};

pub const Service = struct {
    cluster: ?[]const u8 = null,
    googleGrpc: ?[]const u8 = null,
    timeoutMs: ?u32 = null,
    failureMode: FailureMode,
    metadata: json.Map([]const u8) = .{ .items = &.{} },
    rememberDenials: bool = true,
    here: bool = false,
};

pub const Host = struct {
    hostname: []const u8,
    rules: []const Rule,
};

pub const Rule = struct {
    name: []const u8,
    route: []const u8 = "",
    path: ?PathMatch = null,
    method: ?[]const u8 = null,
    headers: []const ValueMatch = &.{},
    query: []const ValueMatch = &.{},
    actions: []const Action = &.{},
    response: Response = .{},
};

pub const Response = struct {
    headers: ?HeaderForm = null,
    retryAfter: bool = true,
    preflights: enum { Exempt, Count } = .Exempt,
    overLimit: ?OverLimit = null,
};

pub const OverLimit = struct {
    code: u32 = 429,
    message: ?[]const u8 = null,
    headers: json.Map([]const u8) = .{ .items = &.{} },
    body: ?[]const u8 = null,
    problem: bool = false,
    made: ?Made = null,
};

/// The texts of an answer that are made of the request.
pub const Made = struct {
    message: []const Piece = &.{},
    headers: json.Map([]const Piece) = .{ .items = &.{} },
    body: []const Piece = &.{},
    json: bool = false,
};

pub const Piece = struct {
    value: ?[]const u8 = null,
    selector: ?[]const u8 = null,
    program: ?[]const u8 = null,
};

pub const PathMatch = struct { type: enum { exact, prefix, regex }, value: []const u8 };

pub const ValueMatch = struct { name: []const u8, type: enum { exact, regex }, value: []const u8 };

pub const Action = struct {
    service: []const u8,
    scope: []const u8,
    limits: []const Limit,
};

pub const Limit = struct {
    identity: ?Identity = null,
    when: []const Condition = &.{},
    entries: []const Entry,
    record: Record = .{},
    shadow: bool = false,
    cost: ?Cost = null,
    signal: []const Signal = &.{},
    fallback: ?FailureMode = null,
    here: ?Here = null,
};

/// What a gateway has to know of a limit that it counts itself.
pub const Here = struct {
    name: []const u8 = "",
    percent: u8 = 100,
    rates: []const Rate,
};

pub const Rate = struct { limit: u64, seconds: u64 };

/// A header that a request gets which is over a soft limit.
pub const Signal = struct { name: []const u8, value: []const u8 };

/// How many hits a request is for a limit, as a text.
pub const Cost = struct {
    expression: ?[]const u8 = null,
    program: ?[]const u8 = null,
};

/// What decision records say of a limit: the policies that it is of, and its conditions as they were written.
pub const Record = struct {
    policies: []const []const u8 = &.{},
    when: []const []const u8 = &.{},
};

pub const Identity = struct {
    jwt: ?[]const u8 = null,
    header: ?[]const u8 = null,
    certificate: ?enum { peer } = null,
};

pub const Operator = enum { eq, neq, startswith, endswith, incl, excl, matches };

pub const Condition = struct {
    selector: ?[]const u8 = null,
    operator: ?Operator = null,
    value: ?[]const u8 = null,
    expression: ?[]const u8 = null,
    program: ?[]const u8 = null,
};

pub const Entry = struct {
    key: []const u8,
    value: ?[]const u8 = null,
    selector: ?[]const u8 = null,
    default: ?[]const u8 = null,
    expression: ?[]const u8 = null,
    program: ?[]const u8 = null,
};

/// The document in `text`, packed or not. Its strings belong to `allocator`. One of another version is called just that, whatever else
/// it has.
pub fn parse(allocator: Allocator, text: []const u8) json.Error!Document {
    const found = try json.peekNumber("version", allocator, text) orelse return json.parse(Document, allocator, text);
    const root: json.Path = .{};
    const path = root.field("version");
    return switch (found) {
        version => json.parse(Document, allocator, text),
        pack.version => {
            const unpacked = try pack.unpack(allocator, text);
            const inner = try json.peekNumber("version", allocator, unpacked);
            if (inner) |number| if (number != version) return json.refuse(&path, "{d} is packed, where {d} has to be", .{ number, version });
            return json.parse(Document, allocator, unpacked);
        },
        else => json.refuse(&path, "{d} is not known, this module reads versions {d} and {d}", .{ found, version, pack.version }),
    };
}
