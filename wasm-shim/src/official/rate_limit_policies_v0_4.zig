//! The official shim's configuration of v0.4, `rateLimitPolicies`, with that version's meaning.
//!
//! All rules of the request's policy are tried, and each that holds adds a descriptor to one call. Of two policies for one host name
//! the later one counts. A value that is no UTF-8 fulfils no condition.

const std = @import("std");
const attribute = @import("../attribute.zig");
const descriptors = @import("../descriptor.zig");
const document = @import("../configuration_document.zig");
const host = @import("../proxy_wasm_host.zig");
const json = @import("../json_reader.zig");
const memory = @import("../memory.zig");
const metrics = @import("../metrics.zig");
const protobuf = @import("../protobuf.zig");
const rate_limit_call = @import("../rate_limit_call.zig");
const Comparison = @import("../condition.zig").Comparison;
const FailureMode = @import("../failure_mode.zig").FailureMode;
const Hosts = @import("hosts.zig").Hosts;
const Kept = @import("../kept_configuration.zig").Kept;
const Service = @import("../rate_limit_service.zig").Service;
const Allocator = std.mem.Allocator;

pub const Error = json.Error;
pub const headers_as_they_come = true;
pub const Configuration = Kept(struct { hosts: Hosts(*const Policy) = .{} });

const timeout_ms = 5000;

const Document = struct {
    failureMode: FailureMode,
    rateLimitPolicies: []const struct {
        name: []const u8,
        domain: []const u8,
        service: []const u8,
        hostnames: []const []const u8,
        rules: []const struct {
            conditions: []const struct {
                allOf: []const struct {
                    selector: []const u8,
                    operator: enum { eq, neq, startswith, endswith, matches },
                    value: []const u8,
                    pub const ignores_unknown_fields = true;
                },
                pub const ignores_unknown_fields = true;
            } = &.{},
            data: []const struct {
                static: ?struct {
                    key: []const u8,
                    value: []const u8,
                    pub const ignores_unknown_fields = true;
                } = null,
                selector: ?struct {
                    selector: []const u8,
                    key: ?[]const u8 = null,
                    default: ?[]const u8 = null,
                    pub const ignores_unknown_fields = true;
                } = null,
            },
            pub const ignores_unknown_fields = true;
        },
        pub const ignores_unknown_fields = true;
    },
    pub const ignores_unknown_fields = true;
};

const Policy = struct { domain: []const u8, service: *Service, rules: []const Rule };

const Rule = struct {
    conditions: []const []const Condition,
    data: []const Datum,

    fn holds(rule: Rule) error{OutOfMemory}!bool {
        if (rule.conditions.len == 0) return true;
        for (rule.conditions) |all| {
            for (all) |condition| {
                if (!try condition.holds()) break;
            } else return true;
        }
        return false;
    }

    /// Its serialized descriptor; `null` when one of its values is not there and has no default.
    fn descriptor(rule: Rule) error{OutOfMemory}!?[]const u8 {
        var entries: protobuf.Writer = .{ .allocator = memory.scratch };
        for (rule.data) |datum| switch (datum) {
            .serialized => |bytes| try entries.string(1, bytes),
            .attribute => |wanted| {
                const found = try host.property(wanted.path) orelse "";
                // What is empty is not there.
                const value = if (found.len > 0) found else wanted.default orelse return null;
                if (!std.unicode.utf8ValidateSlice(value)) return null;
                try entries.string(1, try descriptors.serializeEntry(memory.scratch, wanted.key, value));
            },
        };
        return entries.bytes.items;
    }
};

const Condition = struct {
    path: []const u8,
    comparison: Comparison,

    fn holds(condition: Condition) error{OutOfMemory}!bool {
        const value = try host.property(condition.path) orelse "";
        return std.unicode.utf8ValidateSlice(value) and condition.comparison.holds(value) catch false;
    }
};

const Datum = union(enum) {
    serialized: []const u8,
    attribute: struct { path: []const u8, key: []const u8, default: ?[]const u8 },
};

pub fn read(text: []const u8) Error!*Configuration {
    const parsed = try json.parse(Document, memory.scratch, text);
    const configuration = try Configuration.create();
    errdefer configuration.release();
    const allocator = configuration.arena.allocator();
    const root: json.Path = .{};
    const policies_path = root.field("rateLimitPolicies");
    for (parsed.rateLimitPolicies, 0..) |source, policy_index| {
        const policy_path = policies_path.item(policy_index);
        const rules_path = policy_path.field("rules");
        const service = try allocator.create(Service);
        const cluster = try allocator.dupe(u8, source.service);
        service.* = .{ .name = cluster, .target = cluster, .timeout_ms = timeout_ms, .failure_mode = parsed.failureMode };
        const rules = try allocator.alloc(Rule, source.rules.len);
        for (source.rules, rules, 0..) |one, *rule, rule_index| {
            const rule_path = rules_path.item(rule_index);
            const conditions_path = rule_path.field("conditions");
            const conditions = try allocator.alloc([]const Condition, one.conditions.len);
            for (one.conditions, conditions) |condition, *result| {
                const all = try allocator.alloc(Condition, condition.allOf.len);
                for (condition.allOf, all) |pattern, *compiled| compiled.* = .{
                    .path = try attributePath(allocator, pattern.selector, &conditions_path),
                    .comparison = .{
                        .attribute = 0,
                        .operator = switch (pattern.operator) {
                            inline else => |operator| @field(document.Operator, @tagName(operator)),
                        },
                        .value = try allocator.dupe(u8, pattern.value),
                        .glob = if (pattern.operator == .matches) try .compile(allocator, pattern.value) else .nothing,
                    },
                };
                result.* = all;
            }
            const data_path = rule_path.field("data");
            const data = try allocator.alloc(Datum, one.data.len);
            for (one.data, data, 0..) |item, *datum, data_index| {
                const place = data_path.item(data_index);
                if ((item.static == null) == (item.selector == null)) return json.refuse(&place, "needs exactly one of static and selector", .{});
                datum.* = if (item.static) |static|
                    .{ .serialized = try descriptors.serializeEntry(allocator, static.key, static.value) }
                else
                    .{ .attribute = .{
                        .path = try attributePath(allocator, item.selector.?.selector, &place),
                        .key = try allocator.dupe(u8, item.selector.?.key orelse item.selector.?.selector),
                        .default = if (item.selector.?.default) |default| try allocator.dupe(u8, default) else null,
                    } };
            }
            rule.* = .{ .conditions = conditions, .data = data };
        }
        const policy = try allocator.create(Policy);
        policy.* = .{ .domain = try allocator.dupe(u8, source.domain), .service = service, .rules = rules };
        for (source.hostnames) |hostname| {
            const entry = try configuration.content.hosts.entry(allocator, try allocator.dupe(u8, hostname));
            entry.content.* = policy;
        }
    }
    return configuration;
}

fn attributePath(allocator: Allocator, selector: []const u8, path: *const json.Path) Error![]const u8 {
    return attribute.parseSelector(allocator, selector) catch |reason| switch (reason) {
        error.OutOfMemory => error.OutOfMemory,
        error.Malformed => json.refuse(path, "{f} is no list of names with dots between them", .{host.quoted(selector)}),
    };
}

pub fn ask(configuration: *Configuration) rate_limit_call.Error!?[]const rate_limit_call.Call {
    const policy = try configuration.content.hosts.find() orelse return null;
    host.refreshLogLevel();
    metrics.count(.requests);
    var message: protobuf.Writer = .{ .allocator = memory.scratch };
    try message.string(1, policy.domain);
    var asks = false;
    for (policy.rules) |rule| {
        if (!try rule.holds()) continue;
        try message.string(2, try rule.descriptor() orelse continue);
        asks = true;
    }
    if (!asks) return &.{};
    try message.integer(3, 1);
    return try memory.scratch.dupe(rate_limit_call.Call, &.{.{ .service = policy.service, .message = message.bytes.items, .scope = policy.domain, .fallback = policy.service.failure_mode }});
}
