//! Durations and timestamps: seconds and nanoseconds, their texts and the parts of a calendar.

const std = @import("std");

const giga = std.time.ns_per_s;

pub const Moment = struct {
    /// Of a duration, or since 1970; the nanoseconds are added to them.
    seconds: i64,
    nanoseconds: u32 = 0,

    pub fn total(moment: Moment) i128 {
        return @as(i128, moment.seconds) * giga + moment.nanoseconds;
    }

    pub fn of(nanoseconds: i128) ?Moment {
        const seconds = std.math.cast(i64, @divFloor(nanoseconds, giga)) orelse return null;
        return .{ .seconds = seconds, .nanoseconds = @intCast(@mod(nanoseconds, giga)) };
    }

    pub fn order(a: Moment, b: Moment) std.math.Order {
        if (a.seconds != b.seconds) return std.math.order(a.seconds, b.seconds);
        return std.math.order(a.nanoseconds, b.nanoseconds);
    }
};

/// The nanoseconds of a duration that CEL has: up to 10,000 years.
const longest: i128 = 315_576_000_000 * giga + (giga - 1);
/// The seconds of the years from 1 to 9999.
const earliest = -62_135_596_800;
const latest = 253_402_300_799;

pub fn duration(nanoseconds: i128) ?Moment {
    if (nanoseconds > longest or nanoseconds < -longest) return null;
    return .of(nanoseconds);
}

pub fn timestamp(nanoseconds: i128) ?Moment {
    const moment = Moment.of(nanoseconds) orelse return null;
    return if (moment.seconds < earliest or moment.seconds > latest) null else moment;
}

/// A duration as `1h30m` or `1.5s`.
pub fn parseDuration(text: []const u8) ?Moment {
    var rest = text;
    const negative = std.mem.startsWith(u8, rest, "-");
    if (negative or std.mem.startsWith(u8, rest, "+")) rest = rest[1..];
    if (std.mem.eql(u8, rest, "0")) return .{ .seconds = 0 };
    if (rest.len == 0) return null;
    var sum: i128 = 0;
    while (rest.len > 0) {
        const begins_with_point = rest.len > 1 and rest[0] == '.' and std.ascii.isDigit(rest[1]);
        const whole = if (begins_with_point) 0 else digits(&rest) orelse return null;
        var fraction: i128 = 0;
        var scale: i128 = 1;
        if (rest.len > 0 and rest[0] == '.') {
            rest = rest[1..];
            while (rest.len > 0 and std.ascii.isDigit(rest[0])) : (rest = rest[1..]) {
                if (scale >= 1_000_000_000_000_000_000) continue;
                fraction = fraction * 10 + (rest[0] - '0');
                scale *= 10;
            }
        }
        const unit = unitOf(&rest) orelse return null;
        // Google multiplies before it divides, and has room for so many seconds.
        if (@divTrunc(fraction * unit, giga) > std.math.maxInt(i64)) return null;
        sum += whole * unit + @divTrunc(fraction * unit, scale);
        if (sum > longest) return null;
    }
    return duration(if (negative) -sum else sum);
}

/// None is larger than 64 bits have room for.
fn digits(rest: *[]const u8) ?i128 {
    var value: i128 = 0;
    const before = rest.len;
    while (rest.len > 0 and std.ascii.isDigit(rest.*[0])) : (rest.* = rest.*[1..]) {
        value = value * 10 + (rest.*[0] - '0');
        if (value > std.math.maxInt(i64)) return null;
    }
    return if (rest.len == before) null else value;
}

fn unitOf(rest: *[]const u8) ?i128 {
    inline for (.{ .{ "ns", 1 }, .{ "us", 1000 }, .{ "ms", 1_000_000 }, .{ "s", giga }, .{ "m", 60 * giga }, .{ "h", 3600 * giga } }) |unit| {
        if (std.mem.startsWith(u8, rest.*, unit[0])) {
            rest.* = rest.*[unit[0].len..];
            return unit[1];
        }
    }
    return null;
}

/// A timestamp as RFC 3339 has it, as generously as Google reads it: with white space around it, with fewer
/// digits, and more of a year that begins with zeros.
pub fn parseTimestamp(text: []const u8) ?Moment {
    var rest = std.mem.trim(u8, text, " \t\n\r\x0b\x0c");
    const year = number(&rest, 1, rest.len) orelse return null;
    if (year > 9999) return null;
    const month = part(&rest, '-', 1, 12) orelse return null;
    const day = part(&rest, '-', 1, daysOf(year, month)) orelse return null;
    if (rest.len == 0 or (rest[0] != 'T' and rest[0] != 't')) return null;
    rest = rest[1..];
    const hour = number(&rest, 1, 2) orelse return null;
    const minute = part(&rest, ':', 0, 59) orelse return null;
    const second = part(&rest, ':', 0, 60) orelse return null;
    if (hour > 23) return null;
    const fraction = fractionOf(&rest) orelse return null;
    const offset = zone(&rest) orelse return null;
    if (rest.len > 0) return null;
    const seconds = daysSinceEpoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return timestamp(@as(i128, seconds) * giga + fraction);
}

/// The number at the beginning, of so many digits; one that is larger than any year stays larger.
fn number(rest: *[]const u8, least: usize, most: usize) ?i64 {
    var length: usize = 0;
    var value: i64 = 0;
    while (length < rest.len and length < most and std.ascii.isDigit(rest.*[length])) : (length += 1) {
        value = @min(value * 10 + (rest.*[length] - '0'), 100_000);
    }
    if (length < least) return null;
    rest.* = rest.*[length..];
    return value;
}

fn part(rest: *[]const u8, mark: u8, least: i64, most: i64) ?i64 {
    if (rest.len == 0 or rest.*[0] != mark) return null;
    rest.* = rest.*[1..];
    const value = number(rest, 1, 2) orelse return null;
    return if (value < least or value > most) null else value;
}

fn fractionOf(rest: *[]const u8) ?i64 {
    if (rest.len == 0 or rest.*[0] != '.') return 0;
    rest.* = rest.*[1..];
    var value: i64 = 0;
    var scale: i64 = giga;
    if (rest.len == 0 or !std.ascii.isDigit(rest.*[0])) return null;
    while (rest.len > 0 and std.ascii.isDigit(rest.*[0])) : (rest.* = rest.*[1..]) {
        scale = @divTrunc(scale, 10);
        value += scale * (rest.*[0] - '0');
    }
    return value;
}

/// The seconds of an offset: `Z`, `+01:00`, `+0100`, `+01` or `+01:00:00`.
fn zone(rest: *[]const u8) ?i64 {
    if (rest.len == 0) return null;
    const sign: i64 = switch (rest.*[0]) {
        'Z', 'z' => {
            rest.* = rest.*[1..];
            return 0;
        },
        '+' => 1,
        '-' => -1,
        else => return null,
    };
    rest.* = rest.*[1..];
    const hours = number(rest, 2, 2) orelse return null;
    if (hours > 23) return null;
    const minutes = smallerPart(rest) orelse return sign * hours * 3600;
    const seconds = smallerPart(rest) orelse 0;
    return sign * (hours * 3600 + minutes * 60 + seconds);
}

/// The minutes or seconds of an offset; null if there are none.
fn smallerPart(rest: *[]const u8) ?i64 {
    var within = if (rest.len > 0 and rest.*[0] == ':') rest.*[1..] else rest.*;
    const value = number(&within, 2, 2) orelse return null;
    if (value > 59) return null;
    rest.* = within;
    return value;
}

/// The seconds of an offset as `getHours` takes it: `+01:00`, `-01:00`, `01:00` or `UTC`.
pub fn parseOffset(text: []const u8) ?i64 {
    if (std.mem.eql(u8, text, "UTC") or std.mem.eql(u8, text, "Z")) return 0;
    var rest = text;
    const negative = std.mem.startsWith(u8, rest, "-");
    if (negative or std.mem.startsWith(u8, rest, "+")) rest = rest[1..];
    const hours = number(&rest, 2, 2) orelse return null;
    const minutes = part(&rest, ':', 0, 59) orelse return null;
    if (rest.len > 0 or hours > 23) return null;
    return if (negative) -(hours * 3600 + minutes * 60) else hours * 3600 + minutes * 60;
}

fn isLeap(year: i64) bool {
    return @mod(year, 4) == 0 and (@mod(year, 100) != 0 or @mod(year, 400) == 0);
}

fn daysOf(year: i64, month: i64) i64 {
    return switch (month) {
        2 => if (isLeap(year)) 29 else 28,
        4, 6, 9, 11 => 30,
        else => 31,
    };
}

/// Of the proleptic Gregorian calendar, since 1970.
fn daysSinceEpoch(year: i64, month: i64, day: i64) i64 {
    const y = if (month <= 2) year - 1 else year;
    const era = @divFloor(y, 400);
    const of_era = y - era * 400;
    const of_year = @divTrunc(153 * (month + @as(i64, if (month > 2) -3 else 9)) + 2, 5) + day - 1;
    return era * 146097 + of_era * 365 + @divTrunc(of_era, 4) - @divTrunc(of_era, 100) + of_year - 719468;
}

pub const Calendar = struct {
    year: i64,
    /// From 1.
    month: i64,
    day: i64,
    /// From 0.
    day_of_year: i64,
    /// From Sunday, which is 0.
    day_of_week: i64,
    hour: i64,
    minute: i64,
    second: i64,

    pub fn of(seconds: i64) Calendar {
        const days = @divFloor(seconds, 86400);
        const in_day = @mod(seconds, 86400);
        const shifted = days + 719468;
        const era = @divFloor(shifted, 146097);
        const of_era = shifted - era * 146097;
        const year_of_era = @divTrunc(of_era - @divTrunc(of_era, 1460) + @divTrunc(of_era, 36524) - @divTrunc(of_era, 146096), 365);
        const of_year = of_era - (365 * year_of_era + @divTrunc(year_of_era, 4) - @divTrunc(year_of_era, 100));
        const shifted_month = @divTrunc(5 * of_year + 2, 153);
        const month = if (shifted_month < 10) shifted_month + 3 else shifted_month - 9;
        const year = year_of_era + era * 400 + @as(i64, if (month <= 2) 1 else 0);
        return .{
            .year = year,
            .month = month,
            .day = of_year - @divTrunc(153 * shifted_month + 2, 5) + 1,
            .day_of_year = days - daysSinceEpoch(year, 1, 1),
            .day_of_week = @mod(days + 4, 7),
            .hour = @divTrunc(in_day, 3600),
            .minute = @mod(@divTrunc(in_day, 60), 60),
            .second = @mod(in_day, 60),
        };
    }
};

/// The most bytes that a text of these has.
pub const longest_text = 40;

/// A timestamp as RFC 3339 has it, in UTC, with three, six or nine places after the second if there are any.
pub fn writeTimestamp(moment: Moment, buffer: *[longest_text]u8) []const u8 {
    const date: Calendar = .of(moment.seconds);
    var writer: std.Io.Writer = .fixed(buffer);
    writer.print("{d:0>4}-{d:0>2}-{d:0>2}T{d:0>2}:{d:0>2}:{d:0>2}", .{
        @as(u64, @intCast(date.year)), @as(u64, @intCast(date.month)),  @as(u64, @intCast(date.day)),
        @as(u64, @intCast(date.hour)), @as(u64, @intCast(date.minute)), @as(u64, @intCast(date.second)),
    }) catch unreachable;
    writeFraction(&writer, moment.nanoseconds);
    writer.writeByte('Z') catch unreachable;
    return writer.buffered();
}

/// A duration in seconds, such as `1.500s`.
pub fn writeDuration(moment: Moment, buffer: *[longest_text]u8) []const u8 {
    const sum = moment.total();
    const size: u128 = @abs(sum);
    var writer: std.Io.Writer = .fixed(buffer);
    if (sum < 0) writer.writeByte('-') catch unreachable;
    writer.print("{d}", .{@as(u64, @intCast(size / giga))}) catch unreachable;
    writeFraction(&writer, @intCast(size % giga));
    writer.writeByte('s') catch unreachable;
    return writer.buffered();
}

fn writeFraction(writer: *std.Io.Writer, nanoseconds: u32) void {
    if (nanoseconds == 0) return;
    if (nanoseconds % 1_000_000 == 0) {
        writer.print(".{d:0>3}", .{nanoseconds / 1_000_000}) catch unreachable;
    } else if (nanoseconds % 1000 == 0) {
        writer.print(".{d:0>6}", .{nanoseconds / 1000}) catch unreachable;
    } else {
        writer.print(".{d:0>9}", .{nanoseconds}) catch unreachable;
    }
}

test "a timestamp is its text again" {
    var buffer: [longest_text]u8 = undefined;
    for ([_][]const u8{ "1970-01-01T00:00:00Z", "2024-02-29T23:59:59.120Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z" }) |text| {
        try std.testing.expectEqualStrings(text, writeTimestamp(parseTimestamp(text).?, &buffer));
    }
    try std.testing.expectEqualStrings("2019-12-31T23:00:00Z", writeTimestamp(parseTimestamp("2020-01-01T00:00:00+01:00").?, &buffer));
    try std.testing.expectEqualStrings("2019-01-03T01:59:30Z", writeTimestamp(parseTimestamp(" 02019-1-3t3:0:0+01:00:30\n").?, &buffer));
    try std.testing.expectEqual(null, parseTimestamp("2023-02-29T00:00:00Z"));
    try std.testing.expectEqual(null, parseTimestamp("99999999999999999999-01-01T00:00:00Z"));
    try std.testing.expectEqual(null, parseTimestamp("0000-12-31T23:59:59Z"));
}

test "a duration is its text in seconds" {
    var buffer: [longest_text]u8 = undefined;
    try std.testing.expectEqualStrings("5400s", writeDuration(parseDuration("1h30m").?, &buffer));
    try std.testing.expectEqualStrings("-1.500s", writeDuration(parseDuration("-1.5s").?, &buffer));
    try std.testing.expectEqualStrings("0.000000001s", writeDuration(parseDuration("1ns").?, &buffer));
    try std.testing.expectEqual(null, parseDuration("1"));
    try std.testing.expectEqual(null, parseDuration("9223372036854775808ns"));
    try std.testing.expectEqual(null, parseDuration("0.9999999999999999h"));
    try std.testing.expectEqual(null, parseDuration("315576000001s"));
}
