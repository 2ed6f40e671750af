//! One limit of a policy: when it applies to a request, and what the rate limit service is to count for it.

const std = @import("std");
const descriptors = @import("descriptor.zig");
const expression = @import("host_expression.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Condition = @import("condition.zig").Condition;
const Descriptor = descriptors.Descriptor;
const Expression = expression.Expression;
const FailureMode = @import("failure_mode.zig").FailureMode;
const GatewayLimit = @import("gateway_limit.zig").GatewayLimit;
const Own = @import("own_expression.zig").Own;

const Error = expression.EvaluationError;

pub const Limit = struct {
    when: []const Condition,
    /// The first has the limit's own key.
    entries: []const Entry,
    /// The policies that it is of, and its conditions as they were written, where decision records are to say so.
    policies: []const []const u8 = &.{},
    conditions: []const []const u8 = &.{},
    /// It refuses nobody, so nobody is refused for what it cannot be evaluated for.
    in_shadow: bool = false,
    /// What becomes of requests where the service gives no answer; as the service's failure mode says, if it is not given.
    fallback: ?FailureMode = null,
    /// How many hits a request is; one without. It has a key that is made of the limit's.
    cost: ?Entry = null,
    /// Of a soft limit, which is `in_shadow`, too: the headers that a request gets which is over it.
    signal: []const host.Header = &.{},
    /// Of a limit that this gateway counts itself.
    here: ?*const GatewayLimit = null,

    /// What the service knows it by.
    pub fn key(limit: *const Limit) []const u8 {
        return if (limit.entries.len > 0) limit.entries[0].key else "";
    }

    /// Adds the limit's entries; false when it does not apply. Some entries may have been added then, too.
    pub fn append(limit: *const Limit, descriptor: *Descriptor, attributes: *Attributes) Error!bool {
        if (!try limit.holds(attributes)) return false;
        for (limit.entries, 0..) |entry, number| {
            errdefer failures.present.part = .{ .counter = .{ .number = number, .key = entry.key } };
            try descriptor.append(if (entry.value == .serialized) entry.value.serialized else try descriptors.serializeEntry(memory.scratch, entry.key, try entry.text(attributes) orelse return false));
        }
        const cost = limit.cost orelse return true;
        errdefer failures.present.part = .cost;
        const hits = try cost.text(attributes) orelse return false;
        // What costs nothing is not limited: nothing could be counted.
        if (std.mem.eql(u8, hits, "0")) return false;
        try descriptor.append(try descriptors.serializeEntry(memory.scratch, cost.key, hits));
        return true;
    }

    /// Whether all conditions hold. As with `&&` of CEL, one that does not wins over one that fails, in whatever order they are.
    fn holds(limit: *const Limit, attributes: *Attributes) Error!bool {
        var failed: ?usize = null;
        for (limit.when, 0..) |condition, number| {
            const one = condition.holds(attributes) catch |reason| {
                if (reason == error.Failed) {
                    failed = failed orelse number;
                    continue;
                }
                failures.present.part = .{ .condition = number };
                return reason;
            };
            if (!one) return false;
        }
        const number = failed orelse return true;
        failures.present.part = .{ .condition = number };
        return error.Failed;
    }
};

pub const Entry = struct {
    key: []const u8,
    value: union(enum) {
        serialized: []const u8,
        attribute: struct { number: u32, default: ?[]const u8 },
        expression: Expression,
        own: *Own,
    },

    /// Its value for the request; `null` when the request has none.
    fn text(entry: Entry, attributes: *Attributes) Error!?[]const u8 {
        return switch (entry.value) {
            .serialized => unreachable,
            .attribute => |attribute| try descriptors.asText(memory.scratch, try attributes.get(attribute.number) orelse attribute.default orelse return null),
            .expression => |one| try descriptors.asText(memory.scratch, try one.evaluate()),
            .own => |one| try one.asText(attributes),
        };
    }
};
