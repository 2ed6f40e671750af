//! One request's life: which questions it raises, the answers it waits for, and what becomes of it.

const std = @import("std");
const call_retries = @import("call_retries.zig");
const decision_record = @import("decision_record.zig");
const decision_reports = @import("decision_reports.zig");
const failure_mode = @import("failure_mode.zig");
const front = @import("root").front;
const failures = @import("failure.zig");
const gateway_limits = @import("gateway_limits.zig");
const host = @import("proxy_wasm_host.zig");
const kept = @import("kept_stream.zig");
const known_denials = @import("known_denials.zig");
const live_explanation = @import("live_explanation.zig");
const metrics = @import("metrics.zig");
const rate_limit_answer = @import("rate_limit_answer.zig");
const rate_limit_call = @import("rate_limit_call.zig");
const refusal = @import("refusal.zig");
const request_headers = @import("request_headers.zig");
const response_code_details = @import("response_code_details.zig");
const service_circuit = @import("service_circuit.zig");
const shadow_calls = @import("shadow_calls.zig");
const Stream = kept.Stream;
const destroy = kept.destroy;

/// What the host does next with the request.
pub const Action = enum(u32) { proceed = 0, pause = 1 };

/// The request's headers have come. Most requests end here: nothing is allocated for one that no rule has an action for.
pub fn begin(id: u32, root: u32, configuration: *front.Configuration) Action {
    request_headers.forget();
    defer request_headers.forget();
    failures.present = .{};
    decision_record.present = .{ .stream = id };
    return decide(id, root, configuration) catch |reason| {
        refusal.refuseUnseen(.of(reason));
        return .pause;
    };
}

fn decide(id: u32, root: u32, configuration: *front.Configuration) rate_limit_call.Error!Action {
    const calls = try front.ask(configuration) orelse {
        if (decision_record.present.explained) decision_record.leave(&decision_record.present, .allowed, &.{});
        return .proceed;
    };
    if (calls.len == 0) {
        metrics.count(.allowed);
        decision_record.leave(&decision_record.present, .allowed, calls);
        return .proceed;
    }
    const untold = refusal.answerKnown(calls[0], calls) orelse return .pause;
    const stream = try kept.create(id, root, configuration, calls);
    stream.untold = stream.arena.allocator().dupe(u8, untold) catch "";
    return advance(stream);
}

/// Goes on to the next call. When none is left, the request goes on. `stream` is the effective context.
fn advance(stream: *Stream) Action {
    while (stream.next < stream.calls.len) {
        stream.next += 1;
        if (stream.current().service.is_here) {
            const answer = gateway_limits.decide(stream.current(), &stream.counted) catch {
                if (stream.current().refuses_nobody) continue;
                end(stream, failure_mode.uncounted(stream.current()));
                return .pause;
            };
            if (stream.current().in_shadow) continue;
            return take(stream, answer);
        }
        if (stream.current().in_shadow) {
            shadow_calls.send(stream.current(), stream.member.root, stream.configuration);
            host.setEffectiveContext(stream.id);
            continue;
        }
        // Of the first one that was asked for before there was a stream.
        if (stream.next > 1 or !refusal.isAnsweredAlone(stream.current())) {
            switch (known_denials.recall(stream.current(), stream.current().message)) {
                .answer => |answer| return take(stream, answer),
                .ask => |untold| stream.untold = stream.arena.allocator().dupe(u8, untold) catch "",
            }
        }
        const service = stream.current().service;
        if (service.circuit.is_away and stream.current().canDoWithout()) {
            if (fails(stream, .{ .kind = .away })) return .pause;
            continue;
        }
        stream.member.begin(&service.reach, service.timeout_ms, stream.current().canDoWithout());
        if (!service.reach.isLost() and start(stream, stream.current().message, service.timeout_ms)) return .pause;
        stream.member.wait() catch {
            if (fails(stream, .{ .kind = .memory })) return .pause;
            continue;
        };
        return .pause;
    }
    metrics.count(.allowed);
    stream.counted.clearRetainingCapacity();
    stream.signals.addToRequest();
    stream.decision.exceeded = stream.signals.keys.items;
    decision_record.leave(&stream.decision, .allowed, stream.calls);
    if (stream.told.isEmpty()) destroy(stream);
    return .proceed;
}

fn start(stream: *Stream, message: []const u8, timeout_ms: u32) bool {
    const call = stream.current();
    stream.sent = known_denials.sending(call);
    const token = host.startGrpcCall(.{
        .service = call.service.target,
        .name = rate_limit_call.service_name,
        .method = rate_limit_call.method_name,
        .metadata = known_denials.metadata(call, stream.untold),
        .message = message,
        .timeout_ms = timeout_ms,
    }) orelse return false;
    stream.waiting_for = token;
    kept.callers.putAssumeCapacity(token, stream);
    return true;
}

/// A root context that has streams which wait for their service is called from time to time.
pub fn tick(root: u32) void {
    const round: call_retries.Round = .begin(null);
    while (round.next()) |turn| switch (turn) {
        .call => |member| again(of(member)),
        .over => |member| giveUp(of(member)),
    };
    host.setEffectiveContext(root);
    service_circuit.tick(root);
    call_retries.rest(root, service_circuit.isProbing(root));
}

fn giveUp(stream: *Stream) void {
    service_circuit.waitedInVain(stream.current(), &stream.member, stream.configuration);
    goOn(stream, .{ .kind = .@"unreachable" });
}

/// A service has answered: those that wait for it need not.
fn release(reach: *const call_retries.Reach) void {
    const round: call_retries.Round = .begin(reach);
    while (round.next()) |turn| again(of(turn.call));
}

/// Tries a call again that has waited. `stream` is the effective context.
fn again(stream: *Stream) void {
    if (!start(stream, stream.current().message, stream.member.remainingMs())) waitAgain(stream);
}

fn waitAgain(stream: *Stream) void {
    stream.member.wait() catch goOn(stream, .{ .kind = .memory });
}

fn of(member: *call_retries.Member) *Stream {
    return @alignCast(@fieldParentPtr("member", member));
}

/// The current call has no answer. True when the request was refused for it, and `stream` is gone.
fn fails(stream: *Stream, failure: failures.Failure) bool {
    const call = stream.current();
    if (failure_mode.letsPass(call, failure)) {
        stream.decision.passed = failure;
        return false;
    }
    end(stream, failure);
    return true;
}

fn end(stream: *Stream, failure: failures.Failure) void {
    const call = stream.current();
    const place: failures.Place = .{ .scope = call.scope, .limit = call.onlyLimit() };
    decision_record.leave(&stream.decision, .{ .failed = .{ .failure = failure, .place = place } }, stream.calls);
    const details = response_code_details.failed(failure, place);
    destroy(stream);
    failure_mode.answerError(details);
}

/// The stream that waits for the answer of this call, made current; `null` when the client is gone or it was told already.
fn receiver(token: u32) ?*Stream {
    const caller = kept.callers.fetchSwapRemove(token) orelse return null;
    const stream = caller.value;
    stream.waiting_for = null;
    host.setEffectiveContext(stream.id);
    return stream;
}

/// The service of the current call has answered, whatever it says. `stream` is the effective context.
fn answered(stream: *const Stream) void {
    service_circuit.hear(stream.current().service);
    if (stream.member.reach.waiting == 0) return;
    release(stream.member.reach);
    host.setEffectiveContext(stream.id);
}

/// The service has answered. The message is fetched before the stream is made current, as it belongs to the root context.
pub fn receive(token: u32, length: usize) void {
    if (decision_reports.receive(token, length) or shadow_calls.receive(token, length)) return;
    if (service_circuit.receive(token)) |service| return release(&service.reach);
    const message = host.grpcMessage(length) catch null;
    const stream = receiver(token) orelse return;
    stream.member.leave();
    stream.untold = "";
    answered(stream);
    const answer = rate_limit_answer.parse(message orelse "") catch |reason| {
        if (stream.refused != null) return lookOn(stream);
        return goOn(stream, switch (reason) {
            error.Malformed => .{ .kind = .bad_answer },
            error.OutOfMemory => .{ .kind = .memory },
        });
    };
    if (answer.follow.len > 0) decision_reports.hear(answer.follow, stream.current().service);
    if (stream.refused != null) {
        known_denials.note(stream.current(), stream.current().looking() catch "", message.?, answer, stream.sent);
        stream.told.takeAgain(answer.headers);
        return lookOn(stream);
    }
    known_denials.note(stream.current(), stream.current().message, message.?, answer, stream.sent);
    if (take(stream, answer) == .proceed) host.continueRequest();
}

/// Does with the request what the answer to its current call says. `stream` is the effective context.
fn take(stream: *Stream, answer: rate_limit_answer.Answer) Action {
    switch (answer.verdict) {
        .ok => {
            takeHeaders(stream, answer);
            stream.signals.take(stream.arena.allocator(), stream.current().limits, answer.headers) catch host.log(.debug, "no memory for signals of soft limits", .{});
            return advance(stream);
        },
        .over_limit => {
            takeHeaders(stream, answer);
            const details = refusal.note(&stream.decision, stream.current(), answer, stream.calls);
            gateway_limits.takeBack(&stream.counted, 0);
            stream.refused = .{ .call = stream.current(), .details = stream.arena.allocator().dupe(u8, details) catch "" };
            lookOn(stream);
            return .pause;
        },
    }
}

/// The call ended without an answer.
pub fn close(token: u32, status: u32) void {
    if (decision_reports.close(token) or shadow_calls.close(token, status) or service_circuit.close(token, status)) return;
    const message = if (status == failure_mode.unavailable) host.grpcStatusMessage() else "";
    const stream = receiver(token) orelse return;
    stream.member.leave();
    if (stream.refused != null) return lookOn(stream);
    if (call_retries.wasNotSent(message)) return waitAgain(stream);
    const failure = failure_mode.endOf(status, message);
    switch (failure.kind) {
        .refused => service_circuit.hear(stream.current().service),
        .timeout => service_circuit.waitedInVain(stream.current(), &stream.member, stream.configuration),
        else => {},
    }
    goOn(stream, failure);
}

fn goOn(stream: *Stream, failure: failures.Failure) void {
    if (fails(stream, failure)) return;
    if (advance(stream) == .proceed) host.continueRequest();
}

/// Asks the next of the questions that are left of a refused request when it has room, and answers when none is: one that the service
/// does not say it of, or does not answer at all, does not count. `stream` is the effective context.
fn lookOn(stream: *Stream) void {
    // Who is refused here costs no service anything.
    if (stream.told.retry_after.is_asked and !stream.refused.?.call.service.is_here) while (stream.next < stream.calls.len) {
        stream.next += 1;
        const call = stream.current();
        if (!call.asks_again or call.service.is_here) continue;
        const message = call.looking() catch continue;
        switch (known_denials.recall(call, message)) {
            .ask => {},
            .answer => |answer| {
                stream.told.takeAgain(answer.headers);
                continue;
            },
        }
        if (call.service.circuit.is_away) continue;
        stream.member.begin(&call.service.reach, call.service.timeout_ms, true);
        if (!call.service.reach.isLost() and start(stream, message, call.service.timeout_ms)) return;
    };
    const refused = stream.refused.?;
    // What it is told goes with its stream, which has to be gone when the host shows the answer.
    refused.call.response.limited_answer.send(&stream.told, refused.details, refused.call.scope);
    destroy(stream);
}

fn takeHeaders(stream: *Stream, answer: rate_limit_answer.Answer) void {
    const form = &stream.current().response.form;
    stream.told.take(stream.arena.allocator(), form, answer.headers, answer.verdict == .over_limit, stream.current().by_cost) catch host.log(.debug, "no memory for the answer's headers", .{});
}

/// The response's headers have come. This is called for answers of this module, too; their stream is gone by then.
pub fn finish(id: u32) void {
    live_explanation.finish(id);
    const stream = kept.streams.get(id) orelse return;
    stream.told.addToResponse();
    destroy(stream);
}

/// The stream has ended, or its client has gone.
pub fn forget(id: u32) void {
    live_explanation.forget(id);
    destroy(kept.streams.get(id) orelse return);
}
