//! Whether an expression may be evaluated for the present request: no request is too large, and nobody's expressions take more than his
//! share of this worker.

const account = @import("tenant_account.zig");
const clock = @import("clock.zig");
const request_bounds = @import("request_bounds.zig");
const request_headers = @import("request_headers.zig");

/// Whose expressions are evaluated, and since when; `null` until the first of them asks.
var tenant: ?[]const u8 = null;
var began: ?u64 = null;

/// Steps of programs that were evaluated before the clock was asked, and what they are put down as.
var untimed: u64 = 0;
const most_untimed = 5000;
const step_nanoseconds = 10;

/// What is evaluated up to `end` is on the account of the owner of `scope`.
pub fn begin(scope: []const u8) void {
    tenant = account.tenantOf(scope);
}

pub fn end() void {
    if (began) |start| {
        const now = clock.nanoseconds();
        account.took(tenant.?, account.classOf(request_headers.size()), now - start + untimed * step_nanoseconds, now);
    }
    tenant = null;
    began = null;
    untimed = 0;
}

/// A program has taken so many steps.
pub fn stepped(steps: usize) void {
    if (began == null) untimed += steps;
}

/// Whether the present request may have expressions evaluated.
fn check(owner: []const u8) error{OverBudget}!void {
    const now = clock.nanoseconds();
    const class = account.classOf(request_headers.size());
    if (!account.may(owner, class, now)) return error.OverBudget;
    began = now;
}

/// Whether another expression may be evaluated for the present request.
pub fn allow() error{ TooLarge, OverBudget }!void {
    if (request_bounds.headersAreTooLarge()) return error.TooLarge;
    const owner = tenant orelse return;
    const start = began orelse return check(owner);
    if (!account.mayGoOn(account.classOf(request_headers.size()), start)) return error.OverBudget;
}

/// The same for a program. The clock is not asked for those that take a few microseconds all together.
pub fn allowProgram() error{ TooLarge, OverBudget }!void {
    if (began == null and untimed <= most_untimed and !request_bounds.headersAreTooLarge()) {
        if (!account.has(tenant orelse return)) return;
    }
    return allow();
}
