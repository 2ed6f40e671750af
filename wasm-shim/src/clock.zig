//! Time that never goes back, made from the host's clock, which may be set.

const host = @import("proxy_wasm_host.zig");

var last: u64 = 0;
var passed: u64 = 0;

/// Nanoseconds since some moment.
pub fn nanoseconds() u64 {
    const time = host.nanoseconds();
    if (last != 0) passed += time -| last;
    last = time;
    return passed;
}
