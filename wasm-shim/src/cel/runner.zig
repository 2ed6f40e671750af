//! A module for tests: evaluates one program over one set of attributes, or many that are made at random.

const std = @import("std");
const evaluator = @import("evaluator.zig");
const program_ = @import("program.zig");
const sample = @import("sample.zig");
const value = @import("value.zig");
const Work = @import("work_budget.zig").Work;
const Spent = @import("work_budget.zig").Spent;

const pages = std.heap.wasm_allocator;
var arena: std.heap.ArenaAllocator = .init(pages);
var output: []const u8 = "";
var taken: [2]usize = .{ 0, 0 };

/// Room for what a test gives.
export fn room(length: usize) ?[*]u8 {
    _ = arena.reset(.{ .retain_with_limit = 1 << 20 });
    return (arena.allocator().alloc(u8, length) catch return null).ptr;
}

export fn result() [*]const u8 {
    return output.ptr;
}

export fn stepsTaken() usize {
    return taken[0];
}

export fn bytesTaken() usize {
    return taken[1];
}

/// The length of the result, or why there is none: -1 a program that cannot be read, -2 a newer one, -3 too much work, -4 no memory.
export fn run(bytes: [*]const u8, program_length: usize, length: usize, steps: usize, memory: usize) i32 {
    return attempt(bytes[0..length], program_length, steps, memory) catch |reason| switch (reason) {
        error.Malformed => -1,
        error.Newer => -2,
        error.TooMuch => -3,
        error.OutOfMemory => -4,
    };
}

/// Evaluates the same program so many times; how often it came to an end.
export fn repeat(bytes: [*]const u8, program_length: usize, length: usize, times: usize, steps: usize) i32 {
    const allocator = arena.allocator();
    const program = program_.Program.read(allocator, bytes[0..program_length]) catch return -1;
    var given: sample.Given = sample.Given.read(allocator, bytes[program_length..length]) catch return -1;
    var inner: std.heap.ArenaAllocator = .init(pages);
    defer inner.deinit();
    var ended: i32 = 0;
    for (0..times) |_| {
        _ = inner.reset(.retain_capacity);
        var work: Work = .{ .allocator = inner.allocator(), .steps = steps, .bytes = 1 << 20 };
        std.mem.doNotOptimizeAway(evaluator.evaluate(&program, given.attributes(), &work) catch continue);
        ended += 1;
    }
    return ended;
}

fn attempt(bytes: []const u8, program_length: usize, steps: usize, memory: usize) (program_.Error || Spent)!i32 {
    const allocator = arena.allocator();
    const program: program_.Program = try .read(allocator, bytes[0..program_length]);
    var given: sample.Given = try .read(allocator, bytes[program_length..]);
    var work: Work = .{ .allocator = allocator, .steps = steps, .bytes = memory };
    defer taken = .{ steps - work.steps, memory - work.bytes };
    const found = try evaluator.evaluate(&program, given.attributes(), &work);
    var written: std.ArrayList(u8) = .empty;
    try sample.write(allocator, &written, found);
    output = written.items;
    return @intCast(output.len);
}

/// So many programs of random bytes, and of random changes to the given ones; how many of them could be evaluated.
export fn fuzz(bytes: [*]const u8, length: usize, count: u32, seed: u64) i32 {
    return sample.fuzz(pages, bytes[0..length], count, seed) catch -1;
}
