//! What the upstream itself tells of limits, in the headers of its response.

const host = @import("proxy_wasm_host.zig");
const joined = @import("header_list.zig").joined;
const memory = @import("memory.zig");
const ExposedHeaders = @import("exposed_headers.zig").ExposedHeaders;
const Fields = @import("rate_limit_fields.zig").Fields;
const Kind = @import("limit_header.zig").Kind;
const XRateLimit = @import("x_ratelimit_headers.zig").XRateLimit;

pub const Upstream = struct {
    triple: XRateLimit = .{},
    fields: Fields = .{},
    exposed: ExposedHeaders = .{},

    pub fn read() error{OutOfMemory}!Upstream {
        var theirs: Upstream = .{};
        var pairs: host.Pairs = .init(try host.responseHeaders() orelse "");
        while (pairs.next()) |header| switch (Kind.of(header.name)) {
            .limit => theirs.triple.limit = header.value,
            .remaining => theirs.triple.remaining = header.value,
            .reset => theirs.triple.reset = header.value,
            .policies => theirs.fields.policies = try joined(memory.scratch, theirs.fields.policies, header.value),
            .limits => theirs.fields.limits = try joined(memory.scratch, theirs.fields.limits, header.value),
            .retry_after, .again, .soft, .violated => {},
            .other => try theirs.exposed.take(header),
        };
        return theirs;
    }
};
