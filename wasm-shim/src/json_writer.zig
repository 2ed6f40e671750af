//! JSON as it is written for people's tools: objects whose members come one by one, in memory of a fixed size.

const std = @import("std");

pub const Object = struct {
    writer: *std.Io.Writer,
    members: usize = 0,

    /// The end of all objects that are open has room in what is left of the buffer.
    pub const end_bytes = 8;

    pub fn begin(writer: *std.Io.Writer) Object {
        writer.writeByte('{') catch {};
        return .{ .writer = writer };
    }

    /// A member is written whole, or left out for good when there is no room for it.
    pub fn text(object: *Object, name: []const u8, value: []const u8, most: usize) void {
        const before = object.writer.end;
        object.tryText(name, value, most) catch return object.back(before);
        object.keep(before);
    }

    /// Nothing for an empty one.
    pub fn someText(object: *Object, name: []const u8, value: []const u8, most: usize) void {
        if (value.len > 0) object.text(name, value, most);
    }

    /// A member that is written by the caller between this and `keep`; back to where it was when that fails.
    pub fn member(object: *Object, name: []const u8) std.Io.Writer.Error!void {
        if (object.members > 0) try object.writer.writeByte(',');
        try string(object.writer, name, name.len);
        try object.writer.writeByte(':');
    }

    pub fn keep(object: *Object, before: usize) void {
        if (object.writer.buffer.len - object.writer.end < end_bytes) return object.back(before);
        object.members += 1;
    }

    pub fn back(object: *Object, before: usize) void {
        object.writer.end = before;
    }

    pub fn end(object: *Object) void {
        object.writer.writeByte('}') catch {};
    }

    fn tryText(object: *Object, name: []const u8, value: []const u8, most: usize) std.Io.Writer.Error!void {
        try object.member(name);
        try string(object.writer, value, most);
    }
};

/// At most so many bytes of a text, as a string of JSON; U+FFFD for each byte that is no UTF-8.
pub fn string(writer: *std.Io.Writer, text: []const u8, most: usize) std.Io.Writer.Error!void {
    try writer.writeByte('"');
    var rest = text[0..@min(text.len, most)];
    while (rest.len > 0) {
        var run: usize = 0;
        while (run < rest.len and is_plain[rest[run]]) run += 1;
        try writer.writeAll(rest[0..run]);
        rest = rest[run..];
        if (rest.len == 0) break;
        const length = std.unicode.utf8ByteSequenceLength(rest[0]) catch 1;
        if (length > rest.len and text.len > most) break; // it was cut here
        const valid = length <= rest.len and std.unicode.utf8ValidateSlice(rest[0..length]);
        const one = rest[0..if (valid) length else 1];
        rest = rest[one.len..];
        if (!valid) {
            try writer.writeAll("\u{FFFD}");
        } else switch (one[0]) {
            '"', '\\' => try writer.writeAll(&.{ '\\', one[0] }),
            0...0x1f, 0x7f => try writer.print("\\u{x:0>4}", .{one[0]}),
            else => try writer.writeAll(one),
        }
    }
    if (text.len > most) try writer.writeAll("...");
    try writer.writeByte('"');
}

const is_plain = blk: {
    var table: [256]bool = @splat(false);
    for (&table, 0..) |*one, byte| one.* = byte >= ' ' and byte < 0x7f and byte != '"' and byte != '\\';
    break :blk table;
};

fn expectString(wanted: []const u8, text: []const u8, most: usize) !void {
    var buffer: [256]u8 = undefined;
    var writer: std.Io.Writer = .fixed(&buffer);
    try string(&writer, text, most);
    try std.testing.expectEqualStrings(wanted, writer.buffered());
}

test "strings" {
    try expectString("\"a\\\"b\\\\c\\u000a\\u007f\"", "a\"b\\c\n\x7f", 100);
    try expectString("\"\u{e9}\u{FFFD}\"", "\u{e9}\xff", 100);
    try expectString("\"\u{FFFD}\"", "\xc3", 100);
    try expectString("\"abc...\"", "abcdef", 3);
    try expectString("\"ab...\"", "ab\u{e9}d", 3);
}

test "an object is whole however small the room is" {
    for (2 + Object.end_bytes..60) |size| {
        var buffer: [60]u8 = undefined;
        var writer: std.Io.Writer = .fixed(buffer[0..size]);
        var object: Object = .begin(&writer);
        object.text("a", "some text", 100);
        object.text("b", "more text", 4);
        object.someText("c", "", 100);
        object.end();
        const found = writer.buffered();
        try std.testing.expect(try std.json.validate(std.testing.allocator, found));
    }
}
