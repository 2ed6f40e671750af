//! Hash tables of texts whose order nobody can choose: who writes routes could otherwise make all of them meet in one place.

const std = @import("std");

var seed: ?u64 = null;

/// To be called before the first table is made. What is set once stays: with another seed nothing would be found in the tables that are
/// there already.
pub fn setSeed(number: u64) void {
    if (seed == null) seed = number;
}

pub fn hash(text: []const u8) u64 {
    return std.hash.Wyhash.hash(seed orelse 0, text);
}

pub fn TextTable(comptime Value: type) type {
    return std.HashMapUnmanaged([]const u8, Value, struct {
        pub fn hash(_: @This(), text: []const u8) u64 {
            return @import("text_table.zig").hash(text);
        }

        pub fn eql(_: @This(), a: []const u8, b: []const u8) bool {
            return std.mem.eql(u8, a, b);
        }
    }, std.hash_map.default_max_load_percentage);
}
