// How a row of a field table is made from a pointer to member.
#pragma once

#include <type_traits>
#include <utility>

#include "tightrope/catalog/fields.h"

namespace tightrope::catalog::fields_internal {

enum class Need { optional, required };

struct Bounds {
  double lowest, highest;  ///< base units
};

template <class Q>
constexpr Dimension dimension_for() {
  if constexpr (std::is_same_v<Q, double>) {
    return {};
  } else {
    return dimension_of(Q());
  }
}

template <class Q>
constexpr double raw(Q q) {
  if constexpr (std::is_same_v<Q, double>) {
    return q;
  } else {
    return q.raw();
  }
}

template <class To, class From>
Fact<To> convert(const Fact<From>& from) {
  Fact<To> to;
  to.value = To(raw(from.value));
  to.low = To(raw(from.low));
  to.high = To(raw(from.high));
  to.known = from.known;
  to.from = from.from;
  for (const Alternative<From>& a : from.alternatives) {
    to.alternatives.push_back({To(raw(a.value)), a.from});
  }
  return to;
}

template <class M>
struct MemberTraits;
template <class R, class T>
struct MemberTraits<T R::*> {
  using Record = R;
  using Type = T;
};
template <auto M>
using RecordOf = typename MemberTraits<decltype(M)>::Record;
template <auto M>
using TypeOf = typename MemberTraits<decltype(M)>::Type;

template <class R, class T, auto Get>
constexpr Field<R> plain(FieldDoc doc) {
  return {doc, [](R& r, FieldValue&& v) { Get(r) = std::get<T>(std::move(v)); },
          [](const R& r) -> FieldValue {
            const T& value = Get(const_cast<R&>(r));
            if constexpr (!std::is_same_v<T, int>) {
              if (value.empty()) return {};
            }
            return value;
          }};
}

template <auto M>
constexpr auto member = [](RecordOf<M>& r) -> TypeOf<M>& { return r.*M; };

template <auto M>
constexpr Field<RecordOf<M>> text(std::string_view name, Need need, std::string_view doc,
                                  FieldKind kind = FieldKind::text) {
  return plain<RecordOf<M>, std::string, member<M>>(
      {.name = name, .kind = kind, .required = need == Need::required, .doc = doc});
}

template <auto M>
constexpr Field<RecordOf<M>> text_list(std::string_view name, std::string_view doc) {
  return plain<RecordOf<M>, std::vector<std::string>, member<M>>(
      {.name = name, .kind = FieldKind::text_list, .doc = doc});
}

template <auto M>
constexpr Field<RecordOf<M>> count(std::string_view name, Need need, std::string_view doc,
                                   Bounds bounds) {
  return plain<RecordOf<M>, int, member<M>>({.name = name,
                                             .kind = FieldKind::count,
                                             .required = need == Need::required,
                                             .doc = doc,
                                             .lowest = bounds.lowest,
                                             .highest = bounds.highest});
}

template <auto M>
constexpr Field<RecordOf<M>> count_list(std::string_view name, std::string_view doc,
                                        Bounds bounds) {
  return plain<RecordOf<M>, std::vector<int>, member<M>>({.name = name,
                                                          .kind = FieldKind::count_list,
                                                          .doc = doc,
                                                          .lowest = bounds.lowest,
                                                          .highest = bounds.highest});
}

/// `Words` lists the spellings in the order of the enumerators.
template <auto M, const auto& Words>
constexpr Field<RecordOf<M>> choice(std::string_view name, Need need, std::string_view doc) {
  using R = RecordOf<M>;
  using E = TypeOf<M>;
  return {
      {.name = name,
       .kind = FieldKind::choice,
       .required = need == Need::required,
       .doc = doc,
       .choices = Words},
      [](R& r, FieldValue&& v) {
        const auto& word = std::get<std::string>(v);
        for (std::size_t i = 0; i < std::size(Words); ++i) {
          if (Words[i] == word) r.*M = static_cast<E>(i);
        }
      },
      [](const R& r) -> FieldValue { return std::string(Words[static_cast<std::size_t>(r.*M)]); }};
}

template <class R, class Q, auto Get>
constexpr Field<R> fact_at(FieldDoc doc) {
  return {doc,
          [](R& r, FieldValue&& v) { Get(r) = convert<Q>(std::get<Fact<double>>(std::move(v))); },
          [](const R& r) -> FieldValue {
            const Fact<Q>& f = Get(const_cast<R&>(r));
            if (!f.known) return {};
            return convert<double>(f);
          }};
}

template <class F>
struct FactTraits;
template <class Q>
struct FactTraits<Fact<Q>> {
  using Value = Q;
};

template <auto M>
constexpr Field<RecordOf<M>> fact(std::string_view name, Need need, std::string_view doc,
                                  Bounds bounds) {
  using Q = typename FactTraits<TypeOf<M>>::Value;
  return fact_at<RecordOf<M>, Q, member<M>>({.name = name,
                                             .kind = FieldKind::fact,
                                             .required = need == Need::required,
                                             .doc = doc,
                                             .dimension = dimension_for<Q>(),
                                             .lowest = bounds.lowest,
                                             .highest = bounds.highest});
}

template <DType T>
constexpr Field<Chip> peak(std::string_view name, std::string_view doc) {
  constexpr auto get = [](Chip& c) -> Fact<FlopsPerSecond>& { return c.peak[T]; };
  return fact_at<Chip, FlopsPerSecond, get>({.name = name,
                                             .kind = FieldKind::fact,
                                             .doc = doc,
                                             .dimension = dimension_for<FlopsPerSecond>(),
                                             .lowest = 1e9,
                                             .highest = 1e18});
}

}  // namespace tightrope::catalog::fields_internal
