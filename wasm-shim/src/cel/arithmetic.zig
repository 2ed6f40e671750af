//! What CEL's operators make of two values: nothing is rounded or wrapped in silence.

const std = @import("std");
const moment = @import("moment.zig");
const value = @import("value.zig");
const work_budget = @import("work_budget.zig");
const Moment = moment.Moment;
const Spent = work_budget.Spent;
const Value = value.Value;
const Work = work_budget.Work;

pub fn negate(of: Value) Value {
    return switch (of) {
        .int => |number| .{ .int = std.math.negate(number) catch return .fail(.overflow) },
        .double => |number| .{ .double = -number },
        else => .fail(.no_overload),
    };
}

pub fn add(work: *Work, a: Value, b: Value) Spent!Value {
    switch (a) {
        .duration => |one| return switch (b) {
            .duration => |other| durationOf(clamped(one) + clamped(other)),
            .timestamp => |other| timestampOf(one.total() + other.total()),
            else => .fail(.no_overload),
        },
        .timestamp => |one| return if (b == .duration) timestampOf(one.total() + b.duration.total()) else .fail(.no_overload),
        else => {},
    }
    if (a.kind() != b.kind()) return .fail(.no_overload);
    return switch (a) {
        .int => |number| .{ .int = std.math.add(i64, number, b.int) catch return .fail(.overflow) },
        .uint => |number| .{ .uint = std.math.add(u64, number, b.uint) catch return .fail(.overflow) },
        .double => |number| .{ .double = number + b.double },
        .string => |text| .{ .string = try joined(u8, work, text, b.string) },
        .bytes => |bytes| .{ .bytes = try joined(u8, work, bytes, b.bytes) },
        .list => |items| .{ .list = try joined(Value, work, items, b.list) },
        else => .fail(.no_overload),
    };
}

fn joined(comptime Item: type, work: *Work, a: []const Item, b: []const Item) Spent![]const Item {
    if (b.len == 0) return a;
    if (a.len == 0) return b;
    const result = try work.allocate(Item, a.len + b.len);
    @memcpy(result[0..a.len], a);
    @memcpy(result[a.len..], b);
    return result;
}

pub fn subtract(a: Value, b: Value) Value {
    if (a == .timestamp) return switch (b) {
        .duration => |other| timestampOf(a.timestamp.total() - clamped(other)),
        .timestamp => |other| durationOf(a.timestamp.total() - other.total()),
        else => .fail(.no_overload),
    };
    if (a.kind() != b.kind()) return .fail(.no_overload);
    return switch (a) {
        .int => |number| .{ .int = std.math.sub(i64, number, b.int) catch return .fail(.overflow) },
        .uint => |number| .{ .uint = std.math.sub(u64, number, b.uint) catch return .fail(.overflow) },
        .double => |number| .{ .double = number - b.double },
        .duration => |one| durationOf(clamped(one) - clamped(b.duration)),
        else => .fail(.no_overload),
    };
}

/// What is calculated has to be within 292 years.
fn durationOf(nanoseconds: i128) Value {
    const result = std.math.cast(i64, nanoseconds) orelse return .fail(.overflow);
    return .{ .duration = moment.duration(result).? };
}

/// As Google's CEL calculates with durations, but where it adds one to a timestamp: none is longer than 292 years.
fn clamped(one: Moment) i128 {
    return std.math.clamp(one.total(), std.math.minInt(i64), std.math.maxInt(i64));
}

fn timestampOf(nanoseconds: i128) Value {
    return .{ .timestamp = moment.timestamp(nanoseconds) orelse return .fail(.overflow) };
}

pub fn multiply(a: Value, b: Value) Value {
    if (a.kind() != b.kind()) return .fail(.no_overload);
    return switch (a) {
        .int => |number| .{ .int = std.math.mul(i64, number, b.int) catch return .fail(.overflow) },
        .uint => |number| .{ .uint = std.math.mul(u64, number, b.uint) catch return .fail(.overflow) },
        .double => |number| .{ .double = number * b.double },
        else => .fail(.no_overload),
    };
}

pub fn divide(a: Value, b: Value) Value {
    if (a.kind() != b.kind()) return .fail(.no_overload);
    return switch (a) {
        .int => |number| .{ .int = std.math.divTrunc(i64, number, b.int) catch |reason| return failed(reason) },
        .uint => |number| .{ .uint = std.math.divTrunc(u64, number, b.uint) catch |reason| return failed(reason) },
        .double => |number| .{ .double = number / b.double },
        else => .fail(.no_overload),
    };
}

fn failed(reason: error{ DivisionByZero, Overflow }) Value {
    return .fail(if (reason == error.Overflow) .overflow else .division_by_zero);
}

pub fn modulo(a: Value, b: Value) Value {
    if (a.kind() != b.kind()) return .fail(.no_overload);
    switch (a) {
        .int => |number| {
            if (b.int == 0) return .fail(.division_by_zero);
            if (b.int == -1) return if (number == std.math.minInt(i64)) .fail(.overflow) else .{ .int = 0 };
            return .{ .int = @rem(number, b.int) };
        },
        .uint => |number| return if (b.uint == 0) .fail(.division_by_zero) else .{ .uint = number % b.uint },
        else => return .fail(.no_overload),
    }
}
