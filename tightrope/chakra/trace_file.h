// Reading and writing Chakra's files: protobuf messages, each after its length as a varint; the
// first is the metadata, the others are one operation each. One file a rank.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/chakra/trace.h"

namespace tightrope::chakra {

/// The file's bytes: the same for the same trace. Besides Chakra's own fields and attributes
/// (is_cpu_op, comm_type, comm_size, comm_dst, comm_src, comm_tag, pg_name, num_ops, tensor_size)
/// it carries the exact duration as `duration_s`, since Chakra's field counts whole microseconds,
/// and in the metadata `rank` and each group's ranks as `group/NAME`. Others skip what they do not
/// know. The trace must pass check() (our caller's bug otherwise).
[[nodiscard]] std::string encode(const Trace& trace);

/// A trace from a file's bytes; `shown` names it in messages, and tells the rank ("step.12.et")
/// when the metadata does not. Attributes that we do not know are skipped. Errors, with the byte
/// where the message at fault starts: syntax (not such a file, cut off), range, and those of
/// check().
[[nodiscard]] Result<Trace> decode(std::string_view bytes, const std::string& shown);

/// Errors: io, and those of decode().
[[nodiscard]] Result<Trace> read_trace(const std::string& path);
/// Errors: io.
[[nodiscard]] Result<void> write_trace(const std::string& path, const Trace& trace);

/// "PREFIX.RANK.et", as simulators look for them.
[[nodiscard]] std::string trace_name(std::string_view prefix, int rank);

}  // namespace tightrope::chakra
