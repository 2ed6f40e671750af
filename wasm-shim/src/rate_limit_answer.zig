//! What the rate limit service answers: messages `RateLimitResponse` of `envoy.service.ratelimit.v3`.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const protobuf = @import("protobuf.zig");

pub const Answer = struct {
    verdict: enum { ok, over_limit },
    /// Of the limit that is reached, if the answer names one.
    limit: []const u8 = "",
    /// In scratch memory.
    headers: []const host.Header,
    /// For how long it holds, as the service says it.
    term: []const u8 = "",
    /// What the service says to those whose decisions somebody follows.
    follow: []const u8 = "",
};

/// Reads a `RateLimitResponse`. A code that is neither OK nor OVER_LIMIT is malformed: it says nothing.
pub fn parse(bytes: []const u8) error{ OutOfMemory, Malformed }!Answer {
    var code: u64 = 0;
    var headers: std.ArrayList(host.Header) = .empty;
    var follow: []const u8 = "";
    var term: []const u8 = "";
    var fields: protobuf.Reader = .{ .bytes = bytes };
    while (try fields.next()) |field| switch (field.number) {
        1 => code = switch (field.value) {
            .integer => |integer| integer,
            else => return error.Malformed,
        },
        3 => switch (field.value) {
            .bytes => |header| {
                const pair = try parseHeader(header);
                if (host.isHeader(pair)) try headers.append(memory.scratch, pair);
            },
            else => return error.Malformed,
        },
        6 => if (field.value == .bytes) {
            // Several are one with the fields of all.
            if (metadataText(field.value.bytes, follow_key) catch null) |text| follow = text;
            if (metadataText(field.value.bytes, term_key) catch null) |text| term = text;
        },
        else => {},
    };
    return switch (code) {
        1 => .{ .verdict = .ok, .headers = headers.items, .follow = follow, .term = term },
        2 => .{ .verdict = .over_limit, .headers = headers.items, .follow = follow, .term = term, .limit = reachedLimit(bytes) catch "" },
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
const term_key = "kuadrant.denied";

/// The text that a `Struct` has under a key, if it has one: of its `fields` (1), which have key (1) and value (2), the value's `string_value` (3).
fn metadataText(bytes: []const u8, key: []const u8) error{Malformed}!?[]const u8 {
    var fields: protobuf.Reader = .{ .bytes = bytes };
    while (try fields.next()) |field| {
        if (field.number != 1 or field.value != .bytes) continue;
        if (std.mem.eql(u8, try textOf(field.value.bytes, 1), key)) return try textOf(try textOf(field.value.bytes, 2), 3);
    }
    return null;
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
