//! Which rule a request belongs to: by tables, with the result of trying all of its host's rules one after the other.

const std = @import("std");
const attribute = @import("attribute.zig");
const expression = @import("expression.zig");
const host = @import("host.zig");
const router = @import("router.zig");
const ratelimit = @import("ratelimit.zig");
const Attributes = @import("attributes.zig").Attributes;
const Expression = expression.Expression;
const Allocator = std.mem.Allocator;

pub const Error = error{ OutOfMemory, Failed };

/// One rule without what its table already says of the path.
pub const Rule = struct {
    name: []const u8,
    path: ?Expression = null,
    method: ?[]const u8 = null,
    headers: []const HeaderMatch,
    query: []const QueryMatch,
    actions: []const ratelimit.Action,

    /// Whether a request must be refused that may or may not belong to this rule.
    fn denies(rule: *const Rule) bool {
        for (rule.actions) |action| {
            if (action.service.failure_mode == .deny) return true;
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
    name: []const u8,
    /// All its values, joined.
    attribute: u32,
    value: Wanted,

    /// Envoy's router compares every value of a header that came more than once; before 1.39 it compared all of them, joined.
    /// Without a comma there is one value.
    fn holds(match: HeaderMatch, request: *Request) Error!bool {
        const joined = try request.attributes.get(match.attribute) orelse return false;
        if (std.mem.findScalar(u8, joined, ',') == null or router.joinsHeaderValues()) return match.value.holds(joined);
        var headers: host.Pairs = .init(try host.requestHeaders() orelse return error.Failed);
        while (headers.next()) |header| {
            if (std.mem.eql(u8, header.name, match.name) and try match.value.holds(header.value)) return true;
        }
        return false;
    }
};

pub const QueryMatch = struct {
    name: []const u8,
    value: Wanted,

    fn holds(match: QueryMatch, request: *Request) Error!bool {
        return match.value.holds(attribute.queryParameter(request.path, match.name) orelse return false);
    }
};

/// What is known of the request while its rule is looked for.
pub const Request = struct {
    attributes: *Attributes,
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
    exact: std.StringHashMapUnmanaged(Numbers) = .empty,
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
    pub fn select(table: *const Host, request: *Request) error{OutOfMemory}!Selection {
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

        while (true) {
            var first: ?*[]const u32 = null;
            for (lists[0..count]) |*numbers| {
                if (numbers.len > 0 and (first == null or numbers.*[0] < first.?.*[0])) first = numbers;
            }
            const numbers = first orelse return .none;
            const rule = &table.rules[numbers.*[0]];
            numbers.* = numbers.*[1..];
            const holds = rule.holds(request) catch |reason| switch (reason) {
                error.OutOfMemory => return error.OutOfMemory,
                error.Failed => if (rule.denies()) return .{ .failed = rule } else false,
            };
            if (holds) return .{ .rule = rule };
        }
    }
};

/// Path prefixes, segment by segment: a look-up costs one step per segment of the path that some prefix has.
pub const PrefixTree = struct {
    children: std.HashMapUnmanaged(Edge, u32, EdgeContext, 80) = .empty,
    nodes: std.ArrayList(Host.Numbers) = .empty,
    /// The most segments that a prefix has.
    depth: usize = 0,

    const Edge = struct { parent: u32, segment: []const u8 };

    const EdgeContext = struct {
        pub fn hash(_: EdgeContext, edge: Edge) u64 {
            return std.hash.Wyhash.hash(edge.parent, edge.segment);
        }

        pub fn eql(_: EdgeContext, a: Edge, b: Edge) bool {
            return a.parent == b.parent and std.mem.eql(u8, a.segment, b.segment);
        }
    };

    /// `prefix` begins with `/`; one at its end means nothing.
    pub fn add(tree: *PrefixTree, allocator: Allocator, prefix: []const u8, rule: u32) error{OutOfMemory}!void {
        if (tree.nodes.items.len == 0) try tree.nodes.append(allocator, .empty);
        var node: u32 = 0;
        if (prefix.len > 1) {
            const text = prefix[1 .. prefix.len - @intFromBool(prefix[prefix.len - 1] == '/')];
            var segments = std.mem.splitScalar(u8, text, '/');
            var depth: usize = 0;
            while (segments.next()) |segment| {
                depth += 1;
                const entry = try tree.children.getOrPut(allocator, .{ .parent = node, .segment = segment });
                if (!entry.found_existing) {
                    entry.value_ptr.* = @intCast(tree.nodes.items.len);
                    try tree.nodes.append(allocator, .empty);
                }
                node = entry.value_ptr.*;
            }
            tree.depth = @max(tree.depth, depth);
        }
        try tree.nodes.items[node].append(allocator, rule);
    }

    /// Puts the lists of all prefixes of `path` into `lists`, which has room for `depth` + 1; returns how many.
    fn find(tree: *const PrefixTree, path: []const u8, lists: [][]const u32) usize {
        if (tree.nodes.items.len == 0 or path.len == 0 or path[0] != '/') return 0;
        var count: usize = 0;
        var node: u32 = 0;
        var segments = std.mem.splitScalar(u8, path[1..], '/');
        while (true) {
            const numbers = tree.nodes.items[node].items;
            if (numbers.len > 0) {
                lists[count] = numbers;
                count += 1;
            }
            const segment = segments.next() orelse return count;
            node = tree.children.get(.{ .parent = node, .segment = segment }) orelse return count;
        }
    }
};

/// Host names to their rules: the exact name, else the longest `*.suffix`, else `*`.
pub const HostTable = struct {
    exact: std.StringHashMapUnmanaged(*const Host) = .empty,
    /// By suffix, with its leading dot.
    wildcards: std.StringHashMapUnmanaged(*const Host) = .empty,
    longest_wildcard: usize = 0,
    any: ?*const Host = null,

    /// False when the name is there already.
    pub fn add(table: *HostTable, allocator: Allocator, hostname: []const u8, rules: *const Host) error{OutOfMemory}!bool {
        if (std.mem.eql(u8, hostname, "*")) {
            if (table.any != null) return false;
            table.any = rules;
            return true;
        }
        const wildcard = std.mem.startsWith(u8, hostname, "*.");
        const entry = if (wildcard)
            try table.wildcards.getOrPut(allocator, hostname[1..])
        else
            try table.exact.getOrPut(allocator, hostname);
        if (entry.found_existing) return false;
        entry.value_ptr.* = rules;
        if (wildcard) table.longest_wildcard = @max(table.longest_wildcard, hostname.len - 1);
        return true;
    }

    /// `name` is in lower case and without a port. A wildcard stands for at least one character.
    pub fn find(table: *const HostTable, name: []const u8) ?*const Host {
        if (table.exact.get(name)) |rules| return rules;
        if (table.longest_wildcard > 0 and name.len > 1) {
            var start = @max(1, name.len -| table.longest_wildcard);
            while (std.mem.findScalarPos(u8, name, start, '.')) |dot| : (start = dot + 1) {
                if (table.wildcards.get(name[dot..])) |rules| return rules;
            }
        }
        return table.any;
    }
};
