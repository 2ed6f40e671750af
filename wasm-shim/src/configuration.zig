//! A document made ready for requests: checked for sense, its expressions compiled, its rules in tables.

const std = @import("std");
const attribute = @import("attribute.zig");
const descriptors = @import("descriptor.zig");
const document = @import("configuration_document.zig");
const gateway_limit = @import("gateway_limit.zig");
const host = @import("proxy_wasm_host.zig");
const hostname = @import("hostname.zig");
const identity = @import("identity.zig");
const identity_source = @import("identity_source.zig");
const json = @import("json_reader.zig");
const live_explanation = @import("live_explanation.zig");
const memory = @import("memory.zig");
const program = @import("cel/program.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const rate_limit_service = @import("rate_limit_service.zig");
const responses = @import("response.zig");
const routing = @import("routing.zig");
const soft_signal = @import("soft_signal.zig");
const values = @import("request_values.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Condition = @import("condition.zig").Condition;
const Entry = @import("limit.zig").Entry;
const Expression = @import("host_expression.zig").Expression;
const Limit = @import("limit.zig").Limit;
const Own = @import("own_expression.zig").Own;
const Response = responses.Response;
const Allocator = std.mem.Allocator;
const Kept = @import("kept_configuration.zig").Kept;
const TextTable = @import("text_table.zig").TextTable;
const Path = json.Path;
const refuse = json.refuse;

pub const Error = json.Error;

pub const Configuration = Kept(struct {
    hosts: routing.HostTable = .{},
    attributes: Attributes = .{},
    headers: values.Headers = .{},
    parameters: values.Parameters = .{},
    has_decision_records: bool = false,
    /// In DER, of those who may ask what is decided for their request; empty for nobody.
    explain_key: []const u8 = "",
});

/// The configuration in `text`; the caller holds its one reference. Refused, a log line has said why and nothing is left.
pub fn read(text: []const u8) Error!*Configuration {
    const parsed = try document.parse(memory.scratch, text);
    const configuration = try Configuration.create();
    errdefer configuration.release();
    var compiler: Compiler = .{ .allocator = configuration.arena.allocator(), .configuration = configuration };
    try compiler.compile(parsed);
    return configuration;
}

const Compiler = struct {
    allocator: Allocator,
    configuration: *Configuration,
    services: TextTable(*rate_limit_service.Service) = .empty,
    programs: TextTable(*Own) = .empty,
    /// The limits with values that are counted here.
    counted_here: std.array_hash_map.Auto(u64, void) = .empty,
    /// That of the limit which is being compiled.
    identified: ?u32 = null,

    fn compile(compiler: *Compiler, source: document.Document) Error!void {
        const root: Path = .{};
        compiler.configuration.content.has_decision_records = source.decisionRecords;
        const explain_key = root.field("explainKey");
        if (source.explainKey.len > 0) compiler.configuration.content.explain_key =
            try live_explanation.readKey(compiler.allocator, source.explainKey) orelse return refuse(&explain_key, "is no base64", .{});
        const services = root.field("services");
        for (source.services.items) |item| {
            const path: Path = .{ .parent = &services, .part = .{ .name = item.name } };
            const service = try rate_limit_service.compile(compiler.allocator, item.name, item.value, &path);
            try compiler.services.put(memory.scratch, service.name, service);
        }
        const hosts = root.field("hosts");
        for (source.hosts, 0..) |item, index| {
            const path = hosts.item(index);
            try compiler.addHost(item, &path);
        }
        var services_made = compiler.services.valueIterator();
        while (services_made.next()) |service| service.*.divide(compiler.counted_here.count());
    }

    fn copy(compiler: *Compiler, text: []const u8) error{OutOfMemory}![]const u8 {
        return compiler.allocator.dupe(u8, text);
    }

    fn copyAll(compiler: *Compiler, texts: []const []const u8) error{OutOfMemory}![]const []const u8 {
        const copies = try compiler.allocator.alloc([]const u8, texts.len);
        for (texts, copies) |text, *copied| copied.* = try compiler.copy(text);
        return copies;
    }

    fn notEmpty(text: []const u8, path: *const Path) Error![]const u8 {
        return if (text.len > 0) text else refuse(path, "must not be empty", .{});
    }

    fn addHost(compiler: *Compiler, source: document.Host, path: *const Path) Error!void {
        const place = path.field("hostname");
        try hostname.check(source.hostname, &place);
        const rules = try compiler.allocator.alloc(routing.Rule, source.rules.len);
        const result = try compiler.allocator.create(routing.Host);
        result.* = .{ .rules = rules };
        if (!try compiler.configuration.content.hosts.add(compiler.allocator, try compiler.copy(source.hostname), result)) {
            return refuse(&place, "{f} has its rules already", .{host.quoted(source.hostname)});
        }
        const rules_path = path.field("rules");
        for (source.rules, rules, 0..) |one, *compiled, index| {
            const rule_path = rules_path.item(index);
            compiled.* = try compiler.compileRule(one, &rule_path);
            try compiler.addToTables(result, one, @intCast(index), &rule_path);
        }
        try result.finish(compiler.allocator);
    }

    fn addToTables(compiler: *Compiler, result: *routing.Host, source: document.Rule, number: u32, path: *const Path) Error!void {
        const match = source.path orelse return result.others.append(compiler.allocator, number);
        if (match.type == .regex) return result.others.append(compiler.allocator, number);
        const path_place = path.field("path");
        const place = path_place.field("value");
        if (match.value.len == 0 or match.value[0] != '/') return refuse(&place, "must begin with /", .{});
        if (std.mem.findAny(u8, match.value, "?#") != null) return refuse(&place, "must not have a query or a fragment", .{});
        const value = try compiler.copy(match.value);
        if (match.type == .prefix) return result.prefixes.add(compiler.allocator, value, number);
        const entry = try result.exact.getOrPutValue(compiler.allocator, value, .empty);
        try entry.value_ptr.append(compiler.allocator, number);
    }

    fn compileRule(compiler: *Compiler, source: document.Rule, path: *const Path) Error!routing.Rule {
        const path_place = path.field("path");
        const regex: ?Expression = if (source.path) |match| switch (match.type) {
            .exact, .prefix => null,
            .regex => try compiler.compileExpression(.path, match.value, &path_place.field("value")),
        } else null;
        const method_path = path.field("method");
        const headers_path = path.field("headers");
        const headers = try compiler.allocator.alloc(routing.HeaderMatch, source.headers.len);
        for (source.headers, headers, 0..) |match, *compiled, index| {
            const place = headers_path.item(index);
            compiled.* = try compiler.compileHeader(match, &place);
        }
        const query_path = path.field("query");
        const query = try compiler.allocator.alloc(routing.QueryMatch, source.query.len);
        for (source.query, query, 0..) |match, *compiled, index| {
            const place = query_path.item(index);
            const name_path = place.field("name");
            compiled.* = .{
                .number = try compiler.configuration.content.parameters.number(compiler.allocator, try compiler.copy(try notEmpty(match.name, &name_path))),
                .value = try compiler.compileWanted(match, &place),
            };
        }
        const response_path = path.field("response");
        compiler.identified = null;
        const response = try responses.compile(compiler, source.response, &response_path);
        const actions_path = path.field("actions");
        const actions = try compiler.allocator.alloc(rate_limit_call.Action, source.actions.len);
        for (source.actions, actions, 0..) |one, *compiled, index| {
            const place = actions_path.item(index);
            compiled.* = try compiler.compileAction(one, response, &place);
        }
        try rate_limit_call.askAgain(compiler.allocator, actions);
        return .{
            .name = try compiler.copy(source.name),
            .route = try compiler.copy(source.route),
            .path = regex,
            .method = if (source.method) |text| try compiler.copy(try notEmpty(text, &method_path)) else null,
            .headers = headers,
            .query = query,
            .actions = actions,
            .counts_preflights = source.response.preflights == .Count,
            .signals = try soft_signal.ofActions(compiler.allocator, actions),
        };
    }

    fn compileHeader(compiler: *Compiler, source: document.ValueMatch, path: *const Path) Error!routing.HeaderMatch {
        const name_path = path.field("name");
        for (try notEmpty(source.name, &name_path)) |byte| switch (byte) {
            'A'...'Z' => return refuse(&name_path, "{f} must be in lower case", .{host.quoted(source.name)}),
            0...' ', 0x7f...0xff => return refuse(&name_path, "{f} is no header name", .{host.quoted(source.name)}),
            else => {},
        };
        const attribute_path = try std.mem.concat(compiler.allocator, u8, &.{ attribute.header_prefix, source.name });
        // Envoy's header map has both under one name.
        const name = if (std.mem.eql(u8, source.name, "host")) ":authority" else attribute_path[attribute.header_prefix.len..];
        return .{
            .attribute = try compiler.configuration.content.attributes.number(compiler.allocator, attribute_path),
            .number = try compiler.configuration.content.headers.number(compiler.allocator, name),
            .value = try compiler.compileWanted(source, path),
        };
    }

    fn compileWanted(compiler: *Compiler, source: document.ValueMatch, path: *const Path) Error!routing.Wanted {
        const place = path.field("value");
        return switch (source.type) {
            .exact => .{ .exact = try compiler.copy(source.value) },
            .regex => .{ .regex = try compiler.compileExpression(.text, source.value, &place) },
        };
    }

    fn compileAction(compiler: *Compiler, source: document.Action, response: *const Response, path: *const Path) Error!rate_limit_call.Action {
        const service_path = path.field("service");
        const scope_path = path.field("scope");
        const limits_path = path.field("limits");
        const limits = try compiler.allocator.alloc(Limit, source.limits.len);
        const service = compiler.services.get(source.service) orelse return refuse(&service_path, "no such service {f}", .{host.quoted(source.service)});
        for (source.limits, limits, 0..) |one, *compiled, index| {
            const place = limits_path.item(index);
            compiled.* = try compiler.compileLimit(one, &place);
            try gateway_limit.complete(compiler, compiled, one, source.scope, service.is_here, &place);
        }
        return .{
            .service = service,
            .scope = try compiler.copy(try notEmpty(source.scope, &scope_path)),
            .limits = limits,
            .response = response,
            .shadow_entry = try compiler.shadowEntry(limits),
        };
    }

    fn shadowEntry(compiler: *Compiler, limits: []const Limit) Error![]const u8 {
        var keys: std.ArrayList([]const u8) = .empty;
        for (limits) |*limit| if (limit.in_shadow) try keys.append(memory.scratch, limit.key());
        if (keys.items.len == 0) return "";
        return descriptors.serializeEntry(compiler.allocator, rate_limit_call.shadow_key, try std.mem.join(memory.scratch, ",", keys.items));
    }

    fn compileLimit(compiler: *Compiler, source: document.Limit, path: *const Path) Error!Limit {
        compiler.identified = if (source.identity) |one| try identity_source.compile(compiler.allocator, &compiler.configuration.content.attributes, one, &path.field("identity")) else null;
        const when_path = path.field("when");
        const when = try compiler.allocator.alloc(Condition, source.when.len);
        for (source.when, when, 0..) |one, *compiled, index| {
            const place = when_path.item(index);
            compiled.* = try compiler.compileCondition(one, &place);
        }
        const entries_path = path.field("entries");
        if (source.entries.len == 0) return refuse(&entries_path, "needs at least one", .{});
        const entries = try compiler.allocator.alloc(Entry, source.entries.len);
        for (source.entries, entries, 0..) |one, *compiled, index| {
            const place = entries_path.item(index);
            compiled.* = try compiler.compileEntry(one, &place);
        }
        return .{
            .cost = if (source.cost) |cost| try compiler.compileEntry(.{ .key = try std.mem.concat(memory.scratch, u8, &.{ rate_limit_call.hits_prefix, source.entries[0].key }), .expression = cost.expression, .program = cost.program }, &path.field("cost")) else null,
            .when = when,
            .entries = entries,
            .policies = try compiler.copyAll(source.record.policies),
            .conditions = try compiler.copyAll(source.record.when),
            .in_shadow = source.shadow or source.signal.len > 0,
            .fallback = source.fallback,
            .signal = try soft_signal.compile(compiler.allocator, source.signal, &path.field("signal")),
        };
    }

    fn compileCondition(compiler: *Compiler, source: document.Condition, path: *const Path) Error!Condition {
        const given = @as(u8, @intFromBool(source.selector != null)) + @intFromBool(source.expression != null) + @intFromBool(source.program != null);
        if (given != 1) return refuse(path, "needs exactly one of selector, expression and program", .{});
        if (source.program) |text| {
            if (source.operator != null or source.value != null) return refuse(path, "a program has no operator and no value", .{});
            return .{ .own = try compiler.readProgram(text, &path.field("program")) };
        }
        if (source.expression) |text| {
            if (source.operator != null or source.value != null) return refuse(path, "an expression has no operator and no value", .{});
            return .{ .expression = try compiler.compileExpression(.predicate, text, &path.field("expression")) };
        }
        const operator = source.operator orelse return refuse(path, "operator is missing", .{});
        const value = try compiler.copy(source.value orelse return refuse(path, "value is missing", .{}));
        return .{ .comparison = .{
            .attribute = try compiler.compileSelector(source.selector.?, path),
            .operator = operator,
            .value = value,
            .glob = if (operator == .matches) try .compile(compiler.allocator, value) else .nothing,
        } };
    }

    fn compileEntry(compiler: *Compiler, source: document.Entry, path: *const Path) Error!Entry {
        const key_path = path.field("key");
        const key = try compiler.copy(try notEmpty(source.key, &key_path));
        const given = @as(u8, @intFromBool(source.value != null)) + @intFromBool(source.selector != null) + @intFromBool(source.expression != null) + @intFromBool(source.program != null);
        if (given != 1) return refuse(path, "needs exactly one of value, selector, expression and program", .{});
        if (source.default != null and source.selector == null) return refuse(path, "default is for a selector", .{});
        if (source.value) |value| return .{ .key = key, .value = .{ .serialized = try descriptors.serializeEntry(compiler.allocator, key, value) } };
        if (source.expression) |text| return .{ .key = key, .value = .{ .expression = try compiler.compileExpression(.value, text, &path.field("expression")) } };
        if (source.program) |text| {
            return .{ .key = key, .value = .{ .own = try compiler.readProgram(text, &path.field("program")) } };
        }
        return .{ .key = key, .value = .{ .attribute = .{
            .number = try compiler.compileSelector(source.selector.?, path),
            .default = if (source.default) |text| try compiler.copy(text) else null,
        } } };
    }

    pub fn compileSelector(compiler: *Compiler, text: []const u8, path: *const Path) Error!u32 {
        const attribute_path = attribute.parseSelector(compiler.allocator, text) catch |reason| switch (reason) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Malformed => {
                const place = path.field("selector");
                return refuse(&place, "{f} is no list of names with dots between them", .{host.quoted(text)});
            },
        };
        const attributes = &compiler.configuration.content.attributes;
        if (compiler.identified) |number| if (std.mem.startsWith(u8, attribute_path, identity.path ++ "\x00")) {
            return attributes.claim(compiler.allocator, .{ .identity = number, .names = attribute_path[identity.path.len + 1 ..] });
        };
        return attributes.number(compiler.allocator, attribute_path);
    }

    pub fn readProgram(compiler: *Compiler, text: []const u8, path: *const Path) Error!*Own {
        // The same text may be about another identity.
        const key = if (compiler.identified) |number| try std.fmt.allocPrint(memory.scratch, "{d} {s}", .{ number, text }) else text;
        const entry = try compiler.programs.getOrPut(memory.scratch, key);
        if (entry.found_existing) return entry.value_ptr.*;
        const own = try compiler.allocator.create(Own);
        own.* = Own.read(compiler.allocator, &compiler.configuration.content.attributes, text, compiler.identified) catch |reason| switch (reason) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Newer => return refuse(path, "is for a newer module, this one reads programs of version {d}", .{program.version}),
            error.Malformed => return refuse(path, "is no program", .{}),
            error.NoIdentity => return refuse(path, "asks for an identity, which its limit has none of", .{}),
        };
        entry.value_ptr.* = own;
        return own;
    }

    fn compileExpression(compiler: *Compiler, kind: enum { predicate, value, path, text }, text: []const u8, path: *const Path) Error!Expression {
        const expressions = &compiler.configuration.expressions;
        const allocator = compiler.allocator;
        const result = switch (kind) {
            .predicate => expressions.predicate(allocator, text),
            .value => expressions.value(allocator, text),
            .path => expressions.pathMatches(allocator, text),
            .text => expressions.textMatches(allocator, text),
        };
        return result catch |reason| switch (reason) {
            error.OutOfMemory => error.OutOfMemory,
            error.Unsupported => refuse(path, "this gateway evaluates no CEL, which {f} needs", .{host.quoted(text)}),
            error.Invalid => switch (kind) {
                .predicate, .value => refuse(path, "the gateway does not take the CEL expression {f}; its own log says why at level info", .{host.quoted(text)}),
                .path, .text => refuse(path, "{f} is no regular expression of RE2", .{host.quoted(text)}),
            },
        };
    }
};
