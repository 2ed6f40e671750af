//! The tests beside the code of the parts that need no host.

comptime {
    _ = @import("authority.zig");
    _ = @import("call_retries.zig");
    _ = @import("cel/any_phase.zig");
    _ = @import("cel/conversion.zig");
    _ = @import("cel/moment.zig");
    _ = @import("cel/pattern.zig");
    _ = @import("cel/places.zig");
    _ = @import("cel/query.zig");
    _ = @import("cel/reader.zig");
    _ = @import("cel/work_budget.zig");
    _ = @import("claims.zig");
    _ = @import("counter_shard.zig");
    _ = @import("denial_memory.zig");
    _ = @import("denial_term.zig");
    _ = @import("failure_mode.zig");
    _ = @import("glob.zig");
    _ = @import("json_reader.zig");
    _ = @import("json_writer.zig");
    _ = @import("log_pace.zig");
    _ = @import("metrics.zig");
    _ = @import("official/evaluator.zig");
    _ = @import("packed_document.zig");
    _ = @import("protobuf.zig");
    _ = @import("response_code_details.zig");
    _ = @import("path_tree.zig");
}
