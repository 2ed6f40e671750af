//! Bounds the evaluation of an expression, in steps and in bytes of memory. One that has taken all of it ends, whatever else it says.
//!
//! A step is what takes 10 nanoseconds at most. What takes longer is more than one (benchmarks/expressions.py looks for what is not).

const std = @import("std");
const Allocator = std.mem.Allocator;

/// What one expression may take for one request: half a millisecond, so that a machine that is busy with others takes less than one; and the
/// memory that goes with it.
pub const most_steps = 50_000;
pub const most_bytes = 1024 * 1024;

pub const Spent = error{
    OutOfMemory,
    /// All steps or all bytes are taken.
    TooMuch,
};

pub const Work = struct {
    /// An arena's: nothing is given back one by one.
    allocator: Allocator,
    steps: usize,
    bytes: usize,

    pub fn take(work: *Work, steps: usize) Spent!void {
        if (steps > work.steps) return error.TooMuch;
        work.steps -= steps;
    }

    /// What was done for another is as much for this one.
    pub fn charge(work: *Work, steps: usize, bytes: usize) Spent!void {
        if (bytes > work.bytes) return error.TooMuch;
        work.bytes -= bytes;
        return work.take(steps);
    }

    /// So many bytes are compared or copied, several at once.
    pub fn over(work: *Work, length: usize) Spent!void {
        return work.take(length / 32);
    }

    /// So many bytes are looked at one by one.
    pub fn through(work: *Work, length: usize) Spent!void {
        return work.take(length / 8);
    }

    pub fn allocate(work: *Work, comptime Item: type, count: usize) Spent![]Item {
        const size = std.math.mul(usize, count, @sizeOf(Item)) catch return error.TooMuch;
        if (size == 0) return &.{};
        if (size > work.bytes) return error.TooMuch;
        work.bytes -= size;
        // What is made is written twice, the first time by the allocator.
        try work.take(3 + size / 16);
        return work.allocator.alloc(Item, count);
    }

    pub fn create(work: *Work, comptime Item: type, value: Item) Spent!*Item {
        const items = try work.allocate(Item, 1);
        items[0] = value;
        return &items[0];
    }
};

/// A list that grows, on the account of an evaluation.
pub fn Growing(comptime Item: type) type {
    return struct {
        items: []Item = &.{},
        capacity: usize = 0,

        pub fn append(growing: *@This(), work: *Work, item: Item) Spent!void {
            try work.take(1);
            const length = growing.items.len;
            if (length == growing.capacity) try growing.grow(work, @max(4, 2 * length));
            growing.items = growing.items.ptr[0 .. length + 1];
            growing.items[length] = item;
        }

        pub fn appendSlice(growing: *@This(), work: *Work, items: []const Item) Spent!void {
            const length = growing.items.len;
            if (items.len > growing.capacity - length) try growing.grow(work, @max(length + items.len, 2 * length));
            growing.items = growing.items.ptr[0 .. length + items.len];
            @memcpy(growing.items[length..], items);
            try work.take(1 + items.len * @sizeOf(Item) / 32);
        }

        fn grow(growing: *@This(), work: *Work, capacity: usize) Spent!void {
            const larger = try work.allocate(Item, capacity);
            @memcpy(larger[0..growing.items.len], growing.items);
            growing.items = larger[0..growing.items.len];
            growing.capacity = capacity;
        }
    };
}

test "what is taken is gone, and no more than all of it" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    var work: Work = .{ .allocator = arena.allocator(), .steps = 10, .bytes = 100 };
    try work.take(10);
    try std.testing.expectError(error.TooMuch, work.take(1));
    work.steps = 100;
    _ = try work.allocate(u64, 12);
    try std.testing.expectError(error.TooMuch, work.allocate(u64, 1));
    try std.testing.expectError(error.TooMuch, work.allocate(u64, std.math.maxInt(usize)));
}
