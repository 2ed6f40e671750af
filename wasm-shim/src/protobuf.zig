//! The wire format of protocol buffers, as far as the rate limit service's messages need it.

const std = @import("std");
const Allocator = std.mem.Allocator;

pub const Writer = struct {
    allocator: Allocator,
    bytes: std.ArrayList(u8) = .empty,

    pub fn integer(writer: *Writer, field: u32, value: u64) error{OutOfMemory}!void {
        try writer.varint(@as(u64, field) << 3);
        try writer.varint(value);
    }

    pub fn string(writer: *Writer, field: u32, value: []const u8) error{OutOfMemory}!void {
        try writer.varint(@as(u64, field) << 3 | 2);
        try writer.varint(value.len);
        try writer.bytes.appendSlice(writer.allocator, value);
    }

    fn varint(writer: *Writer, value: u64) error{OutOfMemory}!void {
        var rest = value;
        while (rest >= 0x80) : (rest >>= 7) try writer.bytes.append(writer.allocator, @as(u8, @truncate(rest)) | 0x80);
        try writer.bytes.append(writer.allocator, @truncate(rest));
    }
};

pub const Field = struct {
    number: u64,
    value: union(enum) { integer: u64, bytes: []const u8, fixed: u64 },
};

pub const Reader = struct {
    bytes: []const u8,

    /// The next field, or `null` at the end.
    pub fn next(reader: *Reader) error{Malformed}!?Field {
        if (reader.bytes.len == 0) return null;
        const tag = try reader.varint();
        const number = tag >> 3;
        if (number == 0 or number > std.math.maxInt(u29)) return error.Malformed;
        return switch (@as(u3, @truncate(tag))) {
            0 => .{ .number = number, .value = .{ .integer = try reader.varint() } },
            1 => .{ .number = number, .value = .{ .fixed = std.mem.readInt(u64, (try reader.take(8))[0..8], .little) } },
            2 => .{ .number = number, .value = .{ .bytes = try reader.take(try reader.varint()) } },
            5 => .{ .number = number, .value = .{ .fixed = std.mem.readInt(u32, (try reader.take(4))[0..4], .little) } },
            else => error.Malformed,
        };
    }

    fn take(reader: *Reader, length: u64) error{Malformed}![]const u8 {
        if (length > reader.bytes.len) return error.Malformed;
        const count: usize = @intCast(length);
        defer reader.bytes = reader.bytes[count..];
        return reader.bytes[0..count];
    }

    fn varint(reader: *Reader) error{Malformed}!u64 {
        var value: u64 = 0;
        for (0..10) |index| {
            if (index == reader.bytes.len) return error.Malformed;
            const byte = reader.bytes[index];
            // The tenth byte holds the last bit of 64.
            if (index == 9 and byte > 1) return error.Malformed;
            value |= @as(u64, byte & 0x7f) << @intCast(7 * index);
            if (byte & 0x80 == 0) {
                reader.bytes = reader.bytes[index + 1 ..];
                return value;
            }
        }
        return error.Malformed;
    }
};

test "what is written is read" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    var writer: Writer = .{ .allocator = arena.allocator() };
    try writer.string(1, "domain");
    try writer.integer(3, 300);
    try writer.integer(4, std.math.maxInt(u64));
    var reader: Reader = .{ .bytes = writer.bytes.items };
    try std.testing.expectEqualStrings("domain", (try reader.next()).?.value.bytes);
    try std.testing.expectEqual(300, (try reader.next()).?.value.integer);
    try std.testing.expectEqual(std.math.maxInt(u64), (try reader.next()).?.value.integer);
    try std.testing.expectEqual(null, try reader.next());
}

test "what is no message" {
    const malformed = [_][]const u8{
        "\x08", // a number that is cut
        "\x0a\x05abc", // a text that is cut
        "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", // one of 2**63 - 1 bytes
        "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", // a number of 65 bits
        "\x00\x00", // field 0
        "\x0b", // a group
        "\x0d\x01\x02\x03", // a fixed number that is cut
    };
    for (malformed) |bytes| {
        var reader: Reader = .{ .bytes = bytes };
        try std.testing.expectError(error.Malformed, reader.next());
    }
}
