//! Lists in the value of a header.

const std = @import("std");
const Allocator = std.mem.Allocator;

pub fn joined(allocator: Allocator, first: []const u8, second: []const u8) error{OutOfMemory}![]const u8 {
    const comma = if (first.len > 0 and second.len > 0) ", " else "";
    return std.mem.concat(allocator, u8, &.{ first, comma, second });
}

/// Where a text ends that begins with its quotation mark.
pub fn endOfText(text: []const u8) usize {
    var index: usize = 1;
    while (index < text.len) : (index += 1) switch (text[index]) {
        '\\' => index += 1,
        '"' => return index + 1,
        else => {},
    };
    return text.len;
}
