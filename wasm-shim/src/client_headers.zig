//! What a client is told of limits beside the answer itself: headers of the rate limit service, of each kind one, however many have
//! something to say: the answers to several questions, and the upstream.

const std = @import("std");
const front = @import("root").front;
const host = @import("host.zig");
const memory = @import("memory.zig");
const Allocator = std.mem.Allocator;

/// Stand-ins for official modules hand the headers on as they come.
const as_they_come = @hasDecl(front, "headers_as_they_come");

/// Of gRPC: what a limited request gets. Envoy would make 14 (UNAVAILABLE) of a 429, which clients ask again for at once.
const resource_exhausted = 8;

pub const HeaderForm = enum { None, Draft03, RateLimit, Both };

/// The key of the descriptor's entry by which the service is asked for headers. One that does not know it takes it for an entry that
/// no limit asks for.
pub const asked_by = "kuadrant:headers";

/// What clients of a rule are told.
pub const Form = struct {
    triple: bool = true,
    fields: bool = true,
    retry_after: bool = true,
    /// Of the service, by an entry.
    asked: ?[]const u8 = null,
    entry: []const u8 = "",
    refusal: Refusal = .{},

    /// A problem names the limits that are reached: they are read from the fields, be these for the client or not.
    pub fn of(headers: ?HeaderForm, retry_after: bool, is_problem: bool) Form {
        const form = headers orelse return .{
            .fields = !is_problem,
            .retry_after = retry_after,
            .asked = if (is_problem) "FieldsToo" else null,
        };
        const asked: ?HeaderForm = switch (form) {
            .None => if (is_problem) .RateLimit else null,
            .Draft03 => if (is_problem) .Both else .Draft03,
            else => form,
        };
        return .{
            .triple = form == .Draft03 or form == .Both,
            .fields = form == .RateLimit or form == .Both,
            .retry_after = retry_after,
            .asked = if (asked) |one| @tagName(one) else null,
        };
    }
};

pub const too_many = "Too Many Requests";

/// The answer to a request that is over a limit.
pub const Refusal = struct {
    code: u32 = 429,
    message: []const u8 = too_many,
    headers: []const host.Header = &.{},
    body: ?[]const u8 = null,
    is_problem: bool = false,
};

pub const as_the_service_says: Form = .{};

/// What was told of a request so far. All texts belong to the allocator that each call is given.
pub const Told = struct {
    /// Those of no kind that is known here.
    others: std.ArrayList(host.Header) = .empty,
    triple: Triple = .{},
    fields: Fields = .{},
    again: Again = .{},
    /// The field with the limits of the answer that refuses.
    reached: []const u8 = "",

    pub fn isEmpty(told: *const Told) bool {
        return told.others.items.len == 0 and told.triple.isEmpty() and told.fields.isEmpty();
    }

    /// Takes up the headers of one more answer, as far as they are of the form. Those of a refusal take the place of what earlier answers
    /// have beside the limits.
    pub fn take(told: *Told, allocator: Allocator, form: *const Form, headers: []const host.Header, is_refusal: bool) error{OutOfMemory}!void {
        if (is_refusal) {
            told.others.clearRetainingCapacity();
            told.again = .{};
            if (as_they_come) told.triple = .{};
        }
        var triple: Triple = .{};
        var fields: Fields = .{};
        for (headers) |header| switch (if (as_they_come) Kind.other else Kind.of(header.name)) {
            .limit => triple.limit = header.value,
            .remaining => triple.remaining = header.value,
            .reset => triple.reset = header.value,
            .policies => fields.policies = header.value,
            .limits => fields.limits = header.value,
            .retry_after => if (is_refusal and form.retry_after) try told.again.take(allocator, header.value),
            .other => try told.others.append(allocator, .{
                .name = try allocator.dupe(u8, header.name),
                .value = try allocator.dupe(u8, header.value),
            }),
        };
        if (is_refusal and form.retry_after) told.again.orBy(triple);
        if (form.triple and !triple.isEmpty()) told.triple = try told.triple.with(allocator, triple);
        if (is_refusal) told.reached = try allocator.dupe(u8, fields.limits);
        if (form.fields and !fields.isEmpty()) told.fields = try told.fields.with(allocator, fields);
    }

    /// To the response of the upstream. The stream is the effective context.
    pub fn addToResponse(told: *const Told) void {
        for (told.others.items) |header| host.addResponseHeader(header.name, header.value);
        if (told.triple.isEmpty() and told.fields.isEmpty()) return;
        told.addBesideUpstream() catch host.log(.debug, "no memory for headers that tell of limits", .{});
    }

    fn addBesideUpstream(told: *const Told) error{OutOfMemory}!void {
        const theirs: Upstream = try .read();
        var added: std.ArrayList(host.Header) = .empty;
        if (told.triple.addToResponse(theirs.triple)) try added.appendSlice(memory.scratch, &told.triple.headers());
        if (try told.fields.addToResponse(theirs.fields)) try added.appendSlice(memory.scratch, &told.fields.headers());
        try theirs.origins.expose(added.items);
    }

    /// Answers a request that is over a limit. The stream is the effective context, and not read afterwards.
    pub fn answerLimited(told: *const Told, refusal: *const Refusal, details: []const u8) void {
        const is_grpc = !as_they_come and isGrpc();
        const headers = told.serialized(refusal, is_grpc) catch "";
        const text = told.body(refusal, is_grpc) catch too_many;
        host.sendLocalResponse(refusal.code, details, text, headers, if (as_they_come) null else resource_exhausted);
    }

    /// To a client of gRPC it is the message.
    fn body(told: *const Told, refusal: *const Refusal, is_grpc: bool) error{OutOfMemory}![]const u8 {
        if (is_grpc) return refusal.message;
        if (refusal.is_problem) return told.problem(refusal.code);
        return refusal.body orelse std.mem.concat(memory.scratch, u8, &.{ refusal.message, "\n" });
    }

    /// RFC 9457, with the type of the draft of the fields. A name is written in JSON as it is in a field.
    fn problem(told: *const Told, code: u32) error{OutOfMemory}![]const u8 {
        var text: std.ArrayList(u8) = .empty;
        try text.print(memory.scratch, "{{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\"," ++
            "\"title\":\"Request cannot be satisfied as assigned quota has been exceeded\",\"status\":{d},\"violated-policies\":[", .{code});
        var rest = told.reached;
        var comma: []const u8 = "";
        while (rest.len > 0) {
            const end = endOfText(rest);
            const next = std.mem.findScalar(u8, rest[end..], '"') orelse rest.len - end;
            const is_reached = std.mem.startsWith(u8, rest[end..], ";r=0;") or std.mem.eql(u8, std.mem.trim(u8, rest[end..][0..next], ", "), ";r=0");
            if (is_reached) {
                try text.print(memory.scratch, "{s}{s}", .{ comma, rest[0..end] });
                comma = ",";
            }
            rest = rest[end + next ..];
        }
        try text.appendSlice(memory.scratch, "]}");
        return text.items;
    }

    fn serialized(told: *const Told, refusal: *const Refusal, is_grpc: bool) error{OutOfMemory}![]const u8 {
        var pairs: std.ArrayList(host.Header) = .empty;
        for (told.others.items) |header| if (!isIn(refusal, header.name)) try pairs.append(memory.scratch, header);
        for (refusal.headers) |header| {
            // An answer to gRPC has a type of its own.
            if (!is_grpc or !std.ascii.eqlIgnoreCase(header.name, "content-type")) try pairs.append(memory.scratch, header);
        }
        if (refusal.is_problem and !is_grpc) try pairs.append(memory.scratch, .{ .name = "content-type", .value = "application/problem+json" });
        for (told.triple.headers() ++ told.fields.headers()) |header| if (header.value.len > 0) try pairs.append(memory.scratch, header);
        if (told.again.text()) |text| {
            try pairs.append(memory.scratch, .{ .name = "retry-after", .value = text });
            // Who has a retry policy waits as long, whatever his own pace is.
            if (is_grpc and told.again.date.len == 0) try pairs.append(memory.scratch, .{
                .name = "grpc-retry-pushback-ms",
                .value = try std.mem.concat(memory.scratch, u8, &.{ text, "000" }),
            });
        }
        return host.serializePairs(memory.scratch, pairs.items);
    }

    fn isIn(refusal: *const Refusal, name: []const u8) bool {
        for (refusal.headers) |header| if (std.ascii.eqlIgnoreCase(header.name, name)) return true;
        return false;
    }
};

fn isGrpc() bool {
    const kind = (host.firstRequestHeader("content-type") catch null) orelse return false;
    // As Envoy has it: not gRPC-Web, for instance.
    const name = "application/grpc";
    return std.mem.startsWith(u8, kind, name) and (kind.len == name.len or kind[name.len] == '+');
}

const Kind = enum {
    limit,
    remaining,
    reset,
    policies,
    limits,
    retry_after,
    other,

    fn of(name: []const u8) Kind {
        const known = [_]struct { []const u8, Kind }{
            .{ Triple.names[0], .limit },
            .{ Triple.names[1], .remaining },
            .{ Triple.names[2], .reset },
            .{ Fields.names[0], .policies },
            .{ Fields.names[1], .limits },
            .{ "retry-after", .retry_after },
        };
        for (known) |one| if (std.ascii.eqlIgnoreCase(name, one[0])) return one[1];
        return .other;
    }
};

/// The headers of draft 03, each of which has one value.
const Triple = struct {
    limit: []const u8 = "",
    remaining: []const u8 = "",
    reset: []const u8 = "",

    const names = [_][]const u8{ "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset" };

    fn headers(triple: Triple) [3]host.Header {
        return .{
            .{ .name = names[0], .value = triple.limit },
            .{ .name = names[1], .value = triple.remaining },
            .{ .name = names[2], .value = triple.reset },
        };
    }

    fn isEmpty(triple: Triple) bool {
        return triple.limit.len == 0 and triple.remaining.len == 0 and triple.reset.len == 0;
    }

    /// What is left by it; of one that does not say, more than by any that does.
    fn left(triple: Triple) u64 {
        return std.fmt.parseInt(u64, triple.remaining, 10) catch std.math.maxInt(u64);
    }

    /// One for both: that which leaves less, which also names the limits of the other.
    fn with(first: Triple, allocator: Allocator, second: Triple) error{OutOfMemory}!Triple {
        const tighter, const other = if (first.isEmpty()) .{ second, first } else if (second.left() < first.left()) .{ second, first } else .{ first, second };
        // Before what names them is a number.
        const comma = std.mem.findScalar(u8, other.limit, ',') orelse other.limit.len;
        return .{
            .limit = try std.mem.concat(allocator, u8, &.{ tighter.limit, other.limit[comma..] }),
            .remaining = try allocator.dupe(u8, tighter.remaining),
            .reset = try allocator.dupe(u8, tighter.reset),
        };
    }

    /// The upstream may limit, too: the tighter set of the two goes on to the client, as a whole.
    fn addToResponse(triple: Triple, theirs: Triple) bool {
        if (triple.isEmpty() or theirs.left() < triple.left()) return false;
        for (theirs.headers(), triple.headers()) |their, our| {
            if (their.value.len > 0) host.removeResponseHeader(their.name);
            if (our.value.len > 0) host.addResponseHeader(our.name, our.value);
        }
        return true;
    }
};

/// `RateLimit-Policy` and `RateLimit`: lists with a member for each limit, which begins with its name, a text.
const Fields = struct {
    policies: []const u8 = "",
    limits: []const u8 = "",

    const names = [_][]const u8{ "ratelimit-policy", "ratelimit" };

    fn headers(fields: Fields) [2]host.Header {
        return .{ .{ .name = names[0], .value = fields.policies }, .{ .name = names[1], .value = fields.limits } };
    }

    fn isEmpty(fields: Fields) bool {
        return fields.policies.len == 0 and fields.limits.len == 0;
    }

    /// The members of both.
    fn with(first: Fields, allocator: Allocator, second: Fields) error{OutOfMemory}!Fields {
        return .{
            .policies = try joined(allocator, first.policies, second.policies),
            .limits = try joined(allocator, first.limits, second.limits),
        };
    }

    /// After the members of the upstream, under names that it does not have. What is no such list, as in earlier drafts, cannot be
    /// added to: it stays as it is, since to leave it out could allow more than the upstream does.
    fn addToResponse(fields: Fields, theirs: Fields) error{OutOfMemory}!bool {
        if (fields.isEmpty() or !areMembers(theirs.policies) or !areMembers(theirs.limits)) return false;
        const taken = [_][]const u8{ theirs.policies, theirs.limits };
        for (names, theirs.headers(), fields.headers()) |name, their, our| {
            if (our.value.len == 0) continue;
            const value = try joined(memory.scratch, their.value, try renamed(our.value, &taken));
            if (their.value.len > 0) host.removeResponseHeader(name);
            host.addResponseHeader(name, value);
        }
        return true;
    }

    fn areMembers(list: []const u8) bool {
        return list.len == 0 or list[0] == '"';
    }
};

fn joined(allocator: Allocator, first: []const u8, second: []const u8) error{OutOfMemory}![]const u8 {
    const comma = if (first.len > 0 and second.len > 0) ", " else "";
    return std.mem.concat(allocator, u8, &.{ first, comma, second });
}

/// A list of ours with another name for each member whose name is in one of the others.
fn renamed(list: []const u8, taken: []const []const u8) error{OutOfMemory}![]const u8 {
    var result: std.ArrayList(u8) = .empty;
    var rest = list;
    while (rest.len > 0) {
        const end = endOfText(rest);
        var name = rest[0..end];
        // As often as there are gateways like this one on the way.
        while (isInAny(name, taken)) name = try std.mem.concat(memory.scratch, u8, &.{ "\"gateway/", name[1..] });
        const next = std.mem.findScalar(u8, rest[end..], '"') orelse rest.len - end;
        try result.appendSlice(memory.scratch, name);
        try result.appendSlice(memory.scratch, rest[end..][0..next]);
        rest = rest[end + next ..];
    }
    return result.items;
}

fn isInAny(name: []const u8, lists: []const []const u8) bool {
    for (lists) |list| if (std.mem.find(u8, list, name) != null) return true;
    return false;
}

/// Where a text ends that begins with its quotation mark.
fn endOfText(text: []const u8) usize {
    var index: usize = 1;
    while (index < text.len) : (index += 1) switch (text[index]) {
        '\\' => index += 1,
        '"' => return index + 1,
        else => {},
    };
    return text.len;
}

/// What the upstream itself tells of limits.
const Upstream = struct {
    triple: Triple = .{},
    fields: Fields = .{},
    origins: Origins = .{},

    fn read() error{OutOfMemory}!Upstream {
        var theirs: Upstream = .{};
        var pairs: host.Pairs = .init(try host.responseHeaders() orelse "");
        while (pairs.next()) |header| switch (Kind.of(header.name)) {
            .limit => theirs.triple.limit = header.value,
            .remaining => theirs.triple.remaining = header.value,
            .reset => theirs.triple.reset = header.value,
            .policies => theirs.fields.policies = try joined(memory.scratch, theirs.fields.policies, header.value),
            .limits => theirs.fields.limits = try joined(memory.scratch, theirs.fields.limits, header.value),
            .retry_after => {},
            .other => try theirs.origins.take(header),
        };
        return theirs;
    }
};

/// Whether a page of another origin may have the response, and which of its headers the browser shows it.
const Origins = struct {
    are_allowed: bool = false,
    with_credentials: bool = false,
    exposed: []const u8 = "",

    const exposing = "access-control-expose-headers";

    fn take(origins: *Origins, header: host.Header) error{OutOfMemory}!void {
        if (std.ascii.eqlIgnoreCase(header.name, "access-control-allow-origin")) origins.are_allowed = true;
        if (std.ascii.eqlIgnoreCase(header.name, "access-control-allow-credentials")) origins.with_credentials = true;
        if (std.ascii.eqlIgnoreCase(header.name, exposing)) origins.exposed = try joined(memory.scratch, origins.exposed, header.value);
    }

    fn expose(origins: Origins, headers: []const host.Header) error{OutOfMemory}!void {
        if (!origins.are_allowed) return;
        var names = origins.exposed;
        for (headers) |header| if (header.value.len > 0 and !origins.shows(header.name)) {
            names = try joined(memory.scratch, names, header.name);
        };
        if (names.len == origins.exposed.len) return;
        if (origins.exposed.len > 0) host.removeResponseHeader(exposing);
        host.addResponseHeader(exposing, names);
    }

    fn shows(origins: Origins, name: []const u8) bool {
        var each = std.mem.splitScalar(u8, origins.exposed, ',');
        while (each.next()) |part| {
            const one = std.mem.trim(u8, part, " \t");
            if (std.ascii.eqlIgnoreCase(one, name)) return true;
            // With credentials it is a name like others.
            if (!origins.with_credentials and std.mem.eql(u8, one, "*")) return true;
        }
        return false;
    }
};

/// When a refused request should come again.
const Again = struct {
    seconds: ?u64 = null,
    /// Of a service that says it so.
    date: []const u8 = "",

    /// The later of what was said.
    fn take(again: *Again, allocator: Allocator, value: []const u8) error{OutOfMemory}!void {
        const seconds = std.fmt.parseInt(u32, value, 10) catch {
            again.date = try allocator.dupe(u8, value);
            return;
        };
        again.seconds = @max(seconds, again.seconds orelse 0);
    }

    /// Of a service that does not say it, such as Limitador: when the window is over, whose seconds it cuts. Never where nothing is
    /// admitted anyhow.
    fn orBy(again: *Again, triple: Triple) void {
        if (again.seconds != null or again.date.len > 0) return;
        if (triple.limit.len == 0 or triple.limit[0] == '0') return;
        const reset = std.fmt.parseInt(u32, triple.reset, 10) catch return;
        again.seconds = @as(u64, reset) + 1;
    }

    fn text(again: *const Again) ?[]const u8 {
        const seconds = again.seconds orelse return if (again.date.len > 0) again.date else null;
        return std.fmt.allocPrint(memory.scratch, "{d}", .{seconds}) catch null;
    }
};
