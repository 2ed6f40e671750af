//! Values as values of another kind: `int(x)`, `string(x)` and the like.

const std = @import("std");
const moment = @import("moment.zig");
const value = @import("value.zig");
const work_budget = @import("work_budget.zig");
const Spent = work_budget.Spent;
const Value = value.Value;
const Work = work_budget.Work;

pub fn toInt(of: Value) Value {
    return switch (of) {
        .int => of,
        .bool => |holds| .{ .int = @intFromBool(holds) },
        .uint => |number| .{ .int = std.math.cast(i64, number) orelse return .fail(.overflow) },
        .double => |number| if (number > -0x1p63 and number < 0x1p63) .{ .int = @intFromFloat(number) } else .fail(.overflow),
        .string => |text| .{ .int = parse(i64, text) orelse return .fail(.no_conversion) },
        .timestamp => |one| .{ .int = one.seconds },
        else => .fail(.no_overload),
    };
}

pub fn toUint(of: Value) Value {
    return switch (of) {
        .uint => of,
        .int => |number| .{ .uint = std.math.cast(u64, number) orelse return .fail(.overflow) },
        .double => |number| if (number >= 0 and number < 0x1p64) .{ .uint = @intFromFloat(number) } else .fail(.overflow),
        .string => |text| .{ .uint = parse(u64, text) orelse return .fail(.no_conversion) },
        else => .fail(.no_overload),
    };
}

/// An integer in decimal, with a sign and with white space around it, if any.
fn parse(comptime Integer: type, text: []const u8) ?Integer {
    const trimmed = std.mem.trim(u8, text, " \t\n\r\x0b\x0c");
    const negative = std.mem.startsWith(u8, trimmed, "-");
    const digits = if (negative or std.mem.startsWith(u8, trimmed, "+")) trimmed[1..] else trimmed;
    if (digits.len == 0 or (negative and Integer == u64)) return null;
    var result: Integer = 0;
    for (digits) |byte| {
        if (!std.ascii.isDigit(byte)) return null;
        result = std.math.mul(Integer, result, 10) catch return null;
        const digit: Integer = byte - '0';
        result = (if (negative) std.math.sub(Integer, result, digit) else std.math.add(Integer, result, digit)) catch return null;
    }
    return result;
}

pub fn toDouble(work: *Work, of: Value) Spent!Value {
    switch (of) {
        .double => return of,
        .int, .uint => return .{ .double = value.asDouble(of) },
        .string => |text| {
            const trimmed = withoutPayload(std.mem.trim(u8, text, " \t\n\r\x0b\x0c"));
            // A longer one would be work without an end that is known.
            if (trimmed.len > 1024 or std.mem.findScalar(u8, trimmed, '_') != null) return .fail(.no_conversion);
            try work.take(trimmed.len);
            return .{ .double = std.fmt.parseFloat(f64, trimmed) catch return .fail(.no_conversion) };
        },
        else => return .fail(.no_overload),
    }
}

/// What is no number, without what C lets follow it in brackets: `nan(1)`.
fn withoutPayload(text: []const u8) []const u8 {
    const start = std.mem.findScalar(u8, text, '(') orelse return text;
    if (text[text.len - 1] != ')' or start < 3 or !std.ascii.eqlIgnoreCase(text[start - 3 .. start], "nan")) return text;
    for (text[start + 1 .. text.len - 1]) |byte| if (!std.ascii.isAlphanumeric(byte) and byte != '_') return text;
    return text[0..start];
}

pub fn toBool(of: Value) Value {
    switch (of) {
        .bool => return of,
        .string => |text| {
            inline for (.{ "1", "t", "true", "TRUE", "True" }) |word| if (std.mem.eql(u8, text, word)) return .{ .bool = true };
            inline for (.{ "0", "f", "false", "FALSE", "False" }) |word| if (std.mem.eql(u8, text, word)) return .{ .bool = false };
            return .fail(.no_conversion);
        },
        else => return .fail(.no_overload),
    }
}

pub fn toBytes(of: Value) Value {
    return switch (of) {
        .bytes => of,
        .string => |text| .{ .bytes = text },
        else => .fail(.no_overload),
    };
}

pub fn toText(work: *Work, of: Value) Spent!Value {
    var buffer: [64]u8 = undefined;
    const text: []const u8 = switch (of) {
        .string => return of,
        .bytes => |bytes| {
            try work.over(bytes.len);
            return if (std.unicode.utf8ValidateSlice(bytes)) .{ .string = bytes } else .fail(.no_conversion);
        },
        .bool => |truth| return .{ .string = if (truth) "true" else "false" },
        .int => |number| std.fmt.bufPrint(&buffer, "{d}", .{number}) catch unreachable,
        .uint => |number| std.fmt.bufPrint(&buffer, "{d}", .{number}) catch unreachable,
        .double => |number| writeDouble(number, &buffer),
        .timestamp => |one| moment.writeTimestamp(one, buffer[0..moment.longest_text]),
        .duration => |one| moment.writeDuration(one, buffer[0..moment.longest_text]),
        else => return .fail(.no_overload),
    };
    try work.take(4);
    const kept = try work.allocate(u8, text.len);
    @memcpy(kept, text);
    return .{ .string = kept };
}

/// The fewest digits that give the number again, in the form of C's `%g`.
fn writeDouble(number: f64, buffer: *[64]u8) []const u8 {
    if (std.math.isNan(number)) return "nan";
    if (std.math.isInf(number)) return if (number < 0) "-inf" else "inf";
    if (number == 0) return if (std.math.signbit(number)) "-0" else "0";
    var scratch: [64]u8 = undefined;
    // d.ddde-dd
    const scientific = std.fmt.float.render(&scratch, @abs(number), .{ .mode = .scientific }) catch unreachable;
    const mark = std.mem.findScalar(u8, scientific, 'e').?;
    const exponent = std.fmt.parseInt(i32, scientific[mark + 1 ..], 10) catch unreachable;
    var digits_buffer: [32]u8 = undefined;
    var count: usize = 0;
    for (scientific[0..mark]) |byte| if (byte != '.') {
        digits_buffer[count] = byte;
        count += 1;
    };
    const digits = std.mem.trimEnd(u8, digits_buffer[0..count], "0");
    var writer: std.Io.Writer = .fixed(buffer);
    writeDigits(&writer, number < 0, digits, exponent) catch unreachable;
    return writer.buffered();
}

fn writeDigits(writer: *std.Io.Writer, negative: bool, digits: []const u8, exponent: i32) std.Io.Writer.Error!void {
    if (negative) try writer.writeByte('-');
    if (exponent < -4 or exponent >= 6) {
        try writer.writeByte(digits[0]);
        if (digits.len > 1) try writer.print(".{s}", .{digits[1..]});
        try writer.print("e{c}{d:0>2}", .{ @as(u8, if (exponent < 0) '-' else '+'), @abs(exponent) });
        return;
    }
    if (exponent < 0) {
        try writer.writeAll("0.");
        try writer.splatByteAll('0', @intCast(-exponent - 1));
        try writer.writeAll(digits);
        return;
    }
    const whole: usize = @intCast(exponent + 1);
    for (0..whole) |index| try writer.writeByte(if (index < digits.len) digits[index] else '0');
    if (digits.len > whole) try writer.print(".{s}", .{digits[whole..]});
}

pub fn toDuration(work: *Work, of: Value) Spent!Value {
    switch (of) {
        .duration => return of,
        .string => |text| {
            try work.over(text.len * 8);
            return .{ .duration = moment.parseDuration(text) orelse return .fail(.no_conversion) };
        },
        else => return .fail(.no_overload),
    }
}

pub fn toTimestamp(work: *Work, of: Value) Spent!Value {
    switch (of) {
        .timestamp => return of,
        .int => |seconds| return .{ .timestamp = moment.timestamp(@as(i128, seconds) * std.time.ns_per_s) orelse return .fail(.overflow) },
        .string => |text| {
            try work.over(text.len * 8);
            return .{ .timestamp = moment.parseTimestamp(text) orelse return .fail(.no_conversion) };
        },
        else => return .fail(.no_overload),
    }
}

test "doubles as C writes them" {
    var buffer: [64]u8 = undefined;
    const cases = .{
        .{ 0.1, "0.1" },      .{ 1e21, "1e+21" },    .{ 123456789.0, "1.23456789e+08" },   .{ 100000.0, "100000" },
        .{ 1e-5, "1e-05" },   .{ 0.0001, "0.0001" }, .{ -2.5, "-2.5" },                    .{ 12345.678, "12345.678" },
        .{ 1e100, "1e+100" }, .{ 1.0, "1" },         .{ 1.0 / 3.0, "0.3333333333333333" },
    };
    inline for (cases) |case| try std.testing.expectEqualStrings(case[1], writeDouble(case[0], &buffer));
}
