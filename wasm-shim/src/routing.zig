//! Which rule a request belongs to: by tables, with the result of trying all of its host's rules one after the other.

const std = @import("std");
const attribute = @import("attribute.zig");
const envoy_version = @import("envoy_version.zig");
const expression = @import("host_expression.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const values = @import("request_values.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const TextTable = @import("text_table.zig").TextTable;
const Tree = @import("path_tree.zig").Tree;
const Expression = expression.Expression;
const Allocator = std.mem.Allocator;

pub const Error = expression.EvaluationError;

/// One rule without what its table already says of the path.
pub const Rule = struct {
    name: []const u8,
    /// As decision records say it.
    route: []const u8 = "",
    path: ?Expression = null,
    method: ?[]const u8 = null,
    headers: []const HeaderMatch,
    query: []const QueryMatch,
    actions: []const rate_limit_call.Action,
    counts_preflights: bool = false,
    /// Of its soft limits.
    signals: []const []const host.Header = &.{},

    /// Whether a request must be refused that may or may not belong to this rule.
    fn denies(rule: *const Rule) bool {
        for (rule.actions) |action| {
            if (action.denies()) return true;
        }
        return false;
    }

    /// What is compared here comes before what the host has to evaluate.
    fn holds(rule: *const Rule, request: *Request) Error!bool {
        if (rule.method) |wanted| {
            if (!std.mem.eql(u8, try request.method(), wanted)) return false;
        }
        if (!try rule.valuesHold(.exact, request)) return false;
        if (rule.path) |path| if (!try path.holds()) return false;
        return rule.valuesHold(.regex, request);
    }

    fn valuesHold(rule: *const Rule, kind: std.meta.Tag(Wanted), request: *Request) Error!bool {
        for (rule.headers) |match| if (match.value == kind and !try match.holds(request)) return false;
        for (rule.query) |match| if (match.value == kind and !try match.holds(request)) return false;
        return true;
    }
};

pub const Wanted = union(enum) {
    exact: []const u8,
    /// An expression about the text that `expression.setText` gives.
    regex: Expression,

    fn holds(wanted: Wanted, value: []const u8) Error!bool {
        switch (wanted) {
            .exact => |text| return std.mem.eql(u8, text, value),
            .regex => |regex| {
                if (!expression.setText(value)) return error.Failed;
                return regex.holds();
            },
        }
    }
};

pub const HeaderMatch = struct {
    /// All its values, joined.
    attribute: u32,
    /// Its number among the headers whose values are looked at one by one.
    number: u32,
    value: Wanted,

    /// Envoy's router compares every value of a header that came more than once; before 1.39 it compared all of them, joined.
    /// Without a comma there is one value.
    fn holds(match: HeaderMatch, request: *Request) Error!bool {
        const joined = try request.attributes.get(match.attribute) orelse return false;
        if (std.mem.findScalar(u8, joined, ',') == null or envoy_version.joinsHeaderValues()) return match.value.holds(joined);
        for (try request.headers.get(request.attributes.request, match.number)) |value| {
            if (try match.value.holds(value)) return true;
        }
        return false;
    }
};

pub const QueryMatch = struct {
    /// Its number among the parameters that are looked at.
    number: u32,
    value: Wanted,

    fn holds(match: QueryMatch, request: *Request) Error!bool {
        return match.value.holds(request.parameters.get(request.attributes.request, request.path, match.number) orelse return false);
    }
};

/// What is known of the request while its rule is looked for.
pub const Request = struct {
    attributes: *Attributes,
    headers: *values.Headers,
    parameters: *values.Parameters,
    /// With the query; empty when the request has none.
    path: []const u8,
    known_method: ?[]const u8 = null,

    fn method(request: *Request) Error![]const u8 {
        if (request.known_method == null) request.known_method = try attribute.Attribute.read(.method) orelse "";
        return request.known_method.?;
    }
};

pub const Selection = union(enum) {
    none,
    rule: *const Rule,
    /// A rule that denies could not be tried.
    failed: *const Rule,
};

/// The rules of one host name.
pub const Host = struct {
    rules: []const Rule,
    /// Numbers of rules by their exact path.
    exact: TextTable(Numbers) = .empty,
    prefixes: PrefixTree = .{},
    /// Rules that no table can find: those with a regular expression for the path, or without any condition on it.
    others: Numbers = .empty,
    /// Room for the lists that one request's rule may be in.
    candidates: [][]const u32 = &.{},

    /// Rule numbers, ascending.
    pub const Numbers = std.ArrayList(u32);

    /// To be called once, after the last rule was added.
    pub fn finish(table: *Host, allocator: Allocator) error{OutOfMemory}!void {
        table.candidates = try allocator.alloc([]const u32, table.prefixes.depth + 3);
    }

    /// The first rule, in the order of the configuration, of which all parts hold.
    pub fn select(table: *const Host, request: *Request) error{ OutOfMemory, TooMuch, TooLarge, OverBudget }!Selection {
        const path = attribute.urlPath(request.path);
        var count: usize = 0;
        const lists = table.candidates;
        if (table.exact.get(path)) |numbers| {
            lists[count] = numbers.items;
            count += 1;
        }
        if (table.others.items.len > 0) {
            lists[count] = table.others.items;
            count += 1;
        }
        count += table.prefixes.find(path, lists[count..]);

        var queue: Lists = .fromOwnedSlice(lists[0..count], {});
        while (queue.pop()) |numbers| {
            const rule = &table.rules[numbers[0]];
            const holds = rule.holds(request) catch |reason| switch (reason) {
                error.Failed => if (rule.denies()) return .{ .failed = rule } else false,
                else => |fatal| {
                    failures.present.rule = rule.name;
                    return fatal;
                },
            };
            if (holds) return .{ .rule = rule };
            // There is room for it: it was in there just now.
            if (numbers.len > 1) queue.push(std.mem.Allocator.failing, numbers[1..]) catch unreachable;
        }
        return .none;
    }

    /// Lists that are not empty, the one with the first rule before the others.
    const Lists = std.PriorityQueue([]const u32, void, struct {
        fn order(_: void, a: []const u32, b: []const u32) std.math.Order {
            return std.math.order(a[0], b[0]);
        }
    }.order);
};

/// Path prefixes, segment by segment: a look-up costs one step per segment of the path that some prefix has.
pub const PrefixTree = struct {
    tree: Tree(Host.Numbers) = .{},
    /// The most segments that a prefix has.
    depth: usize = 0,

    /// `prefix` begins with `/`; one at its end means nothing.
    pub fn add(prefixes: *PrefixTree, allocator: Allocator, prefix: []const u8, rule: u32) error{OutOfMemory}!void {
        const tree = &prefixes.tree;
        _ = try tree.atRoot(allocator);
        var node = Tree(Host.Numbers).root;
        if (prefix.len > 1) {
            const text = prefix[1 .. prefix.len - @intFromBool(prefix[prefix.len - 1] == '/')];
            var segments = std.mem.splitScalar(u8, text, '/');
            var depth: usize = 0;
            while (segments.next()) |segment| {
                depth += 1;
                node = try tree.extend(allocator, node, segment);
            }
            prefixes.depth = @max(prefixes.depth, depth);
        }
        const place = tree.at(node);
        if (place.* == null) place.* = .empty;
        try place.*.?.append(allocator, rule);
    }

    /// Puts the lists of all prefixes of `path` into `lists`, which has room for `depth` + 1; returns how many.
    fn find(prefixes: *const PrefixTree, path: []const u8, lists: [][]const u32) usize {
        const tree = &prefixes.tree;
        if (tree.isEmpty() or path.len == 0 or path[0] != '/') return 0;
        var count: usize = 0;
        var node = Tree(Host.Numbers).root;
        var segments = std.mem.splitScalar(u8, path[1..], '/');
        while (true) {
            if (tree.at(node).*) |numbers| {
                lists[count] = numbers.items;
                count += 1;
            }
            node = tree.child(node, segments.next() orelse return count) orelse return count;
        }
    }
};

/// Host names to their rules: the exact name, else the longest `*.suffix`, else `*`.
pub const HostTable = struct {
    exact: TextTable(*const Host) = .empty,
    /// Label by label from the end; the root is `*`.
    wildcards: Tree(*const Host) = .{},

    /// False when the name is there already.
    pub fn add(table: *HostTable, allocator: Allocator, hostname: []const u8, rules: *const Host) error{OutOfMemory}!bool {
        const place = if (hostname[0] == '*')
            try table.wildcard(allocator, hostname[1..])
        else blk: {
            const entry = try table.exact.getOrPut(allocator, hostname);
            if (entry.found_existing) return false;
            entry.value_ptr.* = rules;
            break :blk null;
        };
        if (place) |found| {
            if (found.* != null) return false;
            found.* = rules;
        }
        return true;
    }

    /// `suffix` is empty or has its leading dot.
    fn wildcard(table: *HostTable, allocator: Allocator, suffix: []const u8) error{OutOfMemory}!*?*const Host {
        const any = try table.wildcards.atRoot(allocator);
        if (suffix.len == 0) return any;
        var node = Tree(*const Host).root;
        var labels = std.mem.splitBackwardsScalar(u8, suffix[1..], '.');
        while (labels.next()) |label| node = try table.wildcards.extend(allocator, node, label);
        return table.wildcards.at(node);
    }

    /// `name` is in lower case and without a port. A wildcard stands for at least one character.
    pub fn find(table: *const HostTable, name: []const u8) ?*const Host {
        if (table.exact.get(name)) |rules| return rules;
        if (table.wildcards.isEmpty()) return null;
        var node = Tree(*const Host).root;
        var found = table.wildcards.at(node).*;
        var labels = std.mem.splitBackwardsScalar(u8, name, '.');
        while (labels.next()) |label| {
            const rest = labels.index orelse 0;
            node = table.wildcards.child(node, label) orelse break;
            if (rest > 0) found = table.wildcards.at(node).* orelse found;
        }
        return found;
    }
};
