//! Which headers that tell of limits the clients of a rule get, and what the service is asked for them.

pub const HeaderForm = enum { None, Draft03, RateLimit, Both };

/// The key of the descriptor's entry by which the service is asked for headers. One that does not know it takes it for an entry that
/// no limit asks for.
pub const asked_by = "kuadrant:headers";

/// The headers that clients of a rule get.
pub const Form = struct {
    triple: bool = true,
    fields: bool = true,
    retry_after: bool = true,
    /// Of the service, by an entry.
    asked: ?[]const u8 = null,
    entry: []const u8 = "",

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
