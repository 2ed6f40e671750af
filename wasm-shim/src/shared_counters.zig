//! Counters of limits that all workers of an Envoy count in, exactly: each change is made to the version that it was decided on, or
//! decided anew.
//!
//! They are a fixed number of shards in the host's shared data, which never gives memory back. Who sends many values makes counters
//! meet, and no more of them.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");
const shards = @import("counter_shard.zig");
const shared_data = @import("shared_data.zig");
const Counter = shards.Counter;
const Shard = shards.Shard;
const Wyhash = std.hash.Wyhash;

/// In front of the keys: another form of what they hold gets another number.
const prefix = "kuadrant.counters.1.";

/// Those of limits without values, and of those that have no room among the others.
const limit_shards = 4096;
const value_shards = 4096;

/// As often as another worker was faster. Each time one of them has counted, so nobody gets near.
const most_tries = 1000;

pub const Error = error{ OutOfMemory, Crowded };

/// Which counter a hit is for, and how long its window is.
pub const Place = struct {
    limit: u64,
    /// `null` for a limit that has one counter.
    value: ?u64,
    window: u64,
    /// How many counters of a shard its limit may have.
    share: usize = shards.most,
    /// Whether the shares of all limits may be more than there is room for.
    is_crowded: bool = false,

    fn key(place: Place, buffer: *[prefix.len + 3]u8) []const u8 {
        buffer[0..prefix.len].* = prefix.*;
        const number: u16 = if (place.value) |value| @truncate((value ^ place.limit *% 0x9e3779b97f4a7c15) % value_shards) else @truncate(place.limit % limit_shards);
        buffer[prefix.len] = if (place.value == null) 'l' else 'v';
        std.mem.writeInt(u16, buffer[prefix.len + 1 ..], number, .little);
        return buffer;
    }

    /// The last resort of its values.
    fn beside(place: Place) Place {
        return .{ .limit = place.limit, .value = null, .window = place.window };
    }
};

/// How a counter stands: its hits, and when it is over; without any where it has not begun.
pub const Standing = struct { hits: u64 = 0, ends: u64 = 0 };

/// What was counted, to be taken back.
pub const Counted = struct { place: Place, value: u64, ends: u64, hits: u64 };

pub const Added = union(enum) {
    counted: struct { standing: Standing, counted: Counted },
    full: Standing,
};

/// The hash of a text among all that have the same `seed`.
pub fn hash(seed: u64, texts: []const []const u8) u64 {
    var state: Wyhash = .init(seed);
    for (texts) |text| {
        state.update(std.mem.asBytes(&@as(u32, @intCast(text.len))));
        state.update(text);
    }
    // None of them is `shared`.
    return state.final() | 1;
}

var known_seed: ?u64 = null;

/// The same for all workers and all modules of an Envoy, and of no other: nobody can choose values that meet.
pub fn commonSeed() Error!u64 {
    if (known_seed) |one| return one;
    for (0..most_tries) |_| {
        const found = try shared_data.read(prefix ++ "seed");
        if (found.bytes.len == 8) {
            known_seed = std.mem.readInt(u64, found.bytes[0..8], .little);
            return known_seed.?;
        }
        const made = Wyhash.hash(host.nanoseconds(), prefix);
        _ = shared_data.write(prefix ++ "seed", std.mem.asBytes(&made), found.version);
    }
    return error.Crowded;
}

/// How the counter stands that a hit would be counted in.
pub fn look(place: Place, now: u64) Error!Standing {
    var buffer: [prefix.len + 3]u8 = undefined;
    const key = place.key(&buffer);
    const found = try shared_data.read(key);
    var shard = Shard.read(found.bytes, now);
    if (shard.find(place.limit, place.value orelse shards.shared) orelse shard.find(place.limit, shards.shared)) |counter| {
        if (bringForward(counter, place, now)) _ = shared_data.write(key, shard.written(), found.version);
        return .{ .hits = counter.hits, .ends = counter.ends };
    }
    if (place.value != null and (place.is_crowded or shard.count == shards.most)) return look(place.beside(), now);
    return .{};
}

/// Counts hits if there is room for them: with them there are `most` in the window.
pub fn add(place: Place, hits: u64, most: u64, now: u64) Error!Added {
    var buffer: [prefix.len + 3]u8 = undefined;
    const key = place.key(&buffer);
    for (0..most_tries) |_| {
        const found = try shared_data.read(key);
        var shard = Shard.read(found.bytes, now);
        const value = place.value orelse shards.shared;
        // While the counter beside lives, it has hits of values that have none of their own.
        const is_beside = place.value != null and place.is_crowded and shard.find(place.limit, value) == null and (try look(place.beside(), now)).hits > 0;
        const counter = (if (is_beside) null else shard.place(place.limit, value, place.share, now + place.window)) orelse {
            if (place.value == null) return error.Crowded;
            return add(place.beside(), hits, most, now);
        };
        const is_cut = bringForward(counter, place, now);
        if (counter.hits +| hits > most) {
            if (is_cut) _ = shared_data.write(key, shard.written(), found.version);
            return .{ .full = .{ .hits = counter.hits, .ends = counter.ends } };
        }
        counter.hits +|= hits;
        const after: Added = .{ .counted = .{
            .standing = .{ .hits = counter.hits, .ends = counter.ends },
            .counted = .{ .place = place, .value = counter.value, .ends = counter.ends, .hits = hits },
        } };
        if (shared_data.write(key, shard.written(), found.version)) return after;
    }
    return error.Crowded;
}

/// Takes back what was counted, if its window is not over. What cannot be taken back stays counted.
pub fn takeBack(counted: Counted, now: u64) void {
    var buffer: [prefix.len + 3]u8 = undefined;
    const key = counted.place.key(&buffer);
    for (0..most_tries) |_| {
        const found = shared_data.read(key) catch return;
        var shard = Shard.read(found.bytes, now);
        if (!shard.takeBack(counted.place.limit, counted.value, counted.ends, counted.hits)) return;
        if (shared_data.write(key, shard.written(), found.version)) return;
    }
}

/// A clock that was set back keeps nobody out for longer than a window. Whether the counter ends sooner than it did.
fn bringForward(counter: *Counter, place: Place, now: u64) bool {
    const latest = now + place.window;
    if (counter.ends <= latest) return false;
    counter.ends = latest;
    return true;
}
