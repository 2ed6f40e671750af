//! What is asked of the rate limit service: messages `RateLimitRequest` of `envoy.service.ratelimit.v3`.

const std = @import("std");
const admission = @import("expression_admission.zig");
const decision_record = @import("decision_record.zig");
const expression = @import("host_expression.zig");
const failure_log = @import("failure_log.zig");
const failures = @import("failure.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const protobuf = @import("protobuf.zig");
const request_bounds = @import("request_bounds.zig");
const responses = @import("response.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Descriptor = @import("descriptor.zig").Descriptor;
const Limit = @import("limit.zig").Limit;
const Response = responses.Response;
const Service = @import("rate_limit_service.zig").Service;

pub const service_name = "envoy.service.ratelimit.v3.RateLimitService";
pub const method_name = "ShouldRateLimit";

/// `Failed` is for the failure mode; of the others the request cannot be looked at, and it is refused whatever the mode.
pub const Error = expression.EvaluationError;

/// A question, and whom it is for.
pub const Call = struct {
    service: *Service,
    /// Serialized.
    message: []const u8,
    /// The serialized pairs that go along.
    metadata: []const u8 = "",
    scope: []const u8,
    /// Those that may have been asked for.
    limits: []const Limit = &.{},
    /// The only one that was, if there is one.
    only: ?*const Limit = null,
    response: *const Response = &responses.as_the_service_says,

    pub fn onlyLimit(call: Call) []const u8 {
        return if (call.only) |limit| limit.key() else "";
    }

    /// The key of the limit that an answer names as the one that is reached. A service may name none, or by names of its own: it is
    /// the only one then, or unknown (empty).
    pub fn reached(call: Call, named: []const u8) []const u8 {
        if (named.len > 0) for (call.limits) |limit| if (std.mem.eql(u8, limit.key(), named)) return limit.key();
        return call.onlyLimit();
    }
};

/// One question: the limits of one scope.
pub const Action = struct {
    service: *Service,
    scope: []const u8,
    limits: []const Limit,
    response: *const Response = &responses.as_the_service_says,

    /// The question, in scratch memory, or `null` when no limit applies. For a service that allows, a limit that cannot be evaluated is
    /// left out.
    pub fn call(action: Action, attributes: *Attributes) Error!?Call {
        admission.begin(action.scope);
        defer admission.end();
        var descriptor: Descriptor = .{};
        var asked: usize = 0;
        var last: ?*const Limit = null;
        for (action.limits) |*limit| {
            const before = descriptor.entries.items.len;
            const applies = limit.append(&descriptor, attributes) catch |reason| blk: {
                failures.present.scope = action.scope;
                failures.present.limit = limit.key();
                decision_record.present.limit = limit;
                if (!action.service.failure_mode.leavesOut(reason)) return reason;
                metrics.count(.errors);
                failure_log.tell(.expression, .left_out);
                failures.present = .{};
                decision_record.present.limit = null;
                decision_record.present.passed = .{ .kind = .expression };
                break :blk false;
            };
            if (applies) {
                asked += 1;
                last = limit;
            } else descriptor.cut(before);
        }
        if (descriptor.entries.items.len == 0) return null;

        var entries: protobuf.Writer = .{ .allocator = memory.scratch };
        for (descriptor.entries.items) |entry| try entries.string(1, entry);
        if (action.response.form.entry.len > 0) try entries.string(1, action.response.form.entry);
        var message: protobuf.Writer = .{ .allocator = memory.scratch };
        try message.string(1, action.scope);
        try message.string(2, entries.bytes.items);
        try message.integer(3, 1); // hits_addend
        if (message.bytes.items.len > request_bounds.largest_question) {
            failures.present = .{ .scope = action.scope };
            return error.TooLarge;
        }
        return .{
            .service = action.service,
            .message = message.bytes.items,
            .scope = action.scope,
            .limits = action.limits,
            .only = if (asked == 1) last else null,
            .response = action.response,
        };
    }
};

/// The calls of all actions that have something to ask.
pub fn requests(actions: []const Action, attributes: *Attributes) Error![]const Call {
    var calls: std.ArrayList(Call) = .empty;
    for (actions) |action| {
        try calls.append(memory.scratch, try action.call(attributes) orelse continue);
    }
    return calls.items;
}
