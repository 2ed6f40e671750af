//! Where a text stands among the keys of entries: in a few steps, or, of texts that are made to meet in one place, in as many as are charged.

const std = @import("std");
const value = @import("value.zig");
const work_budget = @import("work_budget.zig");
const Spent = work_budget.Spent;
const Work = work_budget.Work;

pub const Places = struct {
    /// For each place of the table the number of an entry, and one more; 0 where there is none.
    table: []u32 = &.{},

    /// So many are compared one by one.
    const few = 8;

    /// The number of the entry with the key `text`. All entries before were added, and have texts for keys.
    pub fn find(places: *const Places, work: *Work, entries: []const value.Entry, text: []const u8) Spent!?usize {
        if (places.table.len == 0) {
            for (entries, 0..) |entry, number| if (try same(work, entry.key.string, text)) return number;
            return null;
        }
        var at = try hash(work, text);
        while (true) : (at +%= 1) {
            const number = places.table[at & (places.table.len - 1)];
            if (number == 0) return null;
            if (try same(work, entries[number - 1].key.string, text)) return number - 1;
        }
    }

    /// To be called after an entry was appended whose key was not there.
    pub fn added(places: *Places, work: *Work, entries: []const value.Entry) Spent!void {
        if (entries.len <= few) return;
        if (2 * entries.len <= places.table.len) return places.put(work, entries, entries.len - 1);
        places.table = try work.allocate(u32, std.math.ceilPowerOfTwo(usize, 4 * entries.len) catch return error.TooMuch);
        @memset(places.table, 0);
        for (0..entries.len) |number| try places.put(work, entries, number);
    }

    fn put(places: *const Places, work: *Work, entries: []const value.Entry, number: usize) Spent!void {
        var at = try hash(work, entries[number].key.string);
        while (places.table[at & (places.table.len - 1)] != 0) : (at +%= 1) try work.take(1);
        places.table[at & (places.table.len - 1)] = @intCast(number + 1);
    }

    fn same(work: *Work, one: []const u8, other: []const u8) Spent!bool {
        try work.take(1);
        if (one.len != other.len) return false;
        try work.over(one.len);
        return std.mem.eql(u8, one, other);
    }

    fn hash(work: *Work, text: []const u8) Spent!u32 {
        try work.through(text.len);
        var result: u32 = 0x811c9dc5;
        for (text) |byte| result = (result ^ byte) *% 0x01000193;
        return result ^ (result >> 15);
    }
};

test "few and many" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    var work: Work = .{ .allocator = arena.allocator(), .steps = 100_000, .bytes = 100_000 };
    var entries: work_budget.Growing(value.Entry) = .{};
    var places: Places = .{};
    var room: [100][1]u8 = undefined;
    for (&room, 0..) |*text, number| {
        text[0] = @intCast(number);
        try std.testing.expectEqual(null, try places.find(&work, entries.items, text));
        try entries.append(&work, .{ .key = .{ .string = text }, .value = .null_type });
        try places.added(&work, entries.items);
        for (0..number + 1) |before| try std.testing.expectEqual(before, try places.find(&work, entries.items, &room[before]));
    }
}
