//! Reads numbers and texts from bytes of which nothing is known.

const std = @import("std");
const Moment = @import("moment.zig").Moment;

pub const Reader = struct {
    bytes: []const u8,
    index: usize = 0,

    pub fn atEnd(reader: *const Reader) bool {
        return reader.index == reader.bytes.len;
    }

    pub fn byte(reader: *Reader) error{Malformed}!u8 {
        return (try reader.take(1))[0];
    }

    pub fn take(reader: *Reader, length: usize) error{Malformed}![]const u8 {
        if (length > reader.bytes.len - reader.index) return error.Malformed;
        defer reader.index += length;
        return reader.bytes[reader.index..][0..length];
    }

    /// Seven bits a byte, the lowest first; the highest bit of a byte says that more follow.
    pub fn integer(reader: *Reader, comptime Integer: type) error{Malformed}!Integer {
        var result: u64 = 0;
        var shift: u32 = 0;
        while (true) : (shift += 7) {
            const next = try reader.byte();
            if (shift == 63 and next > 1) return error.Malformed;
            result |= @as(u64, next & 0x7f) << @intCast(shift);
            if (next & 0x80 == 0) break;
        }
        return std.math.cast(Integer, result) orelse error.Malformed;
    }

    /// With its sign in the lowest bit.
    pub fn signed(reader: *Reader) error{Malformed}!i64 {
        const number = try reader.integer(u64);
        const half: i64 = @intCast(number >> 1);
        return if (number & 1 == 0) half else -half - 1;
    }

    /// Of things of which each has at least a byte.
    pub fn count(reader: *Reader) error{Malformed}!usize {
        const number = try reader.integer(usize);
        return if (number > reader.bytes.len - reader.index) error.Malformed else number;
    }

    pub fn text(reader: *Reader) error{Malformed}![]const u8 {
        return reader.take(try reader.integer(usize));
    }

    /// A text that is UTF-8.
    pub fn string(reader: *Reader) error{Malformed}![]const u8 {
        const result = try reader.text();
        return if (std.unicode.utf8ValidateSlice(result)) result else error.Malformed;
    }

    pub fn moment(reader: *Reader) error{Malformed}!Moment {
        const seconds = try reader.signed();
        const nanoseconds = try reader.integer(u32);
        const most = 315_576_000_000;
        if (nanoseconds >= std.time.ns_per_s or seconds > most or seconds < -most - 1) return error.Malformed;
        return .{ .seconds = seconds, .nanoseconds = nanoseconds };
    }
};

test "numbers" {
    var reader: Reader = .{ .bytes = "\x05\x80\x01\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02" };
    try std.testing.expectEqual(5, try reader.integer(u32));
    try std.testing.expectEqual(128, try reader.integer(u32));
    try std.testing.expectEqual(-2, try reader.signed());
    try std.testing.expectError(error.Malformed, reader.integer(u64));
}
