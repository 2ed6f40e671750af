//! The module's memory: what lives for one callback, and what lives longer.

const std = @import("std");
const Allocator = std.mem.Allocator;
const Alignment = std.mem.Alignment;

/// Larger requests are refused, as if memory had run out: the page allocator's own arithmetic overflows near 2 GiB.
const largest_allocation = 512 * 1024 * 1024;

/// For configurations and for streams that wait for an answer.
pub const lasting: Allocator = .{ .ptr = undefined, .vtable = &.{
    .alloc = allocateBounded,
    .resize = std.heap.WasmAllocator.vtable.resize,
    .remap = std.heap.WasmAllocator.vtable.remap,
    .free = std.heap.WasmAllocator.vtable.free,
} };

fn allocateBounded(context: *anyopaque, length: usize, alignment: Alignment, return_address: usize) ?[*]u8 {
    if (length > largest_allocation) return null;
    return std.heap.WasmAllocator.vtable.alloc(context, length, alignment, return_address);
}

var callback_arena: std.heap.ArenaAllocator = .init(lasting);

/// For everything that is forgotten when the callback returns, the host's results among it.
pub const scratch: Allocator = .{ .ptr = &callback_arena, .vtable = scratch_vtable };
const scratch_vtable = blk: {
    var arena: std.heap.ArenaAllocator = .init(undefined);
    break :blk arena.allocator().vtable;
};

/// What a busy callback may keep for the next one.
const retained_scratch = 64 * 1024;

var depth: u32 = 0;

/// Every export begins with this and ends with `leave`. A host may call back in while it is being called.
pub fn enter() void {
    depth += 1;
}

pub fn leave() void {
    depth -= 1;
    if (depth == 0) _ = callback_arena.reset(.{ .retain_with_limit = retained_scratch });
}

/// Set when the host asked for memory and there was none; its call then failed for that reason and no other.
pub var exhausted: bool = false;

/// The host calls this for the bytes of every result. They live until the callback returns.
pub fn allocateForHost(length: usize) ?[*]u8 {
    const bytes = scratch.alloc(u8, @max(length, 1)) catch {
        exhausted = true;
        return null;
    };
    return bytes.ptr;
}
