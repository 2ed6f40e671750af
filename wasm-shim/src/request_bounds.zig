//! How large a request may be: beyond these bounds it fails, whatever the failure mode, so that no client can choose to be let through.

const request_headers = @import("request_headers.zig");

/// The most bytes that the headers may have together, if any expression has to be evaluated: what policies are admitted by is what their
/// expressions cost for a request as large as this.
const largest_headers = 64 * 1024;

pub fn headersAreTooLarge() bool {
    return request_headers.size() > largest_headers;
}

/// The most bytes of a question to the rate limit service, which would refuse a larger one as a whole.
pub const largest_question = 256 * 1024;
