//! What a client is told of limits beside the answer itself: headers of the rate limit service, of each kind one, however many have
//! something to say: the answers to several questions, and the upstream.

const std = @import("std");
const front = @import("root").front;
const host = @import("proxy_wasm_host.zig");
const memory = @import("memory.zig");
const Fields = @import("rate_limit_fields.zig").Fields;
const Form = @import("header_form.zig").Form;
const Kind = @import("limit_header.zig").Kind;
const RetryAfter = @import("retry_after.zig").RetryAfter;
const Upstream = @import("upstream_limit_headers.zig").Upstream;
const XRateLimit = @import("x_ratelimit_headers.zig").XRateLimit;
const Allocator = std.mem.Allocator;

/// Stand-ins for official modules hand the headers on as they come.
pub const as_they_come = @hasDecl(front, "headers_as_they_come");

/// What was told of a request so far. All texts belong to the allocator that each call is given.
pub const Told = struct {
    /// Those of no kind that is known here.
    others: std.ArrayList(host.Header) = .empty,
    triple: XRateLimit = .{},
    fields: Fields = .{},
    retry_after: RetryAfter = .{},
    /// The field with the limits of the answer that refuses.
    reached: []const u8 = "",

    pub fn isEmpty(told: *const Told) bool {
        return told.others.items.len == 0 and told.triple.isEmpty() and told.fields.isEmpty();
    }

    /// Takes up the headers of one more answer, as far as they are of the form. Those of a refusal take the place of what earlier answers
    /// have beside the limits. A service that knows what requests cost `says` itself when one may come again, or that it never may.
    pub fn take(told: *Told, allocator: Allocator, form: *const Form, headers: []const host.Header, is_refusal: bool, says: bool) error{OutOfMemory}!void {
        if (is_refusal) {
            told.others.clearRetainingCapacity();
            told.retry_after.restart();
            if (as_they_come) told.triple = .{};
        }
        var triple: XRateLimit = .{};
        var fields: Fields = .{};
        // Where some is left of a limit, but not as much as the request costs.
        var violated: []const u8 = "";
        for (headers) |header| switch (if (as_they_come) Kind.other else Kind.of(header.name)) {
            .limit => triple.limit = header.value,
            .remaining => triple.remaining = header.value,
            .reset => triple.reset = header.value,
            .policies => fields.policies = header.value,
            .limits => fields.limits = header.value,
            .retry_after => if (is_refusal and form.retry_after) try told.retry_after.take(allocator, header.value),
            .again => told.retry_after.takeAgain(header.value),
            // Of the request alone.
            .soft => {},
            .violated => violated = header.value,
            .other => try told.others.append(allocator, .{
                .name = try allocator.dupe(u8, header.name),
                .value = try allocator.dupe(u8, header.value),
            }),
        };
        if (is_refusal and form.retry_after and !says) told.retry_after.orBy(triple);
        if (form.triple and !triple.isEmpty()) told.triple = try told.triple.with(allocator, triple);
        if (is_refusal) told.reached = try allocator.dupe(u8, if (violated.len > 0) violated else fields.limits);
        if (form.fields and !fields.isEmpty()) told.fields = try told.fields.with(allocator, fields);
    }

    /// Takes up what an answer says that only tells when there is room.
    pub fn takeAgain(told: *Told, headers: []const host.Header) void {
        for (headers) |header| if (Kind.of(header.name) == .again) told.retry_after.takeAgain(header.value);
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
        try theirs.exposed.expose(added.items);
    }
};
