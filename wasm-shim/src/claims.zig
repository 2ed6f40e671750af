//! The claims of a token, out of the metadata in which a filter before this one has them: `envoy.config.core.v3.Metadata`, whose parts are
//! `google.protobuf.Struct`. Read by their paths they would have no kind: a text of eight bytes looks like a number there.

const std = @import("std");
const protobuf = @import("protobuf.zig");
const text = @import("cel/text.zig");
const value = @import("cel/value.zig");
const work_budget = @import("cel/work_budget.zig");
const Growing = work_budget.Growing;
const Spent = work_budget.Spent;
const Value = value.Value;
const Work = work_budget.Work;

/// The filter of Envoy that authenticates tokens.
const filter = "envoy.filters.http.jwt_authn";
/// Nobody's claims are nested as deep as this.
const deepest = 64;

pub const none: value.Map = .{ .entries = &.{} };

/// What the filter has put under `key`; no claims where it has put nothing there. What is no message at all ends the evaluation.
pub fn under(work: *Work, metadata: []const u8, key: []const u8) Spent!*const value.Map {
    return find(work, metadata, key) catch |reason| switch (reason) {
        error.Malformed => error.TooMuch,
        else => |spent| spent,
    };
}

const Error = Spent || error{Malformed};

fn find(work: *Work, metadata: []const u8, key: []const u8) Error!*const value.Map {
    const of_filter = try entry(work, metadata, filter) orelse return &none;
    const payload = try entry(work, of_filter, key) orelse return &none;
    const found = try member(work, payload, 0);
    return if (found == .map) found.map else &none;
}

/// The value of an entry of the map that is the message's first field: key (1), value (2).
fn entry(work: *Work, message: []const u8, key: []const u8) Error!?[]const u8 {
    var fields: protobuf.Reader = .{ .bytes = message };
    while (try fields.next()) |field| {
        try work.take(2);
        if (field.number != 1 or field.value != .bytes) continue;
        const pair = try Pair.read(field.value.bytes);
        if (std.mem.eql(u8, pair.key, key)) return pair.value;
    }
    return null;
}

const Pair = struct {
    key: []const u8 = "",
    value: []const u8 = "",

    fn read(message: []const u8) error{Malformed}!Pair {
        var pair: Pair = .{};
        var fields: protobuf.Reader = .{ .bytes = message };
        while (try fields.next()) |field| {
            if (field.value != .bytes) continue;
            if (field.number == 1) pair.key = field.value.bytes;
            if (field.number == 2) pair.value = field.value.bytes;
        }
        return pair;
    }
};

/// A `google.protobuf.Value`: null (1), number (2), text (3), boolean (4), struct (5) or list (6).
fn member(work: *Work, message: []const u8, depth: usize) Error!Value {
    if (depth == deepest) return error.TooMuch;
    try work.take(2);
    var found: Value = .null_type;
    var fields: protobuf.Reader = .{ .bytes = message };
    while (try fields.next()) |field| switch (field.value) {
        .fixed => |bits| if (field.number == 2) {
            found = .{ .double = @bitCast(bits) };
        },
        .integer => |number| {
            if (field.number == 1) found = .null_type;
            if (field.number == 4) found = .{ .bool = number != 0 };
        },
        .bytes => |bytes| switch (field.number) {
            3 => found = .{ .string = try validText(work, bytes) },
            5 => found = .{ .map = try members(work, bytes, depth + 1) },
            6 => found = .{ .list = try items(work, bytes, depth + 1) },
            else => {},
        },
    };
    return found;
}

fn members(work: *Work, message: []const u8, depth: usize) Error!*const value.Map {
    var entries: Growing(value.Entry) = .{};
    var fields: protobuf.Reader = .{ .bytes = message };
    while (try fields.next()) |field| {
        if (field.number != 1 or field.value != .bytes) continue;
        const pair = try Pair.read(field.value.bytes);
        try entries.append(work, .{ .key = .{ .string = try validText(work, pair.key) }, .value = try member(work, pair.value, depth) });
    }
    return work.create(value.Map, .{ .entries = entries.items });
}

fn items(work: *Work, message: []const u8, depth: usize) Error![]const Value {
    var found: Growing(Value) = .{};
    var fields: protobuf.Reader = .{ .bytes = message };
    while (try fields.next()) |field| {
        if (field.number == 1 and field.value == .bytes) try found.append(work, try member(work, field.value.bytes, depth));
    }
    return found.items;
}

fn validText(work: *Work, bytes: []const u8) Spent![]const u8 {
    try work.through(bytes.len);
    return text.valid(work, bytes);
}

const Arena = std.heap.ArenaAllocator;

fn lengthDelimited(allocator: std.mem.Allocator, parts: []const struct { u32, []const u8 }) ![]const u8 {
    var writer: protobuf.Writer = .{ .allocator = allocator };
    for (parts) |part| try writer.string(part[0], part[1]);
    return writer.bytes.items;
}

test "claims keep their kinds" {
    var arena: Arena = .init(std.testing.allocator);
    defer arena.deinit();
    const allocator = arena.allocator();
    const number = "\x11" ++ [8]u8{ 0, 0, 0, 0, 0, 0, 8, 0x40 };
    const list = try lengthDelimited(allocator, &.{.{ 6, try lengthDelimited(allocator, &.{ .{ 1, "\x1a\x01a" }, .{ 1, number } }) }});
    const pairs = [_]struct { []const u8, []const u8 }{ .{ "sub", "\x1a\x08eightlet" }, .{ "level", number }, .{ "admin", "\x20\x01" }, .{ "none", "\x08\x00" }, .{ "teams", list } };
    var payload: protobuf.Writer = .{ .allocator = allocator };
    for (pairs) |pair| try payload.string(1, try lengthDelimited(allocator, &.{ .{ 1, pair[0] }, .{ 2, pair[1] } }));
    const inner = try lengthDelimited(allocator, &.{.{ 5, payload.bytes.items }});
    const of_filter = try lengthDelimited(allocator, &.{.{ 1, try lengthDelimited(allocator, &.{ .{ 1, "payload" }, .{ 2, inner } }) }});
    const metadata = try lengthDelimited(allocator, &.{.{ 1, try lengthDelimited(allocator, &.{ .{ 1, filter }, .{ 2, of_filter } }) }});

    var work: Work = .{ .allocator = allocator, .steps = 10_000, .bytes = 100_000 };
    const found = try under(&work, metadata, "payload");
    try std.testing.expectEqualStrings("eightlet", (try found.find(&work, .{ .string = "sub" })).?.string);
    try std.testing.expectEqual(3, (try found.find(&work, .{ .string = "level" })).?.double);
    try std.testing.expect((try found.find(&work, .{ .string = "admin" })).?.bool);
    try std.testing.expectEqual(.null_type, (try found.find(&work, .{ .string = "none" })).?.kind());
    const teams = (try found.find(&work, .{ .string = "teams" })).?.list;
    try std.testing.expectEqualStrings("a", teams[0].string);
    try std.testing.expectEqual(3, teams[1].double);
    // Of another provider, and of none.
    try std.testing.expectEqual(0, (try under(&work, metadata, "mine")).entries.len);
    try std.testing.expectEqual(0, (try under(&work, "", "payload")).entries.len);
    try std.testing.expectError(error.TooMuch, under(&work, "\x0a\x05abc", "payload"));
}

test "what is nested too deeply ends the evaluation" {
    var arena: Arena = .init(std.testing.allocator);
    defer arena.deinit();
    var deep: []const u8 = "\x1a\x01a";
    for (0..deepest) |_| deep = try lengthDelimited(arena.allocator(), &.{.{ 6, try lengthDelimited(arena.allocator(), &.{.{ 1, deep }}) }});
    var work: Work = .{ .allocator = arena.allocator(), .steps = 10_000, .bytes = 100_000 };
    try std.testing.expectError(error.TooMuch, member(&work, deep, 0));
}
