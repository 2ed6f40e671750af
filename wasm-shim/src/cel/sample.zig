//! What tests give to programs in the place of a request, and programs that nobody wrote.

const std = @import("std");
const evaluator = @import("evaluator.zig");
const program_ = @import("program.zig");
const value = @import("value.zig");
const Reader = @import("reader.zig").Reader;
const Work = @import("work_budget.zig").Work;
const Spent = @import("work_budget.zig").Spent;
const Allocator = std.mem.Allocator;
const Value = value.Value;

/// Attributes by kind, number and name, each with its value.
pub const Given = struct {
    const Item = struct { kind: u8, number: u32, name: []const u8, value: Value };

    items: []const Item,

    pub fn read(allocator: Allocator, bytes: []const u8) error{ OutOfMemory, Malformed }!Given {
        var reader: Reader = .{ .bytes = bytes };
        const items = try allocator.alloc(Item, try reader.count());
        for (items) |*item| item.* = .{
            .kind = try reader.byte(),
            .number = try reader.integer(u32),
            .name = try reader.text(),
            .value = try readValue(allocator, &reader, 0),
        };
        return .{ .items = items };
    }

    pub fn attributes(given: *Given) evaluator.Attributes {
        return .{ .context = given, .read = find };
    }

    fn find(context: *anyopaque, work: *Work, attribute: *const program_.Attribute) Spent!?*const Value {
        const given: *const Given = @ptrCast(@alignCast(context));
        try work.take(1);
        for (given.items) |*item| {
            if (item.kind == @backingInt(attribute.kind) and item.number == attribute.number and std.mem.eql(u8, item.name, attribute.name)) return &item.value;
        }
        return null;
    }
};

fn readValue(allocator: Allocator, reader: *Reader, depth: u32) error{ OutOfMemory, Malformed }!Value {
    const kind = std.enums.fromInt(value.Kind, try reader.byte()) orelse return error.Malformed;
    if (depth > 20) return error.Malformed;
    switch (kind) {
        .null_type => return .null_type,
        .bool => return .{ .bool = try reader.byte() != 0 },
        .int => return .{ .int = try reader.signed() },
        .uint => return .{ .uint = try reader.integer(u64) },
        .double => return .{ .double = @bitCast(std.mem.readInt(u64, (try reader.take(8))[0..8], .little)) },
        .string => return .{ .string = try reader.string() },
        .bytes => return .{ .bytes = try reader.text() },
        .duration => return .{ .duration = try reader.moment() },
        .timestamp => return .{ .timestamp = try reader.moment() },
        .list => {
            const items = try allocator.alloc(Value, try reader.count());
            for (items) |*item| item.* = try readValue(allocator, reader, depth + 1);
            return .{ .list = items };
        },
        .map => {
            const headers = try reader.byte() != 0;
            const entries = try allocator.alloc(value.Entry, try reader.count());
            for (entries) |*entry| {
                const key = try readValue(allocator, reader, depth + 1);
                if (!value.isKey(key)) return error.Malformed;
                entry.* = .{ .key = key, .value = try readValue(allocator, reader, depth + 1) };
            }
            const map = try allocator.create(value.Map);
            map.* = .{ .entries = entries, .headers = headers };
            return .{ .map = map };
        },
        .type, .optional, .failure => return error.Malformed,
    }
}

fn integer(allocator: Allocator, bytes: *std.ArrayList(u8), number: u64) error{OutOfMemory}!void {
    var rest = number;
    while (rest > 0x7f) : (rest >>= 7) try bytes.append(allocator, @as(u8, @truncate(rest)) | 0x80);
    try bytes.append(allocator, @intCast(rest));
}

fn signed(allocator: Allocator, bytes: *std.ArrayList(u8), number: i64) error{OutOfMemory}!void {
    const folded: u64 = if (number < 0) (@as(u64, @intCast(-(number + 1))) << 1) | 1 else @as(u64, @intCast(number)) << 1;
    try integer(allocator, bytes, folded);
}

/// A value as `readValue` reads it, and the three kinds that only results have.
pub fn write(allocator: Allocator, bytes: *std.ArrayList(u8), found: Value) error{OutOfMemory}!void {
    try bytes.append(allocator, @backingInt(found.kind()));
    switch (found) {
        .null_type => {},
        .bool => |truth| try bytes.append(allocator, @intFromBool(truth)),
        .int => |number| try signed(allocator, bytes, number),
        .uint => |number| try integer(allocator, bytes, number),
        .double => |number| try bytes.appendSlice(allocator, &std.mem.toBytes(number)),
        .string, .bytes => |text| {
            try integer(allocator, bytes, text.len);
            try bytes.appendSlice(allocator, text);
        },
        .duration, .timestamp => |one| {
            try signed(allocator, bytes, one.seconds);
            try integer(allocator, bytes, one.nanoseconds);
        },
        .list => |items| {
            try integer(allocator, bytes, items.len);
            for (items) |item| try write(allocator, bytes, item);
        },
        .map => |map| {
            try bytes.append(allocator, @intFromBool(map.headers));
            try integer(allocator, bytes, map.entries.len);
            for (map.entries) |entry| {
                try write(allocator, bytes, entry.key);
                try write(allocator, bytes, entry.value);
            }
        },
        .type => |kind| try bytes.append(allocator, @backingInt(kind)),
        .optional => |inner| {
            try bytes.append(allocator, @intFromBool(inner != null));
            if (inner) |one| try write(allocator, bytes, one.*);
        },
        .failure => |reason| try bytes.append(allocator, @backingInt(reason)),
    }
}

/// Evaluates programs with random changes of what is given: attributes, and behind them programs, each with its length.
pub fn fuzz(allocator: Allocator, bytes: []const u8, count: u32, seed: u64) !i32 {
    var lasting: std.heap.ArenaAllocator = .init(allocator);
    defer lasting.deinit();
    var reader: Reader = .{ .bytes = bytes };
    var given: Given = try .read(lasting.allocator(), try reader.text());
    const programs = try lasting.allocator().alloc([]const u8, try reader.count());
    for (programs) |*one| one.* = try reader.text();

    var random_state: std.Random.DefaultPrng = .init(seed);
    const random = random_state.random();
    var arena: std.heap.ArenaAllocator = .init(allocator);
    defer arena.deinit();
    var evaluated: i32 = 0;
    var buffer: [4096]u8 = undefined;
    for (0..count) |_| {
        _ = arena.reset(.{ .retain_with_limit = 1 << 20 });
        const changed = change(random, programs, &buffer);
        const program = program_.Program.read(arena.allocator(), changed) catch |reason| switch (reason) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Malformed, error.Newer => continue,
        };
        var work: Work = .{ .allocator = arena.allocator(), .steps = 2000, .bytes = 1 << 16 };
        _ = evaluator.evaluate(&program, given.attributes(), &work) catch |reason| switch (reason) {
            error.OutOfMemory => return error.OutOfMemory,
            error.TooMuch => {},
        };
        evaluated += 1;
    }
    return evaluated;
}

/// One of the programs with some bytes changed, taken out or put in, or with the end of another.
fn change(random: std.Random, programs: []const []const u8, buffer: *[4096]u8) []const u8 {
    const before = programs[random.uintLessThan(usize, programs.len)];
    var length: usize = @min(before.len, buffer.len / 2);
    @memcpy(buffer[0..length], before[0..length]);
    const changes = if (random.boolean()) 1 else random.uintLessThan(usize, 4) + 1;
    for (0..changes) |_| {
        const at = random.uintLessThan(usize, length + 1);
        switch (random.uintLessThan(u8, 12)) {
            0 => if (at < length) {
                buffer[at] = random.int(u8);
            },
            // Most are numbers of nodes and functions, or how far a node is away.
            1, 2, 3, 4 => if (at < length) {
                buffer[at] = random.uintLessThan(u8, 64);
            },
            5, 6, 7, 8 => if (at < length) {
                buffer[at] ^= @as(u8, 1) << @intCast(random.uintLessThan(u8, 4));
            },
            9 => if (at < length) {
                std.mem.copyForwards(u8, buffer[at .. length - 1], buffer[at + 1 .. length]);
                length -= 1;
            },
            10 => if (length < buffer.len - 1) {
                std.mem.copyBackwards(u8, buffer[at + 1 .. length + 1], buffer[at..length]);
                buffer[at] = random.uintLessThan(u8, 64);
                length += 1;
            },
            else => {
                const other = programs[random.uintLessThan(usize, programs.len)];
                const from = random.uintLessThan(usize, other.len + 1);
                const rest: usize = @min(other.len - from, buffer.len - at);
                @memcpy(buffer[at..][0..rest], other[from..][0..rest]);
                length = at + rest;
            },
        }
    }
    return buffer[0..length];
}
