//! How often the same thing is logged: once a minute, and of different things so many that the log has a bound.

const std = @import("std");
const hash = @import("text_table.zig").hash;

const interval = 60 * std.time.ns_per_s;

pub const Pace = struct {
    told: [most]Told = @splat(.{}),

    /// Things that are told of within a minute; of more, nothing is told until one of them is older.
    const most = 64;

    /// What was told of last, and when.
    const Told = struct { thing: u64 = 0, at: ?u64 = null };

    /// Whether to tell now of the thing that has these names and this number.
    pub fn may(pace: *Pace, names: []const []const u8, number: u64, now: u64) bool {
        var thing = number;
        for (names) |name| thing = thing *% 31 +% hash(name);
        var free: ?*Told = null;
        for (&pace.told) |*told| {
            const over = if (told.at) |at| now -| at >= interval else true;
            if (!over and told.thing == thing) return false;
            if (over and free == null) free = told;
        }
        const place = free orelse return false;
        place.* = .{ .thing = thing, .at = now };
        return true;
    }
};

test "the same is told once a minute" {
    var pace: Pace = .{};
    try std.testing.expect(pace.may(&.{ "a", "b" }, 0, 0));
    try std.testing.expect(pace.may(&.{ "a", "b" }, 1, 0));
    try std.testing.expect(pace.may(&.{ "b", "a" }, 0, 0));
    try std.testing.expect(!pace.may(&.{ "a", "b" }, 0, interval - 1));
    try std.testing.expect(pace.may(&.{ "a", "b" }, 0, interval));
}

test "however many things there are, they have so many lines a minute" {
    var pace: Pace = .{};
    var count: usize = 0;
    for (0..10_000) |number| count += @intFromBool(pace.may(&.{}, number, 1));
    try std.testing.expectEqual(Pace.most, count);
    try std.testing.expect(pace.may(&.{}, 20_000, interval + 1));
}
