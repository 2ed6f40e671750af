//! Who a request is from: the map that `auth.identity` is, from what the gateway itself has found out. Where it has found out nothing the map
//! is empty, and no claim is read that nobody has verified.

const admission = @import("expression_admission.zig");
const claims = @import("claims.zig");
const conversion = @import("cel/conversion.zig");
const memory = @import("memory.zig");
const std = @import("std");
const text = @import("cel/text.zig");
const value = @import("cel/value.zig");
const work_budget = @import("cel/work_budget.zig");
const Attributes = @import("attribute_table.zig").Attributes;
const Growing = work_budget.Growing;
const Spent = work_budget.Spent;
const Value = value.Value;
const Work = work_budget.Work;

/// The path of the attribute.
pub const path = "auth\x00identity";

/// Where it comes from; numbers are those of attributes.
pub const Source = union(enum) {
    /// The claims of a token that the gateway has authenticated.
    jwt: struct { metadata: u32, key: []const u8 },
    /// A header that the gateway sets itself.
    header: u32,
    /// The certificate by which a client's connection was authenticated.
    certificate: struct { mtls: u32, uri_san: u32, dns_san: u32, subject: u32 },
};

/// A part of an identity, named by a selector.
pub const Claim = struct {
    /// The attribute that is the whole.
    identity: u32,
    /// The names below it, parted by NUL.
    names: []const u8,
};

/// The identity with this number, in the request that is being looked at.
pub fn of(attributes: *Attributes, number: u32, work: *Work) Spent!*const Value {
    const slot = &attributes.slots.items[number];
    if (slot.made_request != attributes.request) {
        const found = try read(attributes, slot.identity.?, work);
        slot.made = .{ .map = found };
        slot.made_request = attributes.request;
    }
    return &slot.made.?;
}

fn read(attributes: *Attributes, source: Source, work: *Work) Spent!*const value.Map {
    switch (source) {
        .jwt => |jwt| return claims.under(work, try attributes.get(jwt.metadata) orelse "", jwt.key),
        .header => |number| return named(work, &.{
            .{ "username", try attributes.get(number) },
            .{ "userid", try attributes.get(number) },
        }),
        .certificate => |one| {
            const mtls = try attributes.get(one.mtls) orelse "";
            if (mtls.len != 1 or mtls[0] == 0) return &claims.none;
            const uri = try attributes.get(one.uri_san) orelse "";
            return named(work, &.{
                .{ "san", if (uri.len > 0) uri else try attributes.get(one.dns_san) },
                .{ "subject", try attributes.get(one.subject) },
            });
        },
    }
}

/// What there is of these; an empty text is nobody.
fn named(work: *Work, found: []const struct { []const u8, ?[]const u8 }) Spent!*const value.Map {
    var entries: Growing(value.Entry) = .{};
    for (found) |one| {
        const bytes = one[1] orelse "";
        if (bytes.len == 0) continue;
        try work.through(bytes.len);
        try entries.append(work, .{ .key = .{ .string = one[0] }, .value = .{ .string = try text.valid(work, bytes) } });
    }
    return work.create(value.Map, .{ .entries = entries.items });
}

/// What a selector means by a part of an identity: a text, a number or a boolean, as `string` of CEL writes it; anything else has no text. One
/// that takes too much to be read ends the request as one that there is no memory for.
pub fn textOf(attributes: *Attributes, claim: Claim) error{OutOfMemory}!?[]const u8 {
    var work: Work = .{ .allocator = memory.scratch, .steps = work_budget.most_steps, .bytes = work_budget.most_bytes };
    defer admission.stepped(work_budget.most_steps - work.steps);
    return find(attributes, claim, &work) catch error.OutOfMemory;
}

fn find(attributes: *Attributes, claim: Claim, work: *Work) Spent!?[]const u8 {
    var found = (try of(attributes, claim.identity, work)).*;
    var names = std.mem.splitScalar(u8, claim.names, 0);
    while (names.next()) |name| {
        if (found != .map) return null;
        found = try found.map.find(work, .{ .string = name }) orelse return null;
    }
    return switch (found) {
        .string, .double, .bool => (try conversion.toText(work, found)).string,
        else => null,
    };
}
