//! What response code details say of a request that is limited or could not be decided: a word for access logs.
//!
//! They are made of what the configuration says; nothing of a request is in them.

const std = @import("std");
const failures = @import("failure.zig");
const Failure = failures.Failure;
const Place = failures.Place;

const longest_part = 320;

/// Long enough for everything that is written here and for names of counters. Not on the stack: there it would be filled each time.
var buffer: [1024]u8 = undefined;

/// Whose text holds until the next one is begun.
pub fn begin() std.Io.Writer {
    return .fixed(&buffer);
}

/// `kuadrant_limited{<limit>,<scope>}`, without a limit that is not known.
pub fn limited(limit: []const u8, scope: []const u8) []const u8 {
    var writer = begin();
    write(&writer, "kuadrant_limited", &.{ limit, scope }) catch unreachable;
    return writer.buffered();
}

/// `kuadrant_failed{<kind>,<rule>,<limit>,<scope>}`, without what is not known.
pub fn failed(failure: Failure, place: Place) []const u8 {
    var writer = begin();
    var number: [24]u8 = undefined;
    const status = if (failure.grpc_status) |status| std.fmt.bufPrint(&number, "grpc_status_{d}", .{status}) catch unreachable else "";
    // A rule's name is all that there is to say of a rule that could not be tried.
    const limit = if (place.rule.len > 0) place.rule else place.limit;
    write(&writer, "kuadrant_failed", &.{ @tagName(failure.kind), status, limit, place.scope }) catch unreachable;
    return writer.buffered();
}

fn write(writer: *std.Io.Writer, name: []const u8, parts: []const []const u8) std.Io.Writer.Error!void {
    try writer.writeAll(name);
    try writer.writeByte('{');
    var first = true;
    for (parts) |part| {
        if (part.len == 0) continue;
        if (!first) try writer.writeByte(',');
        first = false;
        try word(writer, part);
    }
    try writer.writeByte('}');
}

/// `text` as one word of what access logs and counters are made of: no white space, nothing that parts or ends a list. Of a long one
/// the beginning and the end, where limits' keys have their digest.
pub fn word(writer: *std.Io.Writer, text: []const u8) std.Io.Writer.Error!void {
    const end = 20;
    if (text.len <= longest_part) return plain(writer, text);
    try plain(writer, text[0 .. longest_part - end - 2]);
    try writer.writeAll("..");
    try plain(writer, text[text.len - end ..]);
}

fn plain(writer: *std.Io.Writer, text: []const u8) std.Io.Writer.Error!void {
    var begun: usize = 0;
    for (text, 0..) |byte, index| if (!is_plain[byte]) {
        try writer.writeAll(text[begun..index]);
        try writer.writeByte('_');
        begun = index + 1;
    };
    try writer.writeAll(text[begun..]);
}

const is_plain = blk: {
    var table: [256]bool = @splat(false);
    for (&table, 0..) |*one, byte| one.* = switch (byte) {
        'a'...'z', 'A'...'Z', '0'...'9', '.', '_', '-', '/', ':', '@' => true,
        else => false,
    };
    break :blk table;
};

test "the details of a request that is limited" {
    try std.testing.expectEqualStrings("kuadrant_limited{limit.create_toy__fb82c51a,default/toystore}", limited("limit.create_toy__fb82c51a", "default/toystore"));
    try std.testing.expectEqualStrings("kuadrant_limited{default/toystore}", limited("", "default/toystore"));
    try std.testing.expectEqualStrings("kuadrant_limited{a_b__c___}", limited("", "a b{}c,\xc3\xa9"));
}

test "the details of a request that could not be decided" {
    try std.testing.expectEqualStrings("kuadrant_failed{expression,limit.a__1,default/toystore}", failed(.{ .kind = .expression }, .{ .scope = "default/toystore", .limit = "limit.a__1" }));
    try std.testing.expectEqualStrings("kuadrant_failed{refused,grpc_status_9,default/toystore}", failed(.{ .kind = .refused, .grpc_status = 9 }, .{ .scope = "default/toystore" }));
    try std.testing.expectEqualStrings("kuadrant_failed{rule,5aec}", failed(.{ .kind = .rule }, .{ .rule = "5aec" }));
    try std.testing.expectEqualStrings("kuadrant_failed{memory}", failed(.{ .kind = .memory }, .{}));
}

test "however long names are, details have an end" {
    const long: [5000]u8 = @splat('x');
    const details = limited("limit." ++ long ++ "__fb82c51a", &long);
    try std.testing.expect(details.len < 700);
    try std.testing.expect(std.mem.find(u8, details, "__fb82c51a,") != null);
}
