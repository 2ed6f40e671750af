//! The host a request asks for, cut and compared the way Envoy's router does it.

const std = @import("std");

/// `authority` without what follows its last colon outside of an IPv6 literal, whatever that is: Envoy's router looks for the
/// virtual host of `example.com` when it gets `example.com:x` or `example.com:` (tests/e2e/gateways/test_matching.py). A module
/// that took this for another host would let the request choose which of the two rules it meets.
pub fn withoutPort(authority: []const u8) []const u8 {
    const colon = std.mem.findScalarLast(u8, authority, ':') orelse return authority;
    if (std.mem.findScalarPos(u8, authority, colon, ']') != null) return authority;
    return authority[0..colon];
}

/// An address as Envoy writes it, `10.0.0.1:80` or `[::1]:80`, without port and brackets.
pub fn addressOnly(address: []const u8) []const u8 {
    const cut = withoutPort(address);
    if (cut.len >= 2 and cut[0] == '[' and cut[cut.len - 1] == ']') return cut[1 .. cut.len - 1];
    return cut;
}

test "a host without its port" {
    for ([_][2][]const u8{
        .{ "example.com", "example.com" },
        .{ "example.com:80", "example.com" },
        .{ "example.com:", "example.com" },
        .{ "a:b:80", "a:b" },
        .{ "[::1]", "[::1]" },
        .{ "[::1]:80", "[::1]" },
        .{ ":80", "" },
        .{ "", "" },
    }) |pair| try std.testing.expectEqualStrings(pair[1], withoutPort(pair[0]));
    try std.testing.expectEqualStrings("::1", addressOnly("[::1]:4711"));
    try std.testing.expectEqualStrings("10.0.0.1", addressOnly("10.0.0.1:80"));
}
