//! The headers that tell of limits, by their names.

const std = @import("std");
const retry_after = @import("retry_after.zig");
const soft_signal = @import("soft_signal.zig");
const Fields = @import("rate_limit_fields.zig").Fields;
const XRateLimit = @import("x_ratelimit_headers.zig").XRateLimit;

pub const Kind = enum {
    limit,
    remaining,
    reset,
    policies,
    limits,
    retry_after,
    again,
    soft,
    violated,
    other,

    pub fn of(name: []const u8) Kind {
        const known = [_]struct { []const u8, Kind }{
            .{ XRateLimit.names[0], .limit },
            .{ XRateLimit.names[1], .remaining },
            .{ XRateLimit.names[2], .reset },
            .{ Fields.names[0], .policies },
            .{ Fields.names[1], .limits },
            .{ "retry-after", .retry_after },
            .{ retry_after.again_name, .again },
            .{ soft_signal.header_name, .soft },
            .{ "kuadrant-violated", .violated },
        };
        for (known) |one| if (std.ascii.eqlIgnoreCase(name, one[0])) return one[1];
        return .other;
    }
};
