//! The project's own configuration: what a request asks of the rate limit service.

const attribute = @import("attribute.zig");
const configuration = @import("configuration.zig");
const decision_record = @import("decision_record.zig");
const failures = @import("failure.zig");
const host = @import("proxy_wasm_host.zig");
const live_explanation = @import("live_explanation.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const preflight = @import("preflight.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const request_headers = @import("request_headers.zig");
const routing = @import("routing.zig");
const soft_signal = @import("soft_signal.zig");

pub const Configuration = configuration.Configuration;
pub const Error = configuration.Error;
pub const read = configuration.read;

/// The calls that the request asks for, in scratch memory and in their order; `null` when its rule has no action, or none is its.
pub fn ask(current: *Configuration) rate_limit_call.Error!?[]const rate_limit_call.Call {
    decision_record.present.logged = current.content.has_decision_records;
    // Host and path are needed of nearly every request, and all headers cost no more than one of them.
    _ = try request_headers.all();
    decision_record.present.explained = try live_explanation.asks(current.content.explain_key);
    const table = current.content.hosts.find(try attribute.hostname()) orelse return null;
    const attributes = &current.content.attributes;
    attributes.beginRequest();
    var request: routing.Request = .{
        .attributes = attributes,
        .headers = &current.content.headers,
        .parameters = &current.content.parameters,
        .path = try attribute.Attribute.read(.path) orelse "",
    };
    const rule = switch (try table.select(&request)) {
        .none => return null,
        .rule => |rule| rule,
        .failed => |rule| {
            failures.present.rule = rule.name;
            noteRule(rule);
            return error.Failed;
        },
    };
    if (rule.actions.len == 0) return null;
    // Behind what limits see of the request, and whatever becomes of it.
    defer soft_signal.takeAway(rule.signals);
    if (!rule.counts_preflights and try preflight.isOne()) return null;
    noteRule(rule);
    host.refreshLogLevel();
    metrics.count(.requests);
    const calls = try rate_limit_call.requests(rule.actions, attributes);
    host.log(.debug, "rule {f}: {d} calls", .{ host.quoted(rule.name), calls.len });
    return calls;
}

fn noteRule(rule: *const routing.Rule) void {
    decision_record.present.rule = rule.name;
    decision_record.present.route = rule.route;
}
