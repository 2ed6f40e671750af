//! How the clients of a rule are told of limits, as a configuration says it: by headers, and by the answer over a limit.

const std = @import("std");
const descriptors = @import("descriptor.zig");
const document = @import("configuration_document.zig");
const header_form = @import("header_form.zig");
const host = @import("proxy_wasm_host.zig");
const json = @import("json_reader.zig");
const limited_answer = @import("limited_answer.zig");
const made_answer = @import("made_answer.zig");
const Form = header_form.Form;
const LimitedAnswer = limited_answer.LimitedAnswer;
const Allocator = std.mem.Allocator;
const refuse = json.refuse;

pub const Response = struct {
    form: Form = .{},
    limited_answer: LimitedAnswer = .{},
};

pub const as_the_service_says: Response = .{};

/// `compiler` makes attributes and programs ready.
pub fn compile(compiler: anytype, source: document.Response, path: *const json.Path) json.Error!*const Response {
    if (source.headers == null and source.retryAfter and source.overLimit == null) return &as_the_service_says;
    const allocator: Allocator = compiler.allocator;
    const response = try allocator.create(Response);
    response.* = .{ .form = .of(source.headers, source.retryAfter, if (source.overLimit) |over| over.problem else false) };
    if (source.overLimit) |over| response.limited_answer = try compileAnswer(compiler, over, &path.field("overLimit"));
    if (response.form.asked) |text| response.form.entry = try descriptors.serializeEntry(allocator, header_form.asked_by, text);
    return response;
}

fn compileAnswer(compiler: anytype, source: document.OverLimit, path: *const json.Path) json.Error!LimitedAnswer {
    if (source.code < 400 or source.code > 599) {
        const place = path.field("code");
        return refuse(&place, "must be from 400 to 599", .{});
    }
    const allocator: Allocator = compiler.allocator;
    const headers_path = path.field("headers");
    const headers = try allocator.alloc(host.Header, source.headers.items.len);
    for (source.headers.items, headers) |item, *header| {
        header.* = .{ .name = try allocator.dupe(u8, item.name), .value = try allocator.dupe(u8, item.value) };
        if (!host.isHeader(header.*)) return refuse(&headers_path, "have a name or a value that HTTP does not take", .{});
    }
    return .{
        .code = source.code,
        .message = if (source.message) |text| try allocator.dupe(u8, text) else limited_answer.too_many,
        .headers = headers,
        .body = if (source.body) |text| try allocator.dupe(u8, text) else null,
        .is_problem = source.problem,
        .made = if (source.made) |made| try made_answer.compile(compiler, made, &path.field("made")) else null,
    };
}
