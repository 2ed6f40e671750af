//! What a root context keeps for its requests.

const std = @import("std");
const memory = @import("memory.zig");
const Expressions = @import("host_expression.zig").Expressions;

/// A configuration, held by its root context and by every stream that began under it; the last one to let go frees it.
pub fn Kept(comptime Content: type) type {
    return struct {
        arena: std.heap.ArenaAllocator,
        references: u32 = 1,
        expressions: Expressions = .{},
        content: Content = .{},

        const Self = @This();

        /// Without content; the caller holds its one reference.
        pub fn create() error{OutOfMemory}!*Self {
            const kept = try memory.lasting.create(Self);
            kept.* = .{ .arena = .init(memory.lasting) };
            return kept;
        }

        pub fn retain(kept: *Self) *Self {
            kept.references += 1;
            return kept;
        }

        pub fn release(kept: *Self) void {
            kept.references -= 1;
            if (kept.references > 0) return;
            kept.expressions.deleteAll();
            kept.arena.deinit();
            memory.lasting.destroy(kept);
        }

        /// The root context is gone and with it, at the host, its expressions. Their numbers mean nothing any more, or something else.
        pub fn forgetExpressions(kept: *Self) void {
            kept.expressions.by_text = .empty;
        }
    };
}
