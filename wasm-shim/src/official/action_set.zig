//! Action sets of the official shim: the first one of the request's host of which all predicates hold is carried out.
//!
//! The expressions run in the gateway's own evaluator, as the official shim's would (evaluator.zig); that knows more functions.

const std = @import("std");
const descriptors = @import("../descriptor.zig");
const evaluator = @import("evaluator.zig");
const failures = @import("../failure.zig");
const host = @import("../proxy_wasm_host.zig");
const json = @import("../json_reader.zig");
const memory = @import("../memory.zig");
const metrics = @import("../metrics.zig");
const rate_limit_call = @import("../rate_limit_call.zig");
const Attributes = @import("../attribute_table.zig").Attributes;
const Condition = @import("../condition.zig").Condition;
const Entry = @import("../limit.zig").Entry;
const Expression = @import("../host_expression.zig").Expression;
const FailureMode = @import("../failure_mode.zig").FailureMode;
const Hosts = @import("hosts.zig").Hosts;
const Kept = @import("../kept_configuration.zig").Kept;
const Limit = @import("../limit.zig").Limit;
const Service = @import("../rate_limit_service.zig").Service;
const Allocator = std.mem.Allocator;

const default_timeout = "20ms";

/// Where the data of a call is: in actions, of which consecutive ones for one service and scope are one call (v0.8, v0.9), or in
/// one action with conditions of their own (from v0.10 on; a field `data` means nothing then).
pub const Form = enum { merged, conditional };

pub fn Reader(comptime version: evaluator.Version) type {
    const form: Form = if (version == .v0_9) .merged else .conditional;
    return struct {
        pub const Error = json.Error;
        pub const Configuration = Kept(struct { hosts: Hosts(*List) = .{}, attributes: Attributes = .{} });

        pub fn read(text: []const u8) Error!*Configuration {
            const parsed = try json.parse(Document(form), memory.scratch, text);
            const configuration = try Configuration.create();
            errdefer configuration.release();
            var compiler: Compiler(form, version, Configuration) = .{ .allocator = configuration.arena.allocator(), .configuration = configuration };
            try compiler.compile(parsed);
            return configuration;
        }

        /// The calls that the request asks for; `null` when no set is its.
        pub fn ask(configuration: *Configuration) rate_limit_call.Error!?[]const rate_limit_call.Call {
            const sets = try configuration.content.hosts.find() orelse return null;
            host.refreshLogLevel();
            const set = for (sets.items) |set| {
                const holds = set.holds() catch |reason| {
                    host.log(.debug, "action set {f}: a predicate failed", .{host.quoted(set.name)});
                    // v0.12 lets such a request pass.
                    return if (version == .v0_12) null else reason;
                };
                if (holds) break set;
            } else return null;
            metrics.count(.requests);
            configuration.content.attributes.beginRequest();
            return try set.calls(&configuration.content.attributes);
        }
    };
}

const List = std.ArrayList(*const Set);

const Set = struct {
    name: []const u8,
    predicates: []const Expression,
    actions: []const rate_limit_call.Action,

    fn holds(set: *const Set) rate_limit_call.Error!bool {
        for (set.predicates) |predicate| if (!try predicate.holds()) return false;
        return true;
    }

    /// An action that cannot be evaluated follows the failure mode of its service as a whole.
    fn calls(set: *const Set, attributes: *Attributes) rate_limit_call.Error![]const rate_limit_call.Call {
        var result: std.ArrayList(rate_limit_call.Call) = .empty;
        for (set.actions) |action| {
            var strict = action.service.*;
            strict.failure_mode = .deny;
            const evaluated: rate_limit_call.Action = .{ .service = &strict, .scope = action.scope, .limits = action.limits };
            const call = evaluated.call(attributes) catch |reason| switch (action.service.failure_mode) {
                .deny => return reason,
                .allow => {
                    metrics.count(.errors);
                    failures.present = .{};
                    continue;
                },
            };
            var asked = call orelse continue;
            asked.service = action.service;
            asked.fallback = action.service.failure_mode;
            try result.append(memory.scratch, asked);
        }
        return result.items;
    }
};

const Datum = struct {
    static: ?Item = null,
    expression: ?Item = null,

    const Item = struct {
        key: []const u8,
        value: []const u8,
        pub const ignores_unknown_fields = true;
    };
};

const Conditional = struct {
    predicates: []const []const u8 = &.{},
    data: []const Datum = &.{},
    pub const ignores_unknown_fields = true;
};

const ServiceDocument = struct {
    type: enum { auth, ratelimit, @"ratelimit-check", @"ratelimit-report", tracing },
    endpoint: []const u8,
    failureMode: FailureMode,
    timeout: []const u8 = default_timeout,
    pub const ignores_unknown_fields = true;
};

fn Document(comptime form: Form) type {
    return struct {
        services: json.Map(ServiceDocument),
        actionSets: []const struct {
            name: []const u8,
            routeRuleConditions: struct {
                hostnames: []const []const u8,
                predicates: []const []const u8 = &.{},
                pub const ignores_unknown_fields = true;
            },
            actions: []const Action(form),
            pub const ignores_unknown_fields = true;
        },
        pub const ignores_unknown_fields = true;
    };
}

fn Action(comptime form: Form) type {
    return switch (form) {
        .merged => struct {
            service: []const u8,
            scope: []const u8,
            predicates: []const []const u8 = &.{},
            data: []const Datum = &.{},
            pub const ignores_unknown_fields = true;
        },
        .conditional => struct {
            service: []const u8,
            scope: []const u8,
            predicates: []const []const u8 = &.{},
            conditionalData: []const Conditional = &.{},
            pub const ignores_unknown_fields = true;
        },
    };
}

fn Compiler(comptime form: Form, comptime version: evaluator.Version, comptime Configuration: type) type {
    return struct {
        allocator: Allocator,
        configuration: *Configuration,
        services: std.StringHashMapUnmanaged(*Service) = .empty,

        const Self = @This();

        fn compile(compiler: *Self, source: Document(form)) json.Error!void {
            const root: json.Path = .{};
            const services_path = root.field("services");
            for (source.services.items) |item| {
                const path: json.Path = .{ .parent = &services_path, .part = .{ .name = item.name } };
                const timeout_path = path.field("timeout");
                const service = try compiler.allocator.create(Service);
                service.* = .{
                    .name = try compiler.allocator.dupe(u8, item.name),
                    .target = try compiler.allocator.dupe(u8, item.value.endpoint),
                    .timeout_ms = milliseconds(item.value.timeout) orelse return json.refuse(&timeout_path, "{f} is no duration", .{host.quoted(item.value.timeout)}),
                    .failure_mode = item.value.failureMode,
                };
                if (item.value.type == .ratelimit) try compiler.services.put(memory.scratch, service.name, service);
            }
            const sets_path = root.field("actionSets");
            for (source.actionSets, 0..) |one, index| {
                const path = sets_path.item(index);
                const conditions_path = path.field("routeRuleConditions");
                const predicates_path = conditions_path.field("predicates");
                const predicates = try compiler.allocator.alloc(Expression, one.routeRuleConditions.predicates.len);
                for (one.routeRuleConditions.predicates, predicates) |text, *predicate| predicate.* = try compiler.compileExpression(.predicate, try evaluator.predicate(memory.scratch, version, &.{text}), &predicates_path);
                const set = try compiler.allocator.create(Set);
                set.* = .{
                    .name = try compiler.allocator.dupe(u8, one.name),
                    .predicates = predicates,
                    .actions = try compiler.compileActions(one.actions, &path.field("actions")),
                };
                for (one.routeRuleConditions.hostnames) |hostname| {
                    const entry = try compiler.configuration.content.hosts.entry(compiler.allocator, try compiler.allocator.dupe(u8, hostname));
                    if (!entry.found_existing) {
                        entry.content.* = try compiler.allocator.create(List);
                        entry.content.*.* = .empty;
                    }
                    try entry.content.*.append(compiler.allocator, set);
                }
            }
        }

        fn compileActions(compiler: *Self, sources: []const Action(form), path: *const json.Path) json.Error![]const rate_limit_call.Action {
            var result: std.ArrayList(rate_limit_call.Action) = .empty;
            for (sources, 0..) |source, index| {
                const place = path.item(index);
                const service_path = place.field("service");
                const service = compiler.services.get(source.service) orelse return json.refuse(&service_path, "no such service {f}", .{host.quoted(source.service)});
                const limits = switch (form) {
                    .merged => try compiler.compileLimits(&.{}, &.{.{ .predicates = source.predicates, .data = source.data }}, &place),
                    .conditional => try compiler.compileLimits(source.predicates, source.conditionalData, &place),
                };
                if (form == .merged and result.items.len > 0) {
                    const last = &result.items[result.items.len - 1];
                    if (last.service == service and std.mem.eql(u8, last.scope, source.scope)) {
                        last.limits = try std.mem.concat(compiler.allocator, Limit, &.{ last.limits, limits });
                        continue;
                    }
                }
                try result.append(compiler.allocator, .{ .service = service, .scope = try compiler.allocator.dupe(u8, source.scope), .limits = limits });
            }
            return result.items;
        }

        fn compileLimits(compiler: *Self, shared: []const []const u8, sources: []const Conditional, path: *const json.Path) json.Error![]const Limit {
            const result = try compiler.allocator.alloc(Limit, sources.len);
            for (sources, result) |source, *limit| {
                const predicates = try std.mem.concat(memory.scratch, []const u8, &.{ shared, source.predicates });
                const when = try compiler.allocator.alloc(Condition, @min(predicates.len, 1));
                for (when) |*all| all.* = .{ .expression = try compiler.compileExpression(.predicate, try evaluator.predicate(memory.scratch, version, predicates), path) };
                const entries = try compiler.allocator.alloc(Entry, source.data.len);
                for (source.data, entries) |item, *entry| entry.* = try compiler.compileEntry(item, path);
                limit.* = .{ .when = when, .entries = entries };
            }
            return result;
        }

        fn compileEntry(compiler: *Self, item: Datum, path: *const json.Path) json.Error!Entry {
            if ((item.static == null) == (item.expression == null)) return json.refuse(path, "data needs exactly one of static and expression", .{});
            const given = item.static orelse item.expression.?;
            const key = try compiler.allocator.dupe(u8, given.key);
            if (item.static != null) return .{ .key = key, .value = .{ .serialized = try descriptors.serializeEntry(compiler.allocator, key, given.value) } };
            return .{ .key = key, .value = .{ .expression = try compiler.compileExpression(.value, try evaluator.counter(memory.scratch, version, given.value), path) } };
        }

        fn compileExpression(compiler: *Self, kind: enum { predicate, value }, text: []const u8, path: *const json.Path) json.Error!Expression {
            const expressions = &compiler.configuration.expressions;
            const result = switch (kind) {
                .predicate => expressions.predicate(compiler.allocator, text),
                .value => expressions.value(compiler.allocator, text),
            };
            return result catch |reason| switch (reason) {
                error.OutOfMemory => error.OutOfMemory,
                error.Unsupported, error.Invalid => json.refuse(path, "the gateway does not take the CEL expression {f}", .{host.quoted(text)}),
            };
        }
    };
}

/// A duration as Go writes it (`1m30s`, `1.5s`, `100ms`), in whole milliseconds; `null` if it is none.
fn milliseconds(text: []const u8) ?u32 {
    var total: f64 = 0;
    var rest = text;
    while (rest.len > 0) {
        const digits = std.mem.findNone(u8, rest, "0123456789.") orelse return null;
        const number = std.fmt.parseFloat(f64, rest[0..digits]) catch return null;
        rest = rest[digits..];
        const unit_length = std.mem.findAny(u8, rest, "0123456789.") orelse rest.len;
        const factor: f64 = units.get(rest[0..unit_length]) orelse return null;
        total += number * factor;
        rest = rest[unit_length..];
    }
    return if (text.len == 0 or total > std.math.maxInt(u32)) null else @intFromFloat(total);
}

const units: std.StaticStringMap(f64) = .initComptime(.{ .{ "h", 3_600_000 }, .{ "m", 60_000 }, .{ "s", 1000 }, .{ "ms", 1 }, .{ "us", 0.001 }, .{ "ns", 0.000001 } });
