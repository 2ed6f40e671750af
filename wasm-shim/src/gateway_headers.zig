//! What our rate limit service says of limits in headers, for limits that the gateway counts itself.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const retry_after = @import("retry_after.zig");

/// How one rate of a limit stands, after a request that has been decided.
pub const Told = struct {
    name: []const u8,
    most: u64,
    seconds: u64,
    remaining: u64,
    /// Until it is whole again, and until it has room for `hits` once more, in nanoseconds; `null` for never.
    reset: u64,
    wait: ?u64,
    hits: u64,

    fn denies(told: Told) bool {
        return told.remaining < told.hits;
    }
};

const Headers = std.ArrayList(host.Header);
const Error = error{OutOfMemory};
const largest_integer = 1_000_000_000_000_000 - 1;

/// Rounded up, but not for less than a microsecond.
fn wholeSeconds(nanoseconds: u64) u64 {
    const microseconds = (nanoseconds +| 500) / std.time.ns_per_us;
    return std.math.divCeil(u64, microseconds, std.time.us_per_s) catch unreachable;
}

fn print(comptime format: []const u8, arguments: anytype) Error![]const u8 {
    return std.fmt.allocPrint(memory.scratch, format, arguments);
}

/// `x-ratelimit-*`. The first is the one that leaves least.
pub fn addTriple(headers: *Headers, found: []const Told) Error!void {
    var limits: std.ArrayList(u8) = .empty;
    try limits.print(memory.scratch, "{d}", .{found[0].most});
    for (found) |told| {
        try limits.print(memory.scratch, ", {d};w={d}", .{ told.most, told.seconds });
        if (told.name.len == 0) continue;
        try limits.appendSlice(memory.scratch, ";name=\"");
        for (told.name) |byte| try limits.append(memory.scratch, if (byte == '"') '\'' else byte);
        try limits.append(memory.scratch, '"');
    }
    try headers.append(memory.scratch, .{ .name = "x-ratelimit-limit", .value = limits.items });
    try headers.append(memory.scratch, .{ .name = "x-ratelimit-remaining", .value = try print("{d}", .{found[0].remaining}) });
    try headers.append(memory.scratch, .{ .name = "x-ratelimit-reset", .value = try print("{d}", .{wholeSeconds(found[0].reset)}) });
}

/// `RateLimit-Policy` and `RateLimit`; of a refusal also which limits have some hits left, but not as many as the request costs.
pub fn addFields(headers: *Headers, found: []const Told, is_refusal: bool) Error!void {
    const names = try memberNames(found);
    var policies: std.ArrayList(u8) = .empty;
    var limits: std.ArrayList(u8) = .empty;
    var violated: std.ArrayList(u8) = .empty;
    var some_left = false;
    for (found, names) |told, name| {
        const comma = if (policies.items.len > 0) ", " else "";
        try policies.print(memory.scratch, "{s}{s};q={d};w={d}", .{ comma, name, @min(told.most, largest_integer), @min(told.seconds, largest_integer) });
        try limits.print(memory.scratch, "{s}{s};r={d}", .{ comma, name, @min(told.remaining, largest_integer) });
        if (if (told.denies()) told.wait else told.reset) |more| try limits.print(memory.scratch, ";t={d}", .{@min(wholeSeconds(more), largest_integer)});
        if (!told.denies()) continue;
        some_left = some_left or told.remaining > 0;
        try violated.print(memory.scratch, "{s}{s};r=0", .{ if (violated.items.len > 0) ", " else "", name });
    }
    try headers.append(memory.scratch, .{ .name = "ratelimit-policy", .value = policies.items });
    try headers.append(memory.scratch, .{ .name = "ratelimit", .value = limits.items });
    if (is_refusal and some_left) try headers.append(memory.scratch, .{ .name = "kuadrant-violated", .value = violated.items });
}

/// A name for each, quoted: that of its limit, with the window where a limit has several rates.
fn memberNames(found: []const Told) Error![]const []const u8 {
    const names = try memory.scratch.alloc([]const u8, found.len);
    for (found, names, 0..) |told, *name, index| {
        const plain = plainName(told);
        var often: usize = 0;
        for (found) |other| often += @intFromBool(std.mem.eql(u8, plainName(other), plain));
        const wanted = if (often == 1) plain else try print("{s}/{d}s", .{ plain, told.seconds });
        name.* = try quoted(wanted);
        var number: usize = 2;
        while (isAny(name.*, names[0..index])) : (number += 1) name.* = try quoted(try print("{s}/{d}", .{ wanted, number }));
    }
    return names;
}

fn plainName(told: Told) []const u8 {
    return if (told.name.len > 0) told.name else "limit";
}

fn isAny(name: []const u8, others: []const []const u8) bool {
    for (others) |other| if (std.mem.eql(u8, name, other)) return true;
    return false;
}

fn quoted(name: []const u8) Error![]const u8 {
    var text: std.ArrayList(u8) = .empty;
    try text.append(memory.scratch, '"');
    for (name) |byte| {
        if (byte == '"' or byte == '\\') try text.append(memory.scratch, '\\');
        try text.append(memory.scratch, byte);
    }
    try text.append(memory.scratch, '"');
    return text.items;
}

/// When one more has room in all of these; `null` for never.
fn longestWait(found: []const Told) ?u64 {
    var longest: u64 = 0;
    for (found) |told| longest = @max(longest, told.wait orelse return null);
    return wholeSeconds(longest);
}

/// `retry-after` of a refusal; none where it never has room.
pub fn addRetryAfter(headers: *Headers, found: []const Told) Error!void {
    const seconds = longestWait(found) orelse return;
    try headers.append(memory.scratch, .{ .name = "retry-after", .value = try print("{d}", .{@max(seconds, 1)}) });
}

/// What is said where several questions are asked for a request.
pub fn addAgain(headers: *Headers, found: []const Told) Error!void {
    const text = if (longestWait(found)) |seconds| try print("{d}", .{seconds}) else "never";
    try headers.append(memory.scratch, .{ .name = retry_after.again_name, .value = text });
}
