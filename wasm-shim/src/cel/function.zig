//! The functions and operators that take the values of all their arguments, by the numbers that programs have for them.

const std = @import("std");
const arithmetic = @import("arithmetic.zig");
const conversion = @import("conversion.zig");
const moment = @import("moment.zig");
const query = @import("query.zig");
const text = @import("text.zig");
const value = @import("value.zig");
const work_budget = @import("work_budget.zig");
const Spent = work_budget.Spent;
const Value = value.Value;
const Work = work_budget.Work;

/// docs/expressions.md and `kuadrant.expressions.functions` have the same numbers.
pub const Function = enum(u8) {
    not = 1,
    negate = 2,
    add = 3,
    subtract = 4,
    multiply = 5,
    divide = 6,
    modulo = 7,
    equal = 8,
    not_equal = 9,
    less = 10,
    less_equal = 11,
    greater = 12,
    greater_equal = 13,
    index = 14,
    optional_index = 15,
    contained = 16,
    size = 17,
    contains = 18,
    starts_with = 19,
    ends_with = 20,
    int = 21,
    uint = 22,
    double = 23,
    string = 24,
    bytes = 25,
    bool = 26,
    duration = 27,
    timestamp = 28,
    type = 29,
    get_full_year = 31,
    get_month = 32,
    get_date = 33,
    get_day_of_month = 34,
    get_day_of_year = 35,
    get_day_of_week = 36,
    get_hours = 37,
    get_minutes = 38,
    get_seconds = 39,
    get_milliseconds = 40,
    char_at = 41,
    index_of = 42,
    last_index_of = 43,
    join = 44,
    lower_ascii = 45,
    upper_ascii = 46,
    replace = 47,
    split = 48,
    substring = 49,
    trim = 50,
    reverse = 51,
    quote = 52,
    optional_of = 53,
    optional_of_non_zero_value = 54,
    optional_none = 55,
    has_value = 56,
    value = 57,
    first = 60,
    last = 61,
    query_map = 62,

    /// The fewest and the most arguments.
    pub fn arity(function: Function) [2]usize {
        return switch (function) {
            .optional_none => .{ 0, 0 },
            .not, .negate, .size, .int, .uint, .double, .string, .bytes, .bool, .duration, .timestamp, .type => .{ 1, 1 },
            .lower_ascii, .upper_ascii, .trim, .reverse, .quote => .{ 1, 1 },
            .optional_of, .optional_of_non_zero_value, .has_value, .value, .first, .last => .{ 1, 1 },
            .get_full_year, .get_month, .get_date, .get_day_of_month, .get_day_of_year, .get_day_of_week => .{ 1, 2 },
            .get_hours, .get_minutes, .get_seconds, .get_milliseconds, .join, .query_map => .{ 1, 2 },
            .index_of, .last_index_of, .split, .substring => .{ 2, 3 },
            .replace => .{ 3, 4 },
            else => .{ 2, 2 },
        };
    }
};

/// The most arguments that a function has.
pub const most_arguments = 4;

/// What `function` makes of its arguments, of which none is a failure and so many as it has.
pub fn call(work: *Work, function: Function, given: []const Value) Spent!Value {
    if (given.len == 0) return .{ .optional = null };
    const a = given[0];
    const b: Value = if (given.len > 1) given[1] else .null_type;
    return switch (function) {
        .not => if (a == .bool) .{ .bool = !a.bool } else .fail(.no_overload),
        .negate => arithmetic.negate(a),
        .add => arithmetic.add(work, a, b),
        .subtract => arithmetic.subtract(a, b),
        .multiply => arithmetic.multiply(a, b),
        .divide => arithmetic.divide(a, b),
        .modulo => arithmetic.modulo(a, b),
        .equal => .{ .bool = try value.equal(work, a, b) },
        .not_equal => .{ .bool = !try value.equal(work, a, b) },
        .less, .less_equal, .greater, .greater_equal => ordered(work, function, a, b),
        .index => index(work, a, b),
        .optional_index => optionalIndex(work, a, b),
        .contained => contained(work, a, b),
        .size => size(work, a),
        .int => conversion.toInt(a),
        .uint => conversion.toUint(a),
        .double => conversion.toDouble(work, a),
        .string => conversion.toText(work, a),
        .bytes => conversion.toBytes(a),
        .bool => conversion.toBool(a),
        .duration => conversion.toDuration(work, a),
        .timestamp => conversion.toTimestamp(work, a),
        .type => .{ .type = a.kind() },
        .optional_of => .{ .optional = try work.create(Value, a) },
        .optional_of_non_zero_value => .{ .optional = if (isZero(a)) null else try work.create(Value, a) },
        .has_value => if (a == .optional) .{ .bool = a.optional != null } else .fail(.no_overload),
        .value => if (a == .optional) (if (a.optional) |inner| inner.* else .fail(.no_value)) else .fail(.no_overload),
        .first, .last => end(work, function, a),
        .join => join(work, a, given),
        .query_map => queryMap(work, a, given),
        .contains, .starts_with, .ends_with, .char_at, .index_of, .last_index_of, .lower_ascii, .upper_ascii, .replace, .split, .substring, .trim, .reverse, .quote => ofText(work, function, given),
        .optional_none => .{ .optional = null },
        else => ofMoment(function, a, given),
    };
}

fn ordered(work: *Work, function: Function, a: Value, b: Value) Spent!Value {
    return switch (try value.compare(work, a, b)) {
        .mismatch => .fail(.no_overload),
        .none => .{ .bool = false },
        .order => |order| .{ .bool = switch (function) {
            .less => order == .lt,
            .less_equal => order != .gt,
            .greater => order == .gt,
            else => order != .lt,
        } },
    };
}

/// What is in a list or a map at some place.
pub fn index(work: *Work, of: Value, key: Value) Spent!Value {
    switch (of) {
        .list => |items| {
            const place = placeOf(key) orelse return .fail(.no_overload);
            return if (place < 0 or place >= items.len) .fail(.no_such_index) else items[@intCast(place)];
        },
        .map => |map| {
            if (!value.isKey(key) and key != .double) return .fail(.no_overload);
            return try map.find(work, key) orelse .fail(.no_such_key);
        },
        // What is not there has nothing in it, either.
        .optional => |inner| return if (inner) |present| present_(work, try index(work, present.*, key)) else of,
        else => return .fail(.no_overload),
    }
}

fn present_(work: *Work, found: Value) Spent!Value {
    if (found == .failure) return if (found.failure == .no_such_key) .{ .optional = null } else found;
    return .{ .optional = try work.create(Value, found) };
}

pub fn optionalIndex(work: *Work, of: Value, key: Value) Spent!Value {
    if (of == .optional) {
        const inner = of.optional orelse return of;
        return optionalIndex(work, inner.*, key);
    }
    // What can be no key is not there, as Google's implementation has it.
    if (of == .map and !value.isKey(key) and key != .double) return .{ .optional = null };
    // A list's place is an integer here, and nothing that is equal to one.
    if (of == .list and key != .int) return .fail(.no_overload);
    const found = try index(work, of, key);
    if (found != .failure) return .{ .optional = try work.create(Value, found) };
    return switch (found.failure) {
        .no_such_key, .no_such_index => .{ .optional = null },
        else => found,
    };
}

fn placeOf(key: Value) ?i64 {
    return switch (key) {
        .int => |number| number,
        .uint => |number| std.math.cast(i64, number) orelse std.math.maxInt(i64),
        .double => |number| value.asInteger(i64, number),
        else => null,
    };
}

fn contained(work: *Work, item: Value, among: Value) Spent!Value {
    switch (among) {
        .list => |items| {
            for (items) |one| if (try value.equal(work, item, one)) return .{ .bool = true };
            return .{ .bool = false };
        },
        .map => |map| {
            if (!value.isKey(item) and item != .double) return .fail(.no_overload);
            return .{ .bool = try map.find(work, item) != null };
        },
        else => return .fail(.no_overload),
    }
}

fn size(work: *Work, of: Value) Spent!Value {
    return .{ .int = @intCast(switch (of) {
        .string => |string| blk: {
            try work.through(string.len);
            break :blk text.characters(string);
        },
        .bytes => |bytes| bytes.len,
        .list => |items| items.len,
        .map => |map| map.entries.len,
        else => return .fail(.no_overload),
    }) };
}

fn isZero(of: Value) bool {
    return switch (of) {
        .null_type => true,
        .bool => |truth| !truth,
        .int => |number| number == 0,
        .uint => |number| number == 0,
        .double => |number| number == 0,
        .string, .bytes => |bytes| bytes.len == 0,
        .list => |items| items.len == 0,
        .map => |map| map.entries.len == 0,
        .duration, .timestamp => |one| one.seconds == 0 and one.nanoseconds == 0,
        else => false,
    };
}

fn end(work: *Work, function: Function, of: Value) Spent!Value {
    if (of != .list) return .fail(.no_overload);
    if (of.list.len == 0) return .{ .optional = null };
    return .{ .optional = try work.create(Value, of.list[if (function == .first) 0 else of.list.len - 1]) };
}

fn join(work: *Work, of: Value, given: []const Value) Spent!Value {
    if (of != .list) return .fail(.no_overload);
    const separator: Value = if (given.len > 1) given[1] else .{ .string = "" };
    return if (separator == .string) text.join(work, of.list, separator.string) else .fail(.no_overload);
}

fn queryMap(work: *Work, of: Value, given: []const Value) Spent!Value {
    const repeats: Value = if (given.len > 1) given[1] else .{ .bool = false };
    if (of != .string or repeats != .bool) return .fail(.no_overload);
    return query.queryMap(work, of.string, repeats.bool);
}

fn ofText(work: *Work, function: Function, given: []const Value) Spent!Value {
    if (given[0] != .string) return .fail(.no_overload);
    const of = given[0].string;
    switch (function) {
        .lower_ascii => return text.lower(work, of),
        .upper_ascii => return text.upper(work, of),
        .trim => return text.trim(work, of),
        .reverse => return text.reverse(work, of),
        .quote => return text.quote(work, of),
        .char_at => return if (given[1] == .int) text.charAt(work, of, given[1].int) else .fail(.no_overload),
        .substring => {
            for (given[1..]) |position| if (position != .int) return .fail(.no_overload);
            return text.substring(work, of, given[1].int, if (given.len > 2) given[2].int else null);
        },
        else => {},
    }
    if (given[1] != .string) return .fail(.no_overload);
    const other = given[1].string;
    const third: ?Value = if (given.len > 2) given[2] else null;
    switch (function) {
        .contains => return .{ .bool = try text.find(work, of, other, 0) != null },
        .starts_with => return .{ .bool = try text.startsWith(work, of, other) },
        .ends_with => return .{ .bool = try text.endsWith(work, of, other) },
        .replace => {
            if (third.? != .string) return .fail(.no_overload);
            const most: Value = if (given.len > 3) given[3] else .{ .int = -1 };
            return if (most == .int) text.replace(work, of, other, third.?.string, most.int) else .fail(.no_overload);
        },
        else => {},
    }
    if (third) |number| if (number != .int) return .fail(.no_overload);
    const number: ?i64 = if (third) |one| one.int else null;
    return switch (function) {
        .index_of => text.indexOf(work, of, other, number orelse 0),
        .last_index_of => text.lastIndexOf(work, of, other, number),
        else => text.split(work, of, other, number orelse -1),
    };
}

fn ofMoment(function: Function, of: Value, given: []const Value) Value {
    if (of == .duration) {
        if (given.len > 1) return .fail(.no_overload);
        const total = of.duration.total();
        return .{ .int = switch (function) {
            .get_hours => @intCast(@divTrunc(total, 3600 * std.time.ns_per_s)),
            .get_minutes => @intCast(@divTrunc(total, 60 * std.time.ns_per_s)),
            .get_seconds => @intCast(@divTrunc(total, std.time.ns_per_s)),
            .get_milliseconds => @intCast(@divTrunc(@rem(total, std.time.ns_per_s), std.time.ns_per_ms)),
            else => return .fail(.no_overload),
        } };
    }
    if (of != .timestamp) return .fail(.no_overload);
    var offset: i64 = 0;
    if (given.len > 1) {
        if (given[1] != .string) return .fail(.no_overload);
        offset = moment.parseOffset(given[1].string) orelse return .fail(.no_conversion);
    }
    if (function == .get_milliseconds) return .{ .int = of.timestamp.nanoseconds / std.time.ns_per_ms };
    const date: moment.Calendar = .of(of.timestamp.seconds + offset);
    return .{ .int = switch (function) {
        .get_full_year => date.year,
        .get_month => date.month - 1,
        .get_date => date.day,
        .get_day_of_month => date.day - 1,
        .get_day_of_year => date.day_of_year,
        .get_day_of_week => date.day_of_week,
        .get_hours => date.hour,
        .get_minutes => date.minute,
        else => date.second,
    } };
}
