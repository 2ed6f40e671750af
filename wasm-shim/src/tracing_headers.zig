//! The headers of a request that let its trace go on in the rate limit service.

const attribute = @import("attribute.zig");
const host = @import("proxy_wasm_host.zig");
const request_headers = @import("request_headers.zig");

/// Passed on to the service, the most telling first. Two of them are lists that may come in parts.
pub const names = [_][]const u8{ "traceparent", "tracestate", "baggage" };

/// The most that their values may have together. Servers refuse a call with large metadata (from 8 KiB on), and a client must not
/// be able to choose that the failure mode decides.
const most_bytes = 4096;

/// Those of the request that go along, in `buffer`.
pub fn ofRequest(buffer: *[names.len]host.Header) error{OutOfMemory}![]const host.Header {
    var count: usize = 0;
    var room: usize = most_bytes;
    inline for (names) |name| if (try request_headers.joined(attribute.header_prefix ++ name)) |value| {
        if (value.len <= room and host.isPlain(value)) {
            buffer[count] = .{ .name = name, .value = value };
            count += 1;
            room -= value.len;
        }
    };
    return buffer[0..count];
}
