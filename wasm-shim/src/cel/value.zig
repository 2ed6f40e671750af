//! The values of CEL, and when two are equal.

const std = @import("std");
const Moment = @import("moment.zig").Moment;
const work_budget = @import("work_budget.zig");
const Work = work_budget.Work;
const Spent = work_budget.Spent;

/// Why an expression has no value. It is a value itself: `true || x` is true whatever `x` is.
pub const Failure = enum(u8) {
    no_overload = 1,
    no_such_key = 2,
    no_such_index = 3,
    division_by_zero = 4,
    overflow = 5,
    no_conversion = 6,
    no_value = 7,
    repeated_key = 8,
    out_of_range = 9,
    no_attribute = 10,
};

pub const Kind = enum(u8) {
    null_type = 0,
    bool = 1,
    int = 2,
    uint = 3,
    double = 4,
    string = 5,
    bytes = 6,
    list = 7,
    map = 8,
    duration = 9,
    timestamp = 10,
    type = 11,
    optional = 12,
    failure = 13,
};

pub const Value = union(Kind) {
    null_type,
    bool: bool,
    int: i64,
    uint: u64,
    double: f64,
    /// UTF-8.
    string: []const u8,
    bytes: []const u8,
    list: []const Value,
    map: *const Map,
    duration: Moment,
    timestamp: Moment,
    type: Kind,
    optional: ?*const Value,
    failure: Failure,

    pub fn fail(reason: Failure) Value {
        return .{ .failure = reason };
    }

    pub fn kind(value: Value) Kind {
        return value;
    }

    pub fn isNumber(value: Value) bool {
        return switch (value) {
            .int, .uint, .double => true,
            else => false,
        };
    }
};

pub const Entry = struct { key: Value, value: Value };

/// No two of its keys are the same.
pub const Map = struct {
    entries: []const Entry,
    /// Keys are in lower case and are found in any; `:authority` is found as `host`, too.
    headers: bool = false,

    /// What is there under `key`, which is one that a map can have.
    pub fn find(map: *const Map, work: *Work, key: Value) Spent!?Value {
        if (try map.exactly(work, key)) |value| return value;
        // A number is found as one of another kind, too, if that can be it.
        switch (key) {
            .int => |number| if (number >= 0) return map.exactly(work, .{ .uint = @intCast(number) }),
            .uint => |number| if (number <= std.math.maxInt(i64)) return map.exactly(work, .{ .int = @intCast(number) }),
            .double => |number| {
                if (asInteger(i64, number)) |integer| if (try map.exactly(work, .{ .int = integer })) |value| return value;
                if (asInteger(u64, number)) |integer| return map.exactly(work, .{ .uint = integer });
            },
            else => {},
        }
        return null;
    }

    /// Whether `key` itself is there, not one that is equal to it.
    pub fn has(map: *const Map, work: *Work, key: Value) Spent!bool {
        return try map.exactly(work, key) != null;
    }

    fn exactly(map: *const Map, work: *Work, asked: Value) Spent!?Value {
        try work.take(map.entries.len / 2);
        const is_host = map.headers and asked == .string and std.ascii.eqlIgnoreCase(asked.string, "host");
        const key: Value = if (is_host) .{ .string = ":authority" } else asked;
        for (map.entries) |entry| {
            const same = switch (key) {
                .string => |text| entry.key == .string and entry.key.string.len == text.len and blk: {
                    try work.take(1 + text.len / @as(usize, if (map.headers) 4 else 32));
                    break :blk if (map.headers) std.ascii.eqlIgnoreCase(entry.key.string, text) else std.mem.eql(u8, entry.key.string, text);
                },
                .int => |number| entry.key == .int and entry.key.int == number,
                .uint => |number| entry.key == .uint and entry.key.uint == number,
                .bool => |truth| entry.key == .bool and entry.key.bool == truth,
                else => false,
            };
            if (same) return entry.value;
        }
        return null;
    }
};

pub fn isKey(value: Value) bool {
    return switch (value) {
        .bool, .int, .uint, .string => true,
        else => false,
    };
}

/// The integer that `number` is, if it is one.
pub fn asInteger(comptime Integer: type, number: f64) ?Integer {
    if (@trunc(number) != number) return null;
    const limit: f64 = if (Integer == i64) 0x1p63 else 0x1p64;
    const least: f64 = if (Integer == i64) -0x1p63 else 0;
    if (number < least or number >= limit) return null;
    return @intFromFloat(number);
}

/// Whether two values are equal. Numbers are equal to those of other kinds; values of different kinds are not.
pub fn equal(work: *Work, a: Value, b: Value) Spent!bool {
    try work.take(1);
    if (a.isNumber() and b.isNumber()) return compareNumbers(a, b) == .eq;
    if (a.kind() != b.kind()) return false;
    switch (a) {
        .null_type => return true,
        .bool => |truth| return truth == b.bool,
        .string => |text| return equalBytes(work, text, b.string),
        .bytes => |bytes| return equalBytes(work, bytes, b.bytes),
        .duration => |one| return std.meta.eql(one, b.duration),
        .timestamp => |one| return std.meta.eql(one, b.timestamp),
        .type => |one| return one == b.type,
        .list => |items| {
            if (items.len != b.list.len) return false;
            for (items, b.list) |one, other| if (!try equal(work, one, other)) return false;
            return true;
        },
        .map => |map| {
            if (map.entries.len != b.map.entries.len) return false;
            for (map.entries) |entry| {
                const other = try b.map.find(work, entry.key) orelse return false;
                if (!try equal(work, entry.value, other)) return false;
            }
            return true;
        },
        .optional => |one| {
            if (one == null or b.optional == null) return one == null and b.optional == null;
            return equal(work, one.?.*, b.optional.?.*);
        },
        else => return false,
    }
}

/// Whether two texts are equal, for as many steps as two values take.
pub fn equalTexts(work: *Work, a: []const u8, b: []const u8) Spent!bool {
    try work.take(1);
    return equalBytes(work, a, b);
}

fn equalBytes(work: *Work, a: []const u8, b: []const u8) Spent!bool {
    if (a.len != b.len) return false;
    try work.over(a.len);
    return std.mem.eql(u8, a, b);
}

/// The order of two numbers; `null` where one is not a number at all.
pub fn compareNumbers(a: Value, b: Value) ?std.math.Order {
    if (a == .double or b == .double) {
        const one = asDouble(a);
        const other = asDouble(b);
        if (std.math.isNan(one) or std.math.isNan(other)) return null;
        return std.math.order(one, other);
    }
    if (a == .int and b == .int) return std.math.order(a.int, b.int);
    if (a == .uint and b == .uint) return std.math.order(a.uint, b.uint);
    if (a == .int) return if (a.int < 0) .lt else std.math.order(@as(u64, @intCast(a.int)), b.uint);
    return if (b.int < 0) .gt else std.math.order(a.uint, @as(u64, @intCast(b.int)));
}

pub fn asDouble(value: Value) f64 {
    return switch (value) {
        .int => |number| @floatFromInt(number),
        .uint => |number| @floatFromInt(number),
        .double => |number| number,
        else => std.math.nan(f64),
    };
}

/// The order of two values of which one kind has an order; `null` for those of a kind that has none, `none` for numbers without one.
pub fn compare(work: *Work, a: Value, b: Value) Spent!union(enum) { order: std.math.Order, none, mismatch } {
    if (a.isNumber() and b.isNumber()) return if (compareNumbers(a, b)) |order| .{ .order = order } else .none;
    if (a.kind() != b.kind()) return .mismatch;
    return .{ .order = switch (a) {
        .bool => |truth| std.math.order(@intFromBool(truth), @intFromBool(b.bool)),
        .string => |text| try compareBytes(work, text, b.string),
        .bytes => |bytes| try compareBytes(work, bytes, b.bytes),
        .duration => |one| one.order(b.duration),
        .timestamp => |one| one.order(b.timestamp),
        else => return .mismatch,
    } };
}

fn compareBytes(work: *Work, a: []const u8, b: []const u8) Spent!std.math.Order {
    try work.through(@min(a.len, b.len));
    return std.mem.order(u8, a, b);
}
