//! The descriptor of a question to the rate limit service: its entries, as they go over the wire.

const std = @import("std");
const memory = @import("memory.zig");
const protobuf = @import("protobuf.zig");
const TextTable = @import("text_table.zig").TextTable;
const Allocator = std.mem.Allocator;

/// The entries of a descriptor, each serialized and each once.
pub const Descriptor = struct {
    entries: std.ArrayList([]const u8) = .empty,
    /// Those of `entries`, if there are more than a `few`.
    seen: TextTable(void) = .empty,

    /// So many are compared one by one: most descriptors have no more, and need no table.
    const few = 8;

    pub fn append(descriptor: *Descriptor, entry: []const u8) error{OutOfMemory}!void {
        if (try descriptor.has(entry)) return;
        try descriptor.entries.append(memory.scratch, entry);
        if (descriptor.seen.size > 0) try descriptor.seen.put(memory.scratch, entry, {});
    }

    fn has(descriptor: *Descriptor, entry: []const u8) error{OutOfMemory}!bool {
        if (descriptor.entries.items.len <= few) {
            for (descriptor.entries.items) |other| if (std.mem.eql(u8, other, entry)) return true;
            return false;
        }
        if (descriptor.seen.size == 0) for (descriptor.entries.items) |other| try descriptor.seen.put(memory.scratch, other, {});
        return descriptor.seen.contains(entry);
    }

    /// Without the entries from the one with this number on.
    pub fn cut(descriptor: *Descriptor, count: usize) void {
        for (descriptor.entries.items[count..]) |entry| _ = descriptor.seen.remove(entry);
        descriptor.entries.shrinkRetainingCapacity(count);
    }
};

pub fn serializeEntry(allocator: Allocator, key: []const u8, value: []const u8) error{OutOfMemory}![]const u8 {
    var entry: protobuf.Writer = .{ .allocator = allocator };
    try entry.string(1, key);
    try entry.string(2, value);
    return entry.bytes.items;
}

/// The value with U+FFFD for each byte that is no UTF-8. A message with such a byte is refused by the service as a whole, so that
/// a client could choose that the failure mode decides; values that become equal are counted together.
pub fn asText(allocator: Allocator, value: []const u8) error{OutOfMemory}![]const u8 {
    if (std.unicode.utf8ValidateSlice(value)) return value;
    var result: std.ArrayList(u8) = .empty;
    var rest = value;
    while (rest.len > 0) {
        const length = std.unicode.utf8ByteSequenceLength(rest[0]) catch 1;
        const valid = length <= rest.len and std.unicode.utf8ValidateSlice(rest[0..length]);
        try result.appendSlice(allocator, if (valid) rest[0..length] else "\u{FFFD}");
        rest = rest[if (valid) length else 1..];
    }
    return result.items;
}
