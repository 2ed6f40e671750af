//! Whether an expression may be evaluated for the present request: no request is too large, and nobody's expressions take more than his
//! share of this worker.

const account = @import("tenant_account.zig");
const clock = @import("clock.zig");
const request_bounds = @import("request_bounds.zig");
const request_headers = @import("request_headers.zig");

/// Whose expressions are evaluated, and since when the host evaluates any of them; `null` until the first of them asks.
var tenant: ?[]const u8 = null;
var began: ?u64 = null;
/// Whether it is known that the tenant may have expressions evaluated for the present request.
var admitted = false;

/// Steps of programs, but for those that the clock is asked for.
var untimed: u64 = 0;
const step_nanoseconds = 10;

/// What is evaluated up to `end` is on the account of the owner of `scope`.
pub fn begin(scope: []const u8) void {
    tenant = account.tenantOf(scope);
}

pub fn end() void {
    if (began != null or untimed > 0) account.took(tenant.?, class(), taken());
    tenant = null;
    began = null;
    admitted = false;
    untimed = 0;
}

fn class() account.Class {
    return account.classOf(request_headers.size());
}

fn taken() account.Taken {
    return .{ .stepped = untimed * step_nanoseconds, .timed = if (began) |start| clock.nanoseconds() - start else 0 };
}

/// A program has taken so many steps.
pub fn stepped(steps: usize) void {
    if (began == null) untimed += steps;
}

/// Whether another expression may be evaluated for the present request, by the host.
pub fn allow() error{ TooLarge, OverBudget }!void {
    try allowProgram();
    if (tenant != null and began == null) began = clock.nanoseconds();
}

/// The same for a program. The clock is not asked for it where nobody owes anything.
pub fn allowProgram() error{ TooLarge, OverBudget }!void {
    if (request_bounds.headersAreTooLarge()) return error.TooLarge;
    const owner = tenant orelse return;
    if (!admitted) {
        if (account.has(owner) and !account.may(owner, class(), clock.nanoseconds())) return error.OverBudget;
        admitted = true;
    }
    if (!account.mayGoOn(class(), taken())) return error.OverBudget;
}
