//! What a gateway knows of a limit that it counts itself: how many hits in which windows, and for whom it is enforced.

const std = @import("std");
const document = @import("configuration_document.zig");
const json = @import("json_reader.zig");
const memory = @import("memory.zig");
const shared_counters = @import("shared_counters.zig");
const Limit = @import("limit.zig").Limit;
const Allocator = std.mem.Allocator;
const Blake2b64 = std.crypto.hash.blake2.Blake2b(64);
const Blake2b256 = std.crypto.hash.blake2.Blake2b256;
const refuse = json.refuse;

/// A century: more than any window needs, and nothing overflows.
const longest_seconds = 100 * 366 * 24 * 3600;

pub const Rate = struct {
    most: u64,
    seconds: u64,
    /// The hash of what makes its counters its own.
    identity: u64,

    pub fn window(rate: Rate) u64 {
        return rate.seconds * std.time.ns_per_s;
    }
};

pub const GatewayLimit = struct {
    /// For clients.
    name: []const u8,
    rates: []const Rate,
    /// For how many of a hundred values it refuses what has no room.
    percent: u8,
};

/// Makes a limit one that is counted here, if its service is this gateway; `compiler` notes those that have values.
pub fn complete(compiler: anytype, limit: *Limit, source: document.Limit, scope: []const u8, is_here: bool, path: *const json.Path) json.Error!void {
    const place = path.field("here");
    if ((source.here != null) != is_here) return refuse(&place, "is for limits of the service that is this gateway, and for each of them", .{});
    const own = source.here orelse return;
    const compiled = try compile(compiler.allocator, own, scope, limit.key(), &place);
    limit.here = compiled;
    if (limit.entries.len > 1) for (compiled.rates) |rate| try compiler.counted_here.put(memory.scratch, rate.identity, {});
}

fn compile(allocator: Allocator, source: document.Here, scope: []const u8, key: []const u8, path: *const json.Path) json.Error!*const GatewayLimit {
    const rates_path = path.field("rates");
    if (source.rates.len == 0) return refuse(&rates_path, "needs at least one", .{});
    const seed = shared_counters.commonSeed() catch |reason| switch (reason) {
        error.OutOfMemory => return error.OutOfMemory,
        error.Crowded => return refuse(path, "this gateway keeps no shared data", .{}),
    };
    const rates = try allocator.alloc(Rate, source.rates.len);
    for (source.rates, rates, 0..) |one, *rate, index| {
        const place = rates_path.item(index);
        if (one.seconds < 1 or one.seconds > longest_seconds) return refuse(&place.field("seconds"), "must be from 1 to {d}", .{longest_seconds});
        rate.* = .{
            .most = one.limit,
            .seconds = one.seconds,
            .identity = shared_counters.hash(seed, &.{ scope, key, std.mem.asBytes(&@as(u64, one.seconds)) }),
        };
    }
    if (source.percent > 100) return refuse(&path.field("percent"), "must be from 0 to 100", .{});
    const limit = try allocator.create(GatewayLimit);
    limit.* = .{ .name = try allocator.dupe(u8, source.name), .rates = rates, .percent = source.percent };
    return limit;
}

const longest_value = 64;

/// Whether a limit refuses those with these values if it enforces for so many of a hundred: as our rate limit service decides it.
pub fn isEnforced(percent: u8, key: []const u8, values: []const []const u8) error{OutOfMemory}!bool {
    if (percent == 0 or percent == 100) return percent == 100;
    var text: std.ArrayList(u8) = .empty;
    try text.print(memory.scratch, "descriptors[0][\"{s}\"] == \"1\"\n[", .{key});
    for (values, 0..) |value, index| {
        if (index > 0) try text.append(memory.scratch, ',');
        try appendString(&text, try shortened(value));
    }
    try text.append(memory.scratch, ']');
    var digest: [8]u8 = undefined;
    Blake2b64.hash(text.items, &digest, .{});
    return std.mem.readInt(u64, &digest, .big) % 100 < percent;
}

fn shortened(value: []const u8) error{OutOfMemory}![]const u8 {
    const characters = std.unicode.utf8CountCodepoints(value) catch value.len;
    if (characters <= longest_value) return value;
    var digest: [32]u8 = undefined;
    Blake2b256.hash(value, &digest, .{});
    return std.fmt.allocPrint(memory.scratch, "{x}/{d}", .{ &digest, characters });
}

/// As Python's msgspec writes it.
fn appendString(text: *std.ArrayList(u8), value: []const u8) error{OutOfMemory}!void {
    try text.append(memory.scratch, '"');
    for (value) |byte| switch (byte) {
        '"', '\\' => try text.appendSlice(memory.scratch, &.{ '\\', byte }),
        '\n' => try text.appendSlice(memory.scratch, "\\n"),
        '\r' => try text.appendSlice(memory.scratch, "\\r"),
        '\t' => try text.appendSlice(memory.scratch, "\\t"),
        0x08 => try text.appendSlice(memory.scratch, "\\b"),
        0x0c => try text.appendSlice(memory.scratch, "\\f"),
        0...7, 0x0b, 0x0e...0x1f => try text.print(memory.scratch, "\\u{x:0>4}", .{byte}),
        else => try text.append(memory.scratch, byte),
    };
    try text.append(memory.scratch, '"');
}
