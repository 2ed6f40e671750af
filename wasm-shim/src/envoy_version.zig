//! What Envoy's router does one way or another by its version. The two must find the same rule for every request.

const std = @import("std");
const host = @import("proxy_wasm_host.zig");

/// Whether the values of a header that came more than once are compared as one, joined with `,`. It did so before 1.39; since then
/// each value counts (runtime guard `match_headers_individually`). A host that does not say its version is taken for a new one.
pub fn joinsHeaderValues() bool {
    if (joins == null) joins = askHost();
    return joins.?;
}

/// A host stays what it is.
var joins: ?bool = null;

fn askHost() bool {
    const major = versionPart("major_number") orelse return false;
    const minor = versionPart("minor_number") orelse return false;
    return major < 1 or (major == 1 and minor < 39);
}

fn versionPart(comptime name: []const u8) ?u64 {
    const bytes = host.property("xds\x00node\x00user_agent_build_version\x00version\x00" ++ name) catch null orelse return null;
    return if (bytes.len == 8) std.mem.readInt(u64, bytes[0..8], .little) else null;
}
