//! What is asked of the rate limit service: messages `RateLimitRequest` of `envoy.service.ratelimit.v3`.

const std = @import("std");
const admission = @import("expression_admission.zig");
const descriptors = @import("descriptor.zig");
const decision_record = @import("decision_record.zig");
const expression = @import("host_expression.zig");
const failure_log = @import("failure_log.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const protobuf = @import("protobuf.zig");
const request_bounds = @import("request_bounds.zig");
const retry_after = @import("retry_after.zig");
const responses = @import("response.zig");
const soft_signal = @import("soft_signal.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Descriptor = descriptors.Descriptor;
const FailureMode = @import("failure_mode.zig").FailureMode;
const Limit = @import("limit.zig").Limit;
const Response = responses.Response;
const Service = @import("rate_limit_service.zig").Service;

pub const service_name = "envoy.service.ratelimit.v3.RateLimitService";
pub const method_name = "ShouldRateLimit";

/// The key of the descriptor's entry that names, with commas between, those of its limits that refuse nobody: without one of them the
/// service can answer all the same. One that does not know it takes it for an entry that no limit asks for.
pub const shadow_key = "kuadrant:shadow";

/// In front of a limit's key it is that of the entry that says how many hits a request is for it.
pub const hits_prefix = "kuadrant:hits:";

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
    /// It says what the request costs.
    by_cost: bool = false,
    /// No limit asks that may refuse: nobody is refused for it, whatever becomes of it.
    refuses_nobody: bool = false,
    /// Only limits in shadow ask: nothing of the answer is for the request, which does not wait for it.
    in_shadow: bool = false,
    asks_again: bool = false,
    /// What becomes of the request without an answer: it goes on only if all limits that ask let it.
    fallback: FailureMode,

    /// Whether the request goes on without an answer.
    pub fn canDoWithout(call: Call) bool {
        return call.refuses_nobody or call.fallback == .allow;
    }

    /// The message that asks the same without a decision, in scratch memory.
    pub fn looking(call: Call) error{OutOfMemory}![]const u8 {
        const message = try memory.scratch.dupe(u8, call.message);
        // The word is the end of the last entry, and hits_addend comes behind it.
        const end = message.len - hits_addend.len;
        @memcpy(message[end - retry_after.told.len .. end], retry_after.only);
        return message;
    }

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
    /// The entry that names its limits in shadow, by which a service may leave them out; empty without any.
    shadow_entry: []const u8 = "",
    /// The entry that asks when there is room; empty where no other question may be asked for the request.
    again_entry: []const u8 = "",

    /// Whether a request has to be refused that may or may not be one of its.
    pub fn denies(action: Action) bool {
        if (action.service.failure_mode == .allow) return false;
        return action.limits.len == 0 or action.refuses();
    }

    fn refuses(action: Action) bool {
        for (action.limits) |limit| if (!limit.in_shadow) return true;
        return false;
    }

    /// The question, in scratch memory, or `null` when no limit applies. For a service that allows, a limit that cannot be evaluated is
    /// left out; one in shadow is in any case.
    pub fn call(action: Action, attributes: *Attributes) Error!?Call {
        admission.begin(action.scope);
        defer admission.end();
        var asked: Asked = .{ .action = &action };
        for (action.limits) |*limit| if (!limit.in_shadow) try asked.add(limit, attributes);
        if (action.shadow_entry.len == 0) return asked.call();
        const enforced = asked;
        const entries = asked.descriptor.entries.items.len;
        // Behind the others, so that these are evaluated as they are without.
        for (action.limits) |*limit| if (limit.in_shadow) try asked.add(limit, attributes);
        asked.refuses_nobody = enforced.count == 0;
        asked.in_shadow = asked.refuses_nobody and !asked.is_soft;
        if (asked.count > enforced.count and !asked.in_shadow) try asked.descriptor.append(action.shadow_entry);
        if (asked.is_soft) try asked.descriptor.append(soft_signal.entry);
        return asked.call() catch {
            tellLeftOut(&action, if (asked.last) |limit| limit.key() else "", .too_large, .in_shadow);
            asked.descriptor.cut(entries);
            var rest = enforced;
            rest.descriptor = asked.descriptor;
            return rest.call();
        };
    }
};

/// One, as field 3.
const hits_addend = "\x18\x01";

/// Has those ask when there is room that may be asked for one request and refuse it, if there are several.
pub fn askAgain(allocator: std.mem.Allocator, actions: []Action) error{OutOfMemory}!void {
    var refusing: usize = 0;
    for (actions) |action| refusing += @intFromBool(action.refuses() and action.response.form.retry_after);
    if (refusing < 2) return;
    const entry = try descriptors.serializeEntry(allocator, retry_after.asked_by, retry_after.told);
    for (actions) |*action| if (action.refuses()) {
        action.again_entry = entry;
    };
}

/// What an action asks for a request: those of its limits that apply.
const Asked = struct {
    action: *const Action,
    descriptor: Descriptor = .{},
    count: usize = 0,
    last: ?*const Limit = null,
    refuses_nobody: bool = false,
    in_shadow: bool = false,
    is_soft: bool = false,
    by_cost: bool = false,
    denies: bool = false,

    fn add(asked: *Asked, limit: *const Limit, attributes: *Attributes) Error!void {
        const action = asked.action;
        const before = asked.descriptor.entries.items.len;
        const applies = limit.append(&asked.descriptor, attributes) catch |reason| blk: {
            failures.present.scope = action.scope;
            failures.present.limit = limit.key();
            decision_record.present.limit = limit;
            if (!limit.in_shadow and !action.service.failure_mode.leavesOut(reason)) return reason;
            const kind = failures.Kind.of(reason);
            tellLeftOut(action, limit.key(), kind, if (limit.in_shadow) .in_shadow else .left_out);
            decision_record.present.limit = null;
            decision_record.present.passed = .{ .kind = kind };
            break :blk false;
        };
        if (applies) {
            asked.count += 1;
            asked.last = limit;
            asked.by_cost = asked.by_cost or limit.cost != null;
            asked.denies = asked.denies or (!limit.in_shadow and (limit.fallback orelse action.service.failure_mode) == .deny);
            asked.is_soft = asked.is_soft or limit.signal.len > 0;
        } else asked.descriptor.cut(before);
    }

    fn call(asked: *const Asked) Error!?Call {
        const action = asked.action;
        if (asked.descriptor.entries.items.len == 0) return null;
        var entries: protobuf.Writer = .{ .allocator = memory.scratch };
        for (asked.descriptor.entries.items) |entry| try entries.string(1, entry);
        if (action.response.form.entry.len > 0 and !asked.refuses_nobody) try entries.string(1, action.response.form.entry);
        const asks_again = action.again_entry.len > 0 and !asked.refuses_nobody;
        if (asks_again) try entries.string(1, action.again_entry);
        var message: protobuf.Writer = .{ .allocator = memory.scratch };
        try message.string(1, action.scope);
        try message.string(2, entries.bytes.items);
        try message.bytes.appendSlice(memory.scratch, hits_addend);
        if (message.bytes.items.len > request_bounds.largest_question) {
            failures.present = .{ .scope = action.scope };
            return error.TooLarge;
        }
        return .{
            .service = action.service,
            .message = message.bytes.items,
            .scope = action.scope,
            .limits = action.limits,
            .only = if (asked.count == 1) asked.last else null,
            .response = action.response,
            .by_cost = asked.by_cost,
            .refuses_nobody = asked.refuses_nobody,
            .in_shadow = asked.in_shadow,
            .asks_again = asks_again,
            .fallback = if (asked.denies) .deny else .allow,
        };
    }
};

fn tellLeftOut(action: *const Action, limit: []const u8, kind: failures.Kind, outcome: failure_log.Outcome) void {
    metrics.count(.errors);
    failures.present.scope = action.scope;
    failures.present.limit = limit;
    failure_log.tell(kind, outcome);
    failures.present = .{};
}

/// The calls for a request that is to wait, with what goes along with them. All is in this memory.
pub fn keep(allocator: std.mem.Allocator, calls: []const Call, tracing: []const host.Header) error{OutOfMemory}![]const Call {
    const kept = try allocator.dupe(Call, calls);
    for (kept, 0..) |*call, index| {
        call.message = try allocator.dupe(u8, call.message);
        call.metadata = if (index > 0 and kept[index - 1].service == call.service)
            kept[index - 1].metadata
        else
            try host.serializePairs(allocator, try std.mem.concat(memory.scratch, host.Header, &.{ call.service.metadata, tracing }));
    }
    return kept;
}

/// The calls of all actions that have something to ask.
pub fn requests(actions: []const Action, attributes: *Attributes) Error![]const Call {
    var calls: std.ArrayList(Call) = .empty;
    for (actions) |action| {
        try calls.append(memory.scratch, try action.call(attributes) orelse continue);
    }
    return calls.items;
}
