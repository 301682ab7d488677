// Models whose samples are ids, with dense columns beside them or not; two classes. Logits of
// several parts are added up.

#include <fmt/format.h>

#include <algorithm>

#include "model/presets/presets.h"

namespace trireme::presets {
namespace {

bool has_columns(const Request& r) { return r.data.input.elements() > 0; }

// The sum of one weight per id, which starts at 0, and a bias. Returns the name of the logit.
std::string weight_per_id(const Request& r, const char* name, bool bias) {
  r.out.layer(fmt::format("{}_weights", name), "embedding_bag",
              fmt::format("table={} dim=1 flat=true init=zeros", name), {"ids"});
  return r.out.layer(name, "dense",
                     fmt::format("units=1 init=ones fixed=true bias={} bias_init=zeros", bias));
}

// Dense layers behind the layer before; "PREFIX1", "PREFIX2", ...
void hidden_layers(const Request& r, const char* prefix, const std::vector<int64_t>& widths,
                   std::vector<std::string> from = {}) {
  for (size_t i = 0; i < widths.size(); ++i) {
    r.out.layer(fmt::format("{}{}", prefix, i + 1), "dense",
                fmt::format("units={} activation=relu", widths[i]), std::move(from));
    from.clear();
  }
}

// The dense columns, if there are any, and the embeddings in one row, through hidden layers to a
// logit. `flat`: the layer of the embeddings.
std::string deep_part(const Request& r, const std::string& flat) {
  if (has_columns(r)) r.out.layer("features", "concat", "", {"input", flat});
  hidden_layers(r, "fc", r.options.widths("hidden"),
                {has_columns(r) ? std::string("features") : flat});
  return r.out.layer("deep", "dense", "units=1");
}

void end(const Request& r) {
  r.out.loss("sigmoid_cross_entropy");
  for (const char* metric : {"auc", "log_loss"}) r.out.metric(metric);
}

}  // namespace

void sparse_logistic(const Request& r) {
  weight_per_id(r, "out", r.options.boolean("bias"));
  end(r);
}

void wide_deep(const Request& r) {
  const std::string wide = weight_per_id(r, "wide", false);
  r.out.layer("emb", "embedding_bag", fmt::format("dim={} flat=true", r.options.integer("dim")),
              {"ids"});
  const std::string deep = deep_part(r, "emb");
  r.out.layer("out", "add", "", {wide, deep});
  end(r);
}

void deepfm(const Request& r) {
  const int64_t dim = r.options.integer("dim");
  const std::string first = weight_per_id(r, "first_order", false);
  r.out.layer("emb", "embedding_bag", fmt::format("dim={}", dim), {"ids"});
  r.out.layer("second_order", "factorization_machine", "", {"emb"});
  r.out.layer("flat", "reshape", fmt::format("shape={}", r.data.id_features * dim), {"emb"});
  const std::string deep = deep_part(r, "flat");
  r.out.layer("out", "add", "", {first, "second_order", deep});
  end(r);
}

void dlrm(const Request& r) {
  const int64_t dim = r.options.integer("dim");
  r.out.layer("emb", "embedding_bag", fmt::format("dim={}", dim), {"ids"});
  if (has_columns(r)) {
    std::vector<int64_t> bottom = r.options.widths("bottom");
    bottom.push_back(dim);
    hidden_layers(r, "bottom", bottom, {"input"});
    r.out.layer("pairs", "dot_interaction", "", {fmt::format("bottom{}", bottom.size()), "emb"});
  } else {
    r.out.layer("pairs", "dot_interaction", "", {"emb"});
  }
  hidden_layers(r, "top", r.options.widths("top"));
  r.out.layer("out", "dense", "units=1");
  end(r);
}

void matrix_factorization(const Request& r) {
  const std::string biases = weight_per_id(r, "biases", true);
  r.out.layer("emb", "embedding_bag", fmt::format("dim={} init=normal", r.options.integer("dim")),
              {"ids"});
  r.out.layer("product", "factorization_machine", "", {"emb"});
  r.out.layer("out", "add", "", {biases, "product"});
  if (r.data.classes > 0) return end(r);
  r.out.loss("mse");
  r.out.metric("mse");
}

}  // namespace trireme::presets
