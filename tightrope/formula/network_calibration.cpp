#include "tightrope/formula/network_calibration.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "tightrope/core/check.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::formula {
namespace {

/// A key of a table: how its value is read into an entry and written from it.
template <class Entry>
struct Key {
  const char* name;
  double high;  ///< the least is 0, or -high for quantiles
  std::function<double(const Entry&)> get;
  std::function<void(Entry&, double)> set;
};
template <class Entry>
struct Text {
  const char* name;
  std::string Entry::* field;
};

constexpr double us = 1e-6, ns = 1e-9, giga = 1e9;

template <class Entry>
Key<Entry> rows_key() {
  return {"rows", 1e9, [](const Entry& e) { return static_cast<double>(e.rows); },
          [](Entry& e, double v) { e.rows = static_cast<int>(v); }};
}

template <class Entry, class Inner, class Quantity>
Key<Entry> quantity(const char* name, double unit, double high, Inner Entry::* in,
                    Quantity Inner::* field) {
  return {name, high, [=](const Entry& e) { return (e.*in.*field).raw() / unit; },
          [=](Entry& e, double v) { e.*in.*field = Quantity(v * unit); }};
}

template <class Entry, class Inner>
Key<Entry> share(const char* name, Inner Entry::* in, double Inner::* field) {
  constexpr double most = 2.0;  // local copies never cross a link
  return {name, most, [=](const Entry& e) { return e.*in.*field; },
          [=](Entry& e, double v) { e.*in.*field = v; }};
}

using DirectKeys = std::vector<Key<DirectReduceEntry>>;
DirectKeys direct_keys() {
  using E = DirectReduceEntry;
  using C = DirectReduceCoefficients;
  return {quantity<E>("latency_us", us, 1e4, &E::fitted, &C::latency),
          quantity<E>("rank_latency_us", us, 1e3, &E::fitted, &C::rank_latency),
          share<E>("one_shot_share", &E::fitted, &C::one_shot_share),
          quantity<E>("second_barrier_us", us, 1e4, &E::fitted, &C::second_barrier),
          share<E>("two_shot_share", &E::fitted, &C::two_shot_share),
          rows_key<E>()};
}

std::vector<Key<ExchangeEntry>> exchange_keys() {
  using E = ExchangeEntry;
  using C = ExchangeCoefficients;
  return {quantity<E>("latency_us", us, 1e4, &E::fitted, &C::latency),
          quantity<E>("expert_latency_ns", ns, 1e5, &E::fitted, &C::expert_latency),
          quantity<E>("copy_rate_gbytes_per_s", giga, 1e5, &E::fitted, &C::copy_rate),
          quantity<E>("token_ns", ns, 1e5, &E::fitted, &C::token),
          quantity<E>("message_ns", ns, 1e5, &E::fitted, &C::message),
          share<E>("share", &E::fitted, &C::share),
          rows_key<E>()};
}

std::vector<Key<HostEntry>> host_keys() {
  return {{"launch_us", 1e4, [](const HostEntry& e) { return e.launch.raw() / us; },
           [](HostEntry& e, double v) { e.launch = Seconds(v * us); }},
          rows_key<HostEntry>()};
}

std::vector<Key<NetworkBand>> band_keys() {
  constexpr double most = 10.0;
  return {{"q05", most, [](const NetworkBand& b) { return b.q05; },
           [](NetworkBand& b, double v) { b.q05 = v; }},
          {"q95", most, [](const NetworkBand& b) { return b.q95; },
           [](NetworkBand& b, double v) { b.q95 = v; }}};
}

const std::vector<Text<DirectReduceEntry>> direct_texts = {{"link", &DirectReduceEntry::link},
                                                           {"engine", &DirectReduceEntry::engine}};
const std::vector<Text<ExchangeEntry>> exchange_texts = {{"link", &ExchangeEntry::link},
                                                         {"mode", &ExchangeEntry::mode},
                                                         {"phase", &ExchangeEntry::phase}};
const std::vector<Text<HostEntry>> host_texts = {{"engine", &HostEntry::engine}};
const std::vector<Text<NetworkBand>> band_texts = {{"what", &NetworkBand::what}};

Where where_of(const toml::node& node, const std::string& file) {
  return {file, static_cast<int>(node.source().begin.line),
          static_cast<int>(node.source().begin.column)};
}

constexpr const char* again = "correct it, or run `tightrope calibrate network` again";

template <class Entry>
Result<void> read_key(const toml::key& name, const toml::node& node, const std::string& file,
                      const std::vector<Text<Entry>>& texts, const std::vector<Key<Entry>>& keys,
                      Entry& into) {
  for (const Text<Entry>& text : texts) {
    if (name != text.name) continue;
    const auto value = node.value<std::string>();
    if (!value) {
      return fail(ErrorCode::type, fmt::format("expected a text for `{}`", text.name),
                  where_of(node, file), again);
    }
    into.*text.field = *value;
    return {};
  }
  for (const Key<Entry>& key : keys) {
    if (name != key.name) continue;
    const auto value = node.value<double>();
    const double low = name == "q05" || name == "q95" ? -key.high : 0.0;
    if (!value || !(*value >= low && *value <= key.high)) {
      return fail(
          value ? ErrorCode::range : ErrorCode::type,
          fmt::format("expected a number from {:g} to {:g} for `{}`", low, key.high, key.name),
          where_of(node, file), again);
    }
    key.set(into, *value);
    return {};
  }
  return fail(ErrorCode::unknown_key, fmt::format("nobody reads `{}`", std::string(name.str())),
              where_of(node, file), "remove it, or see calibration/network.toml for the keys");
}

template <class Entry>
Result<std::vector<Entry>> read_list(const toml::table& root, const char* name,
                                     const std::string& file, const std::vector<Text<Entry>>& texts,
                                     const std::vector<Key<Entry>>& keys) {
  std::vector<Entry> out;
  const toml::node* node = root.get(name);
  if (node == nullptr) return out;
  if (!node->is_array_of_tables()) {
    return fail(ErrorCode::type, fmt::format("expected tables [[{}]]", name), where_of(*node, file),
                again);
  }
  for (const toml::node& item : *node->as_array()) {
    Entry entry;
    for (const auto& [key, value] : *item.as_table()) {
      TR_TRY_VOID(read_key(key, value, file, texts, keys, entry));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

template <class Entry>
void write_list(std::string& out, const char* name, const std::vector<Entry>& entries,
                const std::vector<Text<Entry>>& texts, const std::vector<Key<Entry>>& keys) {
  for (const Entry& entry : entries) {
    out += fmt::format("\n[[{}]]\n", name);
    for (const Text<Entry>& text : texts) {
      out += fmt::format("{} = \"{}\"\n", text.name, entry.*text.field);
    }
    for (const Key<Entry>& key : keys)
      out += fmt::format("{} = {:.4g}\n", key.name, key.get(entry));
  }
}

template <class Entry, class Match>
const Entry* find(const std::vector<Entry>& entries, Match match) {
  const auto it = std::find_if(entries.begin(), entries.end(), match);
  return it == entries.end() ? nullptr : &*it;
}

}  // namespace

Result<NetworkCalibration> NetworkCalibration::parse(std::string_view text,
                                                     const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    return fail(
        ErrorCode::syntax, std::string(e.description()),
        {file, static_cast<int>(e.source().begin.line), static_cast<int>(e.source().begin.column)},
        "a calibration file is TOML; see calibration/network.toml");
  }
  for (const auto& [key, node] : root) {
    const std::string_view name = key.str();
    if (name == "provenance" || name == "direct_reduce" || name == "exchange" || name == "host" ||
        name == "band") {
      continue;
    }
    return fail(ErrorCode::unknown_key, fmt::format("nobody reads `{}`", name),
                where_of(node, file),
                "expected [[direct_reduce]], [[exchange]], [[host]], [[band]] or [[provenance]]");
  }
  NetworkCalibration out;
  TR_TRY(out.direct, read_list(root, "direct_reduce", file, direct_texts, direct_keys()));
  TR_TRY(out.exchange, read_list(root, "exchange", file, exchange_texts, exchange_keys()));
  TR_TRY(out.hosts, read_list(root, "host", file, host_texts, host_keys()));
  TR_TRY(out.bands, read_list(root, "band", file, band_texts, band_keys()));
  return out;
}

Result<NetworkCalibration> NetworkCalibration::read(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse(text, path);
}

const NetworkCalibration& NetworkCalibration::embedded() {
  static const NetworkCalibration calibration = [] {
    for (const EmbeddedFile& file : tightrope::embedded_calibration()) {
      if (file.path != "network.toml") continue;
      auto read = parse(file.text, "calibration/network.toml");
      const std::string fault = read ? std::string() : to_string(read.error());
      TR_CHECK(read.has_value(), fault);
      return std::move(read).value();
    }
    TR_CHECK(false, "calibration/network.toml is not embedded");
  }();
  return calibration;
}

const DirectReduceEntry* NetworkCalibration::find_direct(std::string_view link,
                                                         std::string_view engine) const {
  return find(direct, [&](const auto& e) { return e.link == link && e.engine == engine; });
}

const ExchangeEntry* NetworkCalibration::find_exchange(std::string_view link, std::string_view mode,
                                                       std::string_view phase) const {
  return find(exchange,
              [&](const auto& e) { return e.link == link && e.mode == mode && e.phase == phase; });
}

const HostEntry* NetworkCalibration::find_host(std::string_view engine) const {
  return find(hosts, [&](const auto& e) { return e.engine == engine; });
}

const NetworkBand* NetworkCalibration::find_band(std::string_view what) const {
  return find(bands, [&](const auto& b) { return b.what == what; });
}

std::string write_network_calibration(const NetworkCalibration& c) {
  std::string out;
  write_list(out, "direct_reduce", c.direct, direct_texts, direct_keys());
  write_list(out, "exchange", c.exchange, exchange_texts, exchange_keys());
  write_list(out, "host", c.hosts, host_texts, host_keys());
  write_list(out, "band", c.bands, band_texts, band_keys());
  return out;
}

}  // namespace tightrope::formula
