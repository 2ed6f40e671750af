//! The functions of CEL's strings extension. Positions are counted in characters, not in bytes.

const std = @import("std");
const value = @import("value.zig");
const work_budget = @import("work_budget.zig");
const Growing = work_budget.Growing;
const Spent = work_budget.Spent;
const Value = value.Value;
const Work = work_budget.Work;

fn string(text: []const u8) Value {
    return .{ .string = text };
}

/// How many characters `text`, which is UTF-8, has.
pub fn characters(text: []const u8) usize {
    var count: usize = 0;
    for (text) |byte| count += @intFromBool(byte & 0xc0 != 0x80);
    return count;
}

/// The byte at which the character with this number begins; the end for the number after the last one.
fn offset(text: []const u8, position: i64) ?usize {
    if (position < 0) return null;
    var left: u64 = @intCast(position);
    for (text, 0..) |byte, index| if (byte & 0xc0 != 0x80) {
        if (left == 0) return index;
        left -= 1;
    };
    return if (left == 0) text.len else null;
}

fn lengthAt(text: []const u8, index: usize) usize {
    return std.unicode.utf8ByteSequenceLength(text[index]) catch 1;
}

pub fn charAt(work: *Work, text: []const u8, position: i64) Spent!Value {
    try work.through(text.len);
    const start = offset(text, position) orelse return .fail(.out_of_range);
    return string(if (start == text.len) "" else text[start..][0..lengthAt(text, start)]);
}

pub fn substring(work: *Work, text: []const u8, first: i64, last: ?i64) Spent!Value {
    try work.through(2 * text.len);
    const start = offset(text, first) orelse return .fail(.out_of_range);
    const end = if (last) |position| offset(text, position) orelse return .fail(.out_of_range) else text.len;
    return if (end < start) .fail(.out_of_range) else string(text[start..end]);
}

pub fn indexOf(work: *Work, text: []const u8, wanted: []const u8, from: i64) Spent!Value {
    try work.through(2 * text.len);
    const start = offset(text, from) orelse return .fail(.out_of_range);
    const index = try find(work, text, wanted, start) orelse return .{ .int = -1 };
    return .{ .int = @intCast(characters(text[0..index])) };
}

pub fn lastIndexOf(work: *Work, text: []const u8, wanted: []const u8, from: ?i64) Spent!Value {
    try work.through(2 * text.len);
    const start = if (from) |position| offset(text, position) orelse return .fail(.out_of_range) else text.len;
    if (wanted.len > text.len) return .{ .int = -1 };
    var index = @min(start, text.len - wanted.len);
    while (!try isAt(work, text, wanted, index)) : (index -= 1) {
        if (index == 0) return .{ .int = -1 };
        if (index % 2 == 0) try work.take(1);
    }
    return .{ .int = @intCast(characters(text[0..index])) };
}

pub fn startsWith(work: *Work, text: []const u8, start: []const u8) Spent!bool {
    try work.over(start.len);
    return std.mem.startsWith(u8, text, start);
}

pub fn endsWith(work: *Work, text: []const u8, end: []const u8) Spent!bool {
    try work.over(end.len);
    return std.mem.endsWith(u8, text, end);
}

/// The place of `wanted` at or after `start`. It is charged as far as one has to look.
pub fn find(work: *Work, text: []const u8, wanted: []const u8, start: usize) Spent!?usize {
    if (start + wanted.len > text.len) return null;
    if (wanted.len == 0) return start;
    const first = text[0 .. text.len - wanted.len + 1];
    var index = start;
    while (findByte(first, index, wanted[0])) |found| : (index = found + 1) {
        try work.take(1 + (found - index) / 8);
        if (try isAt(work, text, wanted, found)) return found;
    }
    try work.through(first.len - index);
    return null;
}

/// The first place from `start` on that has `wanted`; eight are looked at at once.
fn findByte(text: []const u8, start: usize, wanted: u8) ?usize {
    const ones: u64 = 0x0101010101010101;
    var index = start;
    while (index + 8 <= text.len) : (index += 8) {
        const others = std.mem.readInt(u64, text[index..][0..8], .little) ^ (ones * wanted);
        const found = (others -% ones) & ~others & (ones << 7);
        if (found != 0) return index + @ctz(found) / 8;
    }
    while (index < text.len) : (index += 1) if (text[index] == wanted) return index;
    return null;
}

test "a byte is found wherever it is" {
    const text = "abcdefghijklmnopqrstuvwxyz\x00\xff";
    for (text, 0..) |byte, place| for (0..text.len + 1) |start| {
        const expected: ?usize = if (start <= place) place else null;
        try std.testing.expectEqual(expected, findByte(text, start, byte));
    };
    try std.testing.expectEqual(null, findByte(text, 0, '!'));
    try std.testing.expectEqual(8, findByte("\x01\x00\x01\x00\x01\x00\x01\x00b", 0, 'b').?);
}

/// Whether `wanted` is there. Texts that are alike nearly to the end take their time.
fn isAt(work: *Work, text: []const u8, wanted: []const u8, index: usize) Spent!bool {
    for (wanted, text[index..][0..wanted.len], 0..) |one, other, length| if (one != other) {
        try work.through(length);
        return false;
    };
    try work.through(wanted.len);
    return true;
}

pub fn lower(work: *Work, text: []const u8) Spent!Value {
    try work.through(2 * text.len);
    for (text) |byte| if (std.ascii.isUpper(byte)) return string(std.ascii.lowerString(try work.allocate(u8, text.len), text));
    return string(text);
}

pub fn upper(work: *Work, text: []const u8) Spent!Value {
    try work.through(2 * text.len);
    for (text) |byte| if (std.ascii.isLower(byte)) return string(std.ascii.upperString(try work.allocate(u8, text.len), text));
    return string(text);
}

pub fn trim(work: *Work, text: []const u8) Spent!Value {
    var start: usize = 0;
    while (start < text.len) {
        try work.take(2);
        const length = lengthAt(text, start);
        if (!isSpace(text[start..][0..length])) break;
        start += length;
    }
    var end = text.len;
    while (end > start) {
        try work.take(2);
        var begin = end - 1;
        while (begin > start and text[begin] & 0xc0 == 0x80) begin -= 1;
        if (!isSpace(text[begin..end])) break;
        end = begin;
    }
    return string(text[start..end]);
}

fn isSpace(character: []const u8) bool {
    return switch (std.unicode.utf8Decode(character) catch return false) {
        '\t'...'\r', ' ', 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000 => true,
        else => false,
    };
}

pub fn reverse(work: *Work, text: []const u8) Spent!Value {
    try work.take(text.len);
    const result = try work.allocate(u8, text.len);
    var index: usize = 0;
    while (index < text.len) {
        const length = lengthAt(text, index);
        @memcpy(result[text.len - index - length ..][0..length], text[index..][0..length]);
        index += length;
    }
    return string(result);
}

pub fn quote(work: *Work, text: []const u8) Spent!Value {
    var result: Growing(u8) = .{};
    try work.take(text.len);
    try result.append(work, '"');
    for (text) |byte| switch (byte) {
        7...13 => try result.appendSlice(work, &.{ '\\', "abtnvfr"[byte - 7] }),
        '"', '\\' => try result.appendSlice(work, &.{ '\\', byte }),
        else => try result.append(work, byte),
    };
    try result.append(work, '"');
    return string(result.items);
}

pub fn join(work: *Work, items: []const Value, separator: []const u8) Spent!Value {
    var length: usize = 0;
    try work.take(3 * items.len);
    for (items, 0..) |item, index| {
        if (item != .string) return .fail(.no_overload);
        length +|= item.string.len +| (if (index > 0) separator.len else 0);
    }
    const result = try work.allocate(u8, length);
    var end: usize = 0;
    for (items, 0..) |item, index| for ([_][]const u8{ if (index > 0) separator else "", item.string }) |piece| {
        @memcpy(result[end..][0..piece.len], piece);
        end += piece.len;
    };
    return string(result);
}

/// At most `most` pieces, or all of them if that is negative.
pub fn split(work: *Work, text: []const u8, separator: []const u8, most: i64) Spent!Value {
    var pieces: Growing(Value) = .{};
    if (most == 0) return .{ .list = &.{} };
    var rest = text;
    while (most < 0 or pieces.items.len + 1 < most) {
        // Between nothing and nothing are the characters, the last of which has nothing behind it.
        const index = if (separator.len > 0) try find(work, rest, separator, 0) orelse break else blk: {
            if (rest.len == 0 or lengthAt(rest, 0) == rest.len) break;
            break :blk lengthAt(rest, 0);
        };
        try work.take(3);
        try pieces.append(work, string(rest[0..index]));
        rest = rest[index + separator.len ..];
    }
    try pieces.append(work, string(rest));
    return .{ .list = pieces.items };
}

/// With the first `most` places replaced, or all of them if that is negative.
pub fn replace(work: *Work, text: []const u8, wanted: []const u8, by: []const u8, most: i64) Spent!Value {
    var result: Growing(u8) = .{};
    var rest = text;
    var left: u64 = if (most < 0) std.math.maxInt(u64) else @intCast(most);
    if (wanted.len > 0) {
        while (left > 0) : (left -= 1) {
            const index = try find(work, rest, wanted, 0) orelse break;
            try result.appendSlice(work, rest[0..index]);
            try result.appendSlice(work, by);
            rest = rest[index + wanted.len ..];
        }
        if (rest.len == text.len) return string(text);
    } else while (left > 0) : (left -= 1) {
        // Nothing is before each character and at the end.
        try result.appendSlice(work, by);
        if (rest.len == 0) break;
        const length = lengthAt(rest, 0);
        try result.appendSlice(work, rest[0..length]);
        rest = rest[length..];
    }
    try result.appendSlice(work, rest);
    return string(result.items);
}

/// `text`, with U+FFFD for each byte that is no UTF-8.
pub fn valid(work: *Work, text: []const u8) Spent![]const u8 {
    if (std.unicode.utf8ValidateSlice(text)) return text;
    var result: Growing(u8) = .{};
    var rest = text;
    while (rest.len > 0) {
        const length = std.unicode.utf8ByteSequenceLength(rest[0]) catch 1;
        const sound = length <= rest.len and std.unicode.utf8ValidateSlice(rest[0..length]);
        try result.appendSlice(work, if (sound) rest[0..length] else "\u{FFFD}");
        rest = rest[if (sound) length else 1..];
    }
    return result.items;
}
