#include "tightrope/chakra/trace_file.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "tightrope/chakra/execution_trace.pb.h"
#include "tightrope/core/check.h"
#include "tightrope/core/csv.h"

namespace tightrope::chakra {
namespace {

namespace io = google::protobuf::io;

constexpr std::string_view group_prefix = "group/";

constexpr std::int64_t most_bytes = std::int64_t{1} << 53;

std::uint64_t micros(Seconds time) {
  return static_cast<std::uint64_t>(std::llround(time.raw() * 1e6));
}

// Writing.

class Attributes {
 public:
  explicit Attributes(wire::Operation& operation) : operation_(operation) {}
  void flag(const char* name, bool v) { add(name).set_flag(v); }
  void small(const char* name, int v) { add(name).set_small(v); }
  void whole(const char* name, std::int64_t v) { add(name).set_whole(v); }
  void count(const char* name, std::uint64_t v) { add(name).set_count(v); }
  void real(const char* name, double v) { add(name).set_real(v); }
  void text(const char* name, const std::string& v) { add(name).set_text(v); }

 private:
  wire::Attribute& add(const char* name) {
    wire::Attribute& attribute = *operation_.add_attributes();
    attribute.set_name(name);
    return attribute;
  }
  wire::Operation& operation_;
};

void add_attributes(const Node& node, Attributes a) {
  const std::int64_t bytes = std::llround(node.bytes.raw());
  a.flag("is_cpu_op", false);
  switch (node.kind) {
    case NodeKind::collective:
      a.whole("comm_type", static_cast<std::int64_t>(node.collective));
      a.whole("comm_size", bytes);
      if (!node.group.empty()) a.text("pg_name", node.group);
      break;
    case NodeKind::send:
    case NodeKind::recv:
      a.whole("comm_size", bytes);
      a.small(node.kind == NodeKind::send ? "comm_dst" : "comm_src", node.peer);
      a.small("comm_tag", node.tag);
      break;
    case NodeKind::memory_load:
    case NodeKind::memory_store: a.count("tensor_size", static_cast<std::uint64_t>(bytes)); break;
    case NodeKind::compute:
      if (node.flops.raw() > 0) a.whole("num_ops", std::llround(node.flops.raw()));
      if (bytes > 0) a.count("tensor_size", static_cast<std::uint64_t>(bytes));
      break;
    case NodeKind::metadata: break;
  }
  const double whole_micros = static_cast<double>(micros(node.duration)) * 1e-6;
  if (node.duration.raw() != whole_micros) a.real("duration_s", node.duration.raw());
  const double start_micros = static_cast<double>(micros(node.start)) * 1e-6;
  if (node.start.raw() != start_micros) a.real("start_s", node.start.raw());
}

void put(io::CodedOutputStream& out, const google::protobuf::MessageLite& message) {
  out.WriteVarint32(static_cast<std::uint32_t>(message.ByteSizeLong()));
  TR_CHECK(message.SerializeToCodedStream(&out));
}

wire::Metadata metadata_of(const Trace& trace) {
  wire::Metadata metadata;
  metadata.set_version(trace.version);
  if (trace.rank >= 0) {
    wire::Attribute& rank = *metadata.add_attributes();
    rank.set_name("rank");
    rank.set_small(trace.rank);
  }
  for (const Group& group : trace.groups) {
    wire::Attribute& attribute = *metadata.add_attributes();
    attribute.set_name(std::string(group_prefix) + group.name);
    wire::IntList& list = *attribute.mutable_small_list();
    for (const int rank : group.ranks) list.add_values(rank);
  }
  return metadata;
}

wire::Operation operation_of(const Node& node) {
  wire::Operation operation;
  operation.set_id(node.id);
  operation.set_name(node.name);
  operation.set_type(static_cast<int>(node.kind));
  for (const std::uint64_t id : node.control_deps) operation.add_control_dependencies(id);
  for (const std::uint64_t id : node.deps) operation.add_data_dependencies(id);
  operation.set_start_micros(micros(node.start));
  operation.set_duration_micros(micros(node.duration));
  add_attributes(node, Attributes(operation));
  return operation;
}

// Reading.

/// An attribute's number, whichever type its writer chose.
std::optional<std::int64_t> number_of(const wire::Attribute& a) {
  switch (a.value_case()) {
    case wire::Attribute::kSmall: return a.small();
    case wire::Attribute::kWhole: return a.whole();
    case wire::Attribute::kSmallCount: return a.small_count();
    case wire::Attribute::kCount:
      if (a.count() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) break;
      return static_cast<std::int64_t>(a.count());
    default: break;
  }
  return std::nullopt;
}

class Decoder {
 public:
  Decoder(std::string_view bytes, const std::string& shown) : bytes_(bytes), shown_(shown) {}

  Result<Trace> read();

 private:
  /// The next message's bytes; nothing at the end.
  Result<std::optional<std::string_view>> next();
  Result<void> read_metadata(std::string_view message);
  Result<Node> read_node(std::string_view message) const;
  Result<void> read_attribute(const wire::Attribute& attribute, Node& node) const;
  [[nodiscard]] Result<int> small(const wire::Attribute& a, std::int64_t lowest,
                                  std::int64_t highest) const;
  [[nodiscard]] Failure fault(ErrorCode code, const std::string& what, std::string hint) const {
    return fail(code, fmt::format("byte {}: {}", start_, what), {shown_, 0, 0}, std::move(hint));
  }

  std::string_view bytes_;
  const std::string& shown_;
  std::size_t at_ = 0, start_ = 0;
  Trace trace_;
};

Result<std::optional<std::string_view>> Decoder::next() {
  start_ = at_;
  if (at_ == bytes_.size()) return std::nullopt;
  io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes_.data()) + at_,
                          static_cast<int>(std::min<std::size_t>(bytes_.size() - at_, 16)));
  std::uint32_t size = 0;
  if (!in.ReadVarint32(&size)) {
    return fault(ErrorCode::syntax, "expected a message's length, found no whole varint",
                 "the file is cut off, or no Chakra trace");
  }
  at_ += static_cast<std::size_t>(in.CurrentPosition());
  if (size > bytes_.size() - at_) {
    return fault(
        ErrorCode::syntax,
        fmt::format("expected a message of {} bytes, {} are left", size, bytes_.size() - at_),
        "the file is cut off, packed (gunzip it), or no Chakra trace");
  }
  const std::string_view message = bytes_.substr(at_, size);
  at_ += size;
  return message;
}

Result<int> Decoder::small(const wire::Attribute& a, std::int64_t lowest,
                           std::int64_t highest) const {
  const auto number = number_of(a);
  if (!number || *number < lowest || *number > highest) {
    return fault(ErrorCode::range,
                 fmt::format("{} is no whole number of {} to {}", a.name(), lowest, highest),
                 "see Chakra's et_def.proto for the attributes of an operation");
  }
  return static_cast<int>(*number);
}

Result<void> Decoder::read_metadata(std::string_view message) {
  wire::Metadata metadata;
  if (!metadata.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return fault(ErrorCode::syntax, "expected the metadata, found no such message",
                 "the first message of a Chakra trace names the schema's version");
  }
  trace_.version = metadata.version();
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  for (const wire::Attribute& attribute : metadata.attributes()) {
    if (attribute.name() == "rank") {
      TR_TRY(trace_.rank, small(attribute, 0, most));
    } else if (attribute.name().starts_with(group_prefix)) {
      const auto& list = attribute.small_list().values();
      trace_.groups.push_back(
          {attribute.name().substr(group_prefix.size()), {list.begin(), list.end()}});
    }
  }
  return {};
}

Result<void> Decoder::read_attribute(const wire::Attribute& a, Node& node) const {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  const std::string& name = a.name();
  if (name == "comm_size" || name == "tensor_size" || name == "num_ops") {
    const auto number = number_of(a);
    if (!number || *number < 0 || *number > most_bytes) {
      return fault(ErrorCode::range, fmt::format("{} is no whole number from 0 to 2^53", name),
                   "sizes are bytes, num_ops are operations");
    }
    if (name == "num_ops") {
      node.flops = Flops(static_cast<double>(*number));
    } else {
      node.bytes = Bytes(static_cast<double>(*number));
    }
  } else if (name == "comm_type") {
    TR_TRY(const int type, small(a, 0, 9));
    node.collective = static_cast<Collective>(type);
  } else if (name == (node.kind == NodeKind::recv ? "comm_src" : "comm_dst")) {
    TR_TRY(node.peer, small(a, 0, most));
  } else if (name == "comm_tag") {
    TR_TRY(node.tag, small(a, std::numeric_limits<int>::min(), most));
  } else if (name == "pg_name") {
    node.group = a.value_case() == wire::Attribute::kText ? a.text() : std::string();
  } else if (name == "duration_s" && a.value_case() == wire::Attribute::kReal) {
    node.duration = Seconds(a.real());
  } else if (name == "start_s" && a.value_case() == wire::Attribute::kReal) {
    node.start = Seconds(a.real());
  }
  return {};
}

Result<Node> Decoder::read_node(std::string_view message) const {
  wire::Operation operation;
  if (!operation.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return fault(ErrorCode::syntax, "expected an operation, found no such message",
                 "the file is damaged, or of another schema");
  }
  Node node;
  node.id = operation.id();
  node.name = operation.name();
  const int type = operation.type();
  if (type < static_cast<int>(NodeKind::metadata) ||
      type > static_cast<int>(NodeKind::collective)) {
    return fault(ErrorCode::range,
                 fmt::format("node {} ({}) has the type {}", node.id, node.name, type),
                 "Chakra's types are 1 (metadata) to 7 (collective)");
  }
  node.kind = static_cast<NodeKind>(type);
  node.start = Seconds(static_cast<double>(operation.start_micros()) * 1e-6);
  node.duration = Seconds(static_cast<double>(operation.duration_micros()) * 1e-6);
  const auto& data = operation.data_dependencies();
  const auto& control = operation.control_dependencies();
  node.deps.assign(data.begin(), data.end());
  node.control_deps.assign(control.begin(), control.end());
  bool sized = false, typed = false;
  for (const wire::Attribute& attribute : operation.attributes()) {
    sized = sized || attribute.name() == "comm_size";
    typed = typed || attribute.name() == "comm_type";
    TR_TRY_VOID(read_attribute(attribute, node));
  }
  const bool moves = node.kind == NodeKind::send || node.kind == NodeKind::recv ||
                     (node.kind == NodeKind::collective && node.collective != Collective::barrier);
  if ((moves && !sized) || (node.kind == NodeKind::collective && !typed)) {
    return fault(
        ErrorCode::not_found,
        fmt::format("node {} ({}) has no {}", node.id, node.name,
                    node.kind == NodeKind::collective && !typed ? "comm_type" : "comm_size"),
        "communication names its size, a collective also its type");
  }
  return node;
}

Result<Trace> Decoder::read() {
  TR_TRY(const auto first, next());
  if (!first) return fault(ErrorCode::syntax, "the file is empty", "a trace starts with metadata");
  TR_TRY_VOID(read_metadata(*first));
  while (true) {
    TR_TRY(const auto message, next());
    if (!message) break;
    TR_TRY(Node node, read_node(*message));
    trace_.nodes.push_back(std::move(node));
  }
  TR_TRY_VOID(check(trace_, shown_));
  return std::move(trace_);
}

/// 12 of "step.12.et"; -1 of other names.
int rank_in(std::string_view name) {
  if (!name.ends_with(".et")) return -1;
  name.remove_suffix(3);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return -1;
  const std::string_view digits = name.substr(dot + 1);
  int rank = -1;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
  return code == std::errc() && end == digits.data() + digits.size() ? rank : -1;
}

}  // namespace

std::string encode(const Trace& trace) {
  TR_CHECK(check(trace, "").has_value());
  std::string bytes;
  {
    io::StringOutputStream sink(&bytes);
    io::CodedOutputStream out(&sink);
    out.SetSerializationDeterministic(true);
    put(out, metadata_of(trace));
    for (const Node& node : trace.nodes) put(out, operation_of(node));
  }
  return bytes;
}

Result<Trace> decode(std::string_view bytes, const std::string& shown) {
  TR_TRY(Trace trace, Decoder(bytes, shown).read());
  if (trace.rank < 0) trace.rank = rank_in(shown);
  return trace;
}

Result<Trace> read_trace(const std::string& path) {
  TR_TRY(const std::string bytes, read_file(path));
  return decode(bytes, path);
}

Result<void> write_trace(const std::string& path, const Trace& trace) {
  return write_file(path, encode(trace));
}

std::string trace_name(std::string_view prefix, int rank) {
  return fmt::format("{}.{}.et", prefix, rank);
}

}  // namespace tightrope::chakra
