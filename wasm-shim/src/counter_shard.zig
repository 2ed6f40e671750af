//! A few counters of limits, as the bytes that gateways keep of them: one part of a table of a fixed size.
//!
//! A counter is known by two hashes, of its limit and of its values. Its window begins with its first hit and has an end; what is over
//! is nothing. Each limit has its share of a shard: where that is used up, its new values have one more counter together, for as long
//! as that lives, so that they are limited together instead of not at all.

const std = @import("std");

/// So many counters are in one shard.
pub const most = 64;

pub const Counter = extern struct {
    limit: u64,
    value: u64,
    /// When it is over, in nanoseconds.
    ends: u64,
    hits: u64,

    fn is(counter: *const Counter, limit: u64, value: u64) bool {
        return counter.limit == limit and counter.value == value;
    }
};

/// The value of the counter that new values of a limit share. No hash of values is that one.
pub const shared: u64 = 0;

pub const Shard = struct {
    counters: [most]Counter = undefined,
    count: usize = 0,

    /// What of these bytes goes on to count. What is no shard is none: nobody else writes under our keys.
    pub fn read(bytes: []const u8, now: u64) Shard {
        var shard: Shard = .{};
        if (bytes.len % @sizeOf(Counter) != 0 or bytes.len > @sizeOf(@TypeOf(shard.counters))) return shard;
        for (0..bytes.len / @sizeOf(Counter)) |index| {
            const counter = std.mem.bytesToValue(Counter, bytes[index * @sizeOf(Counter) ..][0..@sizeOf(Counter)]);
            if (counter.ends <= now) continue;
            shard.counters[shard.count] = counter;
            shard.count += 1;
        }
        return shard;
    }

    pub fn written(shard: *const Shard) []const u8 {
        return std.mem.sliceAsBytes(shard.counters[0..shard.count]);
    }

    pub fn find(shard: *Shard, limit: u64, value: u64) ?*Counter {
        for (shard.counters[0..shard.count]) |*counter| if (counter.is(limit, value)) return counter;
        return null;
    }

    /// Where a hit for this value is counted: in its own counter, in the one that values share, or in a new one that ends then. `null`
    /// when there is no room in the whole shard.
    pub fn place(shard: *Shard, limit: u64, value: u64, share: usize, ends: u64) ?*Counter {
        if (shard.find(limit, value) orelse shard.find(limit, shared)) |counter| return counter;
        if (shard.count == most) return null;
        var own: usize = 0;
        for (shard.counters[0..shard.count]) |counter| own += @intFromBool(counter.limit == limit);
        const counter = &shard.counters[shard.count];
        counter.* = .{ .limit = limit, .value = if (own + 1 < share) value else shared, .ends = ends, .hits = 0 };
        shard.count += 1;
        return counter;
    }

    /// Takes hits back that were counted in a window with that end. One without hits is no counter any more.
    pub fn takeBack(shard: *Shard, limit: u64, value: u64, ends: u64, hits: u64) bool {
        const counter = shard.find(limit, value) orelse return false;
        if (counter.ends != ends) return false;
        counter.hits -|= hits;
        if (counter.hits == 0) shard.remove(counter);
        return true;
    }

    /// One without hits need not be kept.
    pub fn remove(shard: *Shard, counter: *Counter) void {
        shard.count -= 1;
        counter.* = shard.counters[shard.count];
    }
};

const testing = std.testing;

fn hit(shard: *Shard, limit: u64, value: u64, share: usize, ends: u64) ?u64 {
    const counter = shard.place(limit, value, share, ends) orelse return null;
    counter.hits += 1;
    return counter.hits;
}

test "what is written is read again, until it is over" {
    var shard: Shard = .{};
    try testing.expectEqual(1, hit(&shard, 1, 7, most, 100));
    try testing.expectEqual(2, hit(&shard, 1, 7, most, 140));
    try testing.expectEqual(1, hit(&shard, 1, 8, most, 150));
    try testing.expectEqual(1, hit(&shard, 2, 7, most, 160));
    var same = Shard.read(shard.written(), 99);
    try testing.expectEqual(3, same.count);
    // Its window began with its first hit.
    try testing.expectEqual(2, same.find(1, 7).?.hits);
    var later = Shard.read(shard.written(), 100);
    try testing.expectEqual(null, later.find(1, 7));
    try testing.expectEqual(1, later.find(1, 8).?.hits);
    try testing.expectEqual(1, hit(&later, 1, 7, most, 200));
}

test "new values share a counter where a limit has used up its share, and others have theirs" {
    var shard: Shard = .{};
    for (10..13) |value| try testing.expectEqual(1, hit(&shard, 1, value, 4, 100));
    // Three of their own, and one for all others.
    for (20..25, 1..) |value, hits| try testing.expectEqual(hits, hit(&shard, 1, value, 4, 100));
    try testing.expectEqual(2, hit(&shard, 1, 10, 4, 100));
    try testing.expectEqual(4, shard.count);
    try testing.expectEqual(1, hit(&shard, 2, 10, 4, 100));
    // While it lives, new values go on to be counted there, or one that was limited would begin with nothing.
    shard.remove(shard.find(1, 11).?);
    try testing.expectEqual(6, hit(&shard, 1, 30, 4, 100));
}

test "a full shard has no room" {
    var shard: Shard = .{};
    for (1..most + 1) |limit| try testing.expectEqual(1, hit(&shard, limit, 7, 2, 100));
    try testing.expectEqual(null, hit(&shard, 99, 7, 2, 100));
}

test "hits are taken back from the window that has them, and from no other" {
    var shard: Shard = .{};
    _ = hit(&shard, 1, 7, most, 100);
    _ = hit(&shard, 1, 7, most, 100);
    try testing.expect(!shard.takeBack(1, 7, 99, 1));
    try testing.expect(shard.takeBack(1, 7, 100, 1));
    try testing.expectEqual(1, shard.find(1, 7).?.hits);
    try testing.expect(shard.takeBack(1, 7, 100, 1));
    try testing.expectEqual(0, shard.count);
    try testing.expect(!shard.takeBack(1, 7, 100, 1));
}

test "bytes that are no shard" {
    try testing.expectEqual(0, Shard.read("abc", 0).count);
    const long: [(most + 1) * @sizeOf(Counter)]u8 = @splat(0xff);
    try testing.expectEqual(0, Shard.read(&long, 0).count);
}
