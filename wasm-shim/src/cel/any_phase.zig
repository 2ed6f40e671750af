//! Nothing that evaluates here asks the host, so it can be done in any phase: in callbacks and over responses as over a request's headers. What
//! an attribute is then is the matter of who reads it.

const std = @import("std");
const evaluator = @import("evaluator.zig");
const program_ = @import("program.zig");
const value = @import("value.zig");
const Spent = @import("work_budget.zig").Spent;
const Work = @import("work_budget.zig").Work;

/// `request.method == 'GET' && source.port > 1`, as `kuadrant.expressions` compiles it.
const example = "\x01\x02\x00\x05\x00\x10\x10\x00\x06\x03GET\x23\x08\x02\x02\x01\x10\x01\x03\x02\x23\x0c\x02\x02\x01\x17\x04\x01";
const method = 5;

/// What is known in a phase: of a response what was kept of its request.
const Phase = struct {
    method: ?value.Value,
    port: ?value.Value,
    /// Another phase comes about while this one reads.
    meanwhile: ?*Phase = null,
    program: *const program_.Program,

    fn holds(phase: *Phase) !bool {
        var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
        defer arena.deinit();
        var work: Work = .{ .allocator = arena.allocator(), .steps = 100, .bytes = 1000 };
        return switch (try evaluator.condition(phase.program, .{ .context = phase, .read = read }, &work)) {
            .yes => true,
            .no => false,
            else => error.Failed,
        };
    }

    fn read(context: *anyopaque, _: *Work, attribute: *const program_.Attribute) Spent!?*const value.Value {
        const phase: *Phase = @ptrCast(@alignCast(context));
        if (phase.meanwhile) |other| {
            phase.meanwhile = null;
            if (other.holds() catch return error.TooMuch) return null;
        }
        const found = if (attribute.number == method) &phase.method else &phase.port;
        return if (found.*) |*there| there else null;
    }
};

test "one program in one phase after the other, and in one within another" {
    var arena: std.heap.ArenaAllocator = .init(std.testing.allocator);
    defer arena.deinit();
    const program: program_.Program = try .read(arena.allocator(), example);
    var request: Phase = .{ .method = .{ .string = "GET" }, .port = .{ .int = 4000 }, .program = &program };
    var response: Phase = .{ .method = .{ .string = "PUT" }, .port = null, .program = &program };
    var callback: Phase = .{ .method = .{ .string = "GET" }, .port = null, .program = &program };
    for (0..3) |_| {
        try std.testing.expect(try request.holds());
        try std.testing.expect(!try response.holds());
        try std.testing.expectError(error.Failed, callback.holds());
    }
    request.meanwhile = &response;
    try std.testing.expect(try request.holds());
}
