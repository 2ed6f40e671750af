//! Texts as paths from a root: each is a way of segments, and looking for one costs a step for each segment that is known.

const std = @import("std");
const table = @import("text_table.zig");
const Allocator = std.mem.Allocator;

pub fn Tree(comptime Value: type) type {
    return struct {
        children: std.HashMapUnmanaged(Edge, u32, EdgeContext, std.hash_map.default_max_load_percentage) = .empty,
        values: std.ArrayList(?Value) = .empty,

        const Self = @This();
        pub const Node = u32;
        pub const root: Node = 0;
        const Edge = struct { parent: Node, segment: []const u8 };

        const EdgeContext = struct {
            pub fn hash(_: EdgeContext, edge: Edge) u64 {
                return std.hash.int(table.hash(edge.segment) +% edge.parent);
            }

            pub fn eql(_: EdgeContext, a: Edge, b: Edge) bool {
                return a.parent == b.parent and std.mem.eql(u8, a.segment, b.segment);
            }
        };

        /// The root's value, to be read and written. It is there from now on.
        pub fn atRoot(tree: *Self, allocator: Allocator) error{OutOfMemory}!*?Value {
            if (tree.values.items.len == 0) try tree.values.append(allocator, null);
            return tree.at(root);
        }

        pub fn at(tree: *const Self, node: Node) *?Value {
            return &tree.values.items[node];
        }

        /// The node behind `segment`, made if it is not there. The root has to be.
        pub fn extend(tree: *Self, allocator: Allocator, node: Node, segment: []const u8) error{OutOfMemory}!Node {
            const entry = try tree.children.getOrPut(allocator, .{ .parent = node, .segment = segment });
            if (!entry.found_existing) {
                entry.value_ptr.* = @intCast(tree.values.items.len);
                try tree.values.append(allocator, null);
            }
            return entry.value_ptr.*;
        }

        pub fn child(tree: *const Self, node: Node, segment: []const u8) ?Node {
            return tree.children.get(.{ .parent = node, .segment = segment });
        }

        pub fn isEmpty(tree: *const Self) bool {
            return tree.values.items.len == 0;
        }
    };
}

test "only ways that were made are found" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const allocator = arena.allocator();
    var tree: Tree(u8) = .{};
    try std.testing.expect(tree.isEmpty());
    (try tree.atRoot(allocator)).* = 0;
    const a = try tree.extend(allocator, Tree(u8).root, "a");
    const b = try tree.extend(allocator, a, "b");
    tree.at(b).* = 2;
    try std.testing.expectEqual(a, try tree.extend(allocator, Tree(u8).root, "a"));
    try std.testing.expectEqual(a, tree.child(Tree(u8).root, "a").?);
    try std.testing.expectEqual(null, tree.child(Tree(u8).root, "b"));
    try std.testing.expectEqual(null, tree.at(a).*);
    try std.testing.expectEqual(2, tree.at(tree.child(a, "b").?).*.?);
}
