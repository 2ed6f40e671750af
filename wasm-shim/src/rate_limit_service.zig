//! A rate limit service as a configuration names it: where it is, how long its answer is waited for, what goes along with each call.

const std = @import("std");
const call_retries = @import("call_retries.zig");
const counter_shard = @import("counter_shard.zig");
const document = @import("configuration_document.zig");
const host = @import("proxy_wasm_host.zig");
const json = @import("json_reader.zig");
const protobuf = @import("protobuf.zig");
const service_circuit = @import("service_circuit.zig");
const FailureMode = @import("failure_mode.zig").FailureMode;
const Allocator = std.mem.Allocator;
const Path = json.Path;
const refuse = json.refuse;

const longest_timeout_ms = 60_000;

pub const Service = struct {
    name: []const u8,
    /// A serialized `envoy.config.core.v3.GrpcService`. Never a bare cluster name: one that happens to be a valid message would
    /// be read as that message, without a target, and end the whole Envoy process.
    target: []const u8,
    timeout_ms: u32,
    failure_mode: FailureMode,
    /// Goes along with every call. Never logged: it may be a secret.
    metadata: []const host.Header = &.{},
    reach: call_retries.Reach = .{},
    circuit: service_circuit.Circuit = .{},
    /// Whether its denials are kept for as long as they hold.
    remembers: bool = false,
    /// No other service has it, of whatever configuration.
    number: u64 = 0,
    /// It is this gateway itself, which counts in `shared_counters`.
    is_here: bool = false,
    /// What of a shard each of its limits may have, and whether there are more limits than have room.
    share: usize = 0,
    is_crowded: bool = false,

    /// So many limits with values are counted here.
    pub fn divide(service: *Service, limits: usize) void {
        service.share = std.math.clamp(counter_shard.most / @max(limits, 1), 2, counter_shard.most);
        service.is_crowded = limits * service.share > counter_shard.most;
    }
};

var made: u64 = 0;

pub fn compile(allocator: Allocator, name: []const u8, source: document.Service, path: *const Path) json.Error!*Service {
    if (source.here) return here(allocator, name, source, path);
    const place = path.field("timeoutMs");
    const timeout_ms = source.timeoutMs orelse return refuse(&place, "is missing", .{});
    if (timeout_ms < 1 or timeout_ms > longest_timeout_ms) {
        return refuse(&place, "must be from 1 to {d}", .{longest_timeout_ms});
    }
    if ((source.cluster == null) == (source.googleGrpc == null)) return refuse(path, "needs exactly one of cluster and googleGrpc", .{});
    const cluster = path.field("cluster");
    const google_grpc = path.field("googleGrpc");
    const metadata = path.field("metadata");
    const service = try allocator.create(Service);
    made += 1;
    service.* = .{
        .name = try allocator.dupe(u8, name),
        .target = if (source.cluster) |text|
            try envoyGrpc(allocator, try notEmpty(text, &cluster))
        else
            try googleGrpc(allocator, try notEmpty(source.googleGrpc.?, &google_grpc)),
        .timeout_ms = timeout_ms,
        .failure_mode = source.failureMode,
        .metadata = try compileMetadata(allocator, source.metadata.items, &metadata),
        .remembers = source.rememberDenials,
        .number = made,
    };
    return service;
}

fn here(allocator: Allocator, name: []const u8, source: document.Service, path: *const Path) json.Error!*Service {
    if (source.cluster != null or source.googleGrpc != null) return refuse(path, "is this gateway, which needs no cluster and no googleGrpc", .{});
    const service = try allocator.create(Service);
    service.* = .{ .name = try allocator.dupe(u8, name), .target = "", .timeout_ms = 0, .failure_mode = source.failureMode, .is_here = true };
    return service;
}

/// Neither names nor values are in what is logged.
fn compileMetadata(allocator: Allocator, source: anytype, path: *const Path) json.Error![]const host.Header {
    const pairs = try allocator.alloc(host.Header, source.len);
    for (source, pairs) |item, *pair| {
        if (!host.isMetadata(item.name, item.value)) return refuse(path, "has a name or a value that gRPC does not take", .{});
        pair.* = .{ .name = try allocator.dupe(u8, item.name), .value = try allocator.dupe(u8, item.value) };
    }
    return pairs;
}

fn notEmpty(text: []const u8, path: *const Path) json.Error![]const u8 {
    return if (text.len > 0) text else refuse(path, "must not be empty", .{});
}

/// `GrpcService{envoy_grpc: {cluster_name}}`.
fn envoyGrpc(allocator: Allocator, cluster: []const u8) error{OutOfMemory}![]const u8 {
    var target: protobuf.Writer = .{ .allocator = allocator };
    try target.string(1, cluster);
    var service: protobuf.Writer = .{ .allocator = allocator };
    try service.string(1, target.bytes.items);
    return service.bytes.items;
}

/// `GrpcService{google_grpc: {target_uri, stat_prefix, channel_args}}`. What becomes of a call that could not be sent is not told by
/// this client of Envoy's; so that it waits for its connection itself, and for the whole of the call's time, is said by the arguments.
fn googleGrpc(allocator: Allocator, address: []const u8) error{OutOfMemory}![]const u8 {
    var arguments: protobuf.Writer = .{ .allocator = allocator };
    var waits: protobuf.Writer = .{ .allocator = allocator };
    try waits.string(1, "{\"methodConfig\":[{\"name\":[{}],\"waitForReady\":true}]}");
    try argument(&arguments, "grpc.service_config", waits.bytes.items);
    // Before gRPC tries a connection or a name again, it would wait for seconds.
    inline for (.{ .{ "initial", 100 }, .{ "min", 500 }, .{ "max", 1000 } }) |pause| {
        var value: protobuf.Writer = .{ .allocator = allocator };
        try value.integer(2, pause[1]);
        try argument(&arguments, "grpc." ++ pause[0] ++ "_reconnect_backoff_ms", value.bytes.items);
    }
    var target: protobuf.Writer = .{ .allocator = allocator };
    try target.string(1, address);
    try target.string(4, "kuadrant");
    try target.string(8, arguments.bytes.items);
    var service: protobuf.Writer = .{ .allocator = allocator };
    try service.string(2, target.bytes.items);
    return service.bytes.items;
}

fn argument(arguments: *protobuf.Writer, name: []const u8, value: []const u8) error{OutOfMemory}!void {
    var entry: protobuf.Writer = .{ .allocator = arguments.allocator };
    try entry.string(1, name);
    try entry.string(2, value);
    try arguments.string(1, entry.bytes.items);
}
