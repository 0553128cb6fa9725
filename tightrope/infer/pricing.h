// Time and energy of one iteration of one serving replica: weights, experts, links, attention,
// host.
#pragma once

#include <string_view>
#include <vector>

#include "tightrope/formula/iteration_times.h"
#include "tightrope/infer/context.h"
#include "tightrope/infer/price_table.h"
#include "tightrope/infer/spent.h"

namespace tightrope::infer {

/// Attention's part: linear in what is read and scored, over all layers of the replica.
struct AttentionPrices {
  Spent decode;             ///< a decoding sequence
  Spent decode_key;         ///< a key it attends to, in layers that see all
  Spent decode_window_key;  ///< a key inside the window, in layers that see a window only
  Spent prefill;            ///< the least an iteration that prefills takes: the host's work
  Spent prefill_score;      ///< a query-key pair, in layers that see all
  Spent prefill_window_score;
  int window = 0;  ///< tokens; 0: no such layers
};

/// One line of an explanation.
struct PricedItem {
  std::string_view name, kind;  ///< kind: "gemm", "pass", "link", "host", "attention"
  Seconds time{};               ///< a layer of this kind, an iteration
  int layers = 1;
};

/// Prices of one deployment; cheap to make, pure to ask.
class Pricing {
 public:
  /// `context` must outlive this. Fractions of heads and experts are priced as they divide.
  Pricing(const Context& context, const Deployment& deployment);

  /// What `tokens` scheduled tokens (over the whole replica) cost whatever they attend to; host
  /// work included. 0 tokens cost nothing.
  [[nodiscard]] Spent tokens(double tokens, std::vector<PricedItem>* items = nullptr) const;
  /// The same where one attention group has `fullest` of them, which the others wait for: one
  /// prompt alone is one group's. No less than tokens() has it, evenly spread.
  [[nodiscard]] Spent tokens_apart(double tokens, double fullest) const;
  /// Beside it, what `sequences` that yield output cost: head, sampling, drafts, host.
  [[nodiscard]] Spent yields(double sequences) const;
  /// From here on tokens() and yields() are read from tables, each price asked for once: for a
  /// search, which asks far more often than there are knots. Amounts beyond go on straight.
  void tabulate(double max_tokens, double max_yields);
  [[nodiscard]] const AttentionPrices& attention() const { return attention_; }
  /// Tokens a decoding sequence schedules each iteration: itself and its drafts.
  [[nodiscard]] double decode_tokens() const { return 1.0 + context_.speculation.drafts; }
  [[nodiscard]] Joules energy(Spent spent) const;
  [[nodiscard]] double chips() const;
  [[nodiscard]] const Deployment& deployment() const { return deployment_; }
  [[nodiscard]] const Context& context() const { return context_; }

 private:
  struct Batch {
    double tokens, rows;  // of the replica; of its fullest attention group
  };
  Spent iteration(double tokens, double rows, std::vector<PricedItem>* items) const;
  Spent layer(const LayerPart& part, Batch batch, std::vector<PricedItem>* items) const;
  Spent products(const LayerPart& part, double rows, std::vector<PricedItem>* items) const;
  [[nodiscard]] Spent spent(const formula::KernelTime& time, DType dtype) const;
  Spent cast(const WeightFormat& format, double elements, int layers,
             std::vector<PricedItem>* items) const;
  Spent experts(const LayerPart& part, double tokens, std::vector<PricedItem>* items) const;
  Spent expert_passes(const LayerPart& part, double tokens, double rows,
                      std::vector<PricedItem>* items) const;
  Spent passes(const LayerPart& part, Batch batch, std::vector<PricedItem>* items) const;
  Spent links(const LayerPart& part, double rows, std::vector<PricedItem>* items) const;
  void price_attention();

  const Context& context_;
  Deployment deployment_;
  formula::RankKernels kernels_;  ///< fixed times as the engine leaves them
  AttentionPrices attention_;
  PriceTable token_table_, yield_table_;
};

/// The same as tables for a scheduler: exact up to 64 tokens, linear between knots beyond.
/// `max_tokens`, `max_yields` >= 2: the largest iteration that is tabulated.
[[nodiscard]] formula::IterationTimes iteration_times(const Pricing& pricing, int max_tokens,
                                                      int max_yields);

}  // namespace tightrope::infer
