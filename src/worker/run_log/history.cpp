#include "worker/run_log/history.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace trireme {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kValidation = "validation/", kTable = "table/";

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// null stands for a value that was not finite.
double number(const Json& json, const std::string& key, double missing) {
  const auto found = json.find(key);
  if (found == json.end()) return missing;
  return found->is_number() ? found->get<double>() : NAN;
}

StepPoint to_step(const Json& json) {
  StepPoint point;
  StepRecord& r = point.record;
  r.step = json.at("step").get<int64_t>();
  r.samples = json.value("samples", int64_t{0});
  r.epoch = number(json, "epoch", 0);
  r.elapsed = number(json, "elapsed", 0);
  r.loss = number(json, "train/loss", NAN);
  r.accuracy = number(json, "train/accuracy", -1);
  r.learning_rate = number(json, "train/learning_rate", NAN);
  r.grad_norm = number(json, "train/grad_norm", NAN);
  r.loss_scale = number(json, "train/loss_scale", 0);
  point.samples_per_second = number(json, "train/samples_per_second", NAN);
  point.exchange_wait_ms = number(json, "exchange/wait_ms", NAN);
  point.staleness = number(json, "exchange/staleness", -1);
  r.staleness_max = number(json, "exchange/staleness_max", -1);
  point.codec_saved_bytes = number(json, "exchange/codec_saved_bytes", -1);
  point.codec_error = number(json, "exchange/codec_error", -1);
  r.phases.data = number(json, "time/data", 0);
  r.phases.compute = number(json, "time/compute", 0);
  r.phases.exchange = number(json, "time/exchange", 0);
  r.phases.optimizer = number(json, "time/optimizer", 0);
  r.phases.evaluation = number(json, "time/evaluation", 0);
  r.phases.checkpoint = number(json, "time/checkpoint", 0);
  r.phases.exchange_hidden = number(json, "time/exchange_hidden", 0);
  for (const auto& [key, value] : json.items())
    if (key.starts_with(kTable)) r.tables.push_back({key, number(json, key, NAN)});
  return point;
}

EvaluationRecord to_evaluation(const Json& json) {
  EvaluationRecord record;
  record.step = json.at("step").get<int64_t>();
  record.epoch = number(json, "epoch", 0);
  record.elapsed = number(json, "elapsed", 0);
  for (const auto& [key, value] : json.items()) {
    if (key.starts_with(kValidation))
      record.values.push_back({key.substr(kValidation.size()), number(json, key, NAN)});
  }
  record.confusion = json.value("confusion", record.confusion);
  record.classes = json.value("classes", record.classes);
  const size_t n = record.confusion.size();
  const auto ragged = [n](const std::vector<int64_t>& row) { return row.size() != n; };
  if (std::any_of(record.confusion.begin(), record.confusion.end(), ragged))
    record.confusion.clear();
  return record;
}

TimedNote to_note(const Json& json) {
  return {json.at("step").get<int64_t>(), number(json, "elapsed", 0),
          json.value("time", std::string()), json.value("text", std::string())};
}

void add_record(const Json& json, History& history) {
  const std::string kind = json.value("kind", std::string());
  if (kind == "step") history.steps.push_back(to_step(json));
  if (kind == "evaluation") history.add(to_evaluation(json));
  if (kind == "note") history.notes.push_back(to_note(json));
  if (kind == "start" && history.starts++ == 0) history.started = json.value("time", std::string());
}

}  // namespace

void History::add(EvaluationRecord record) {
  if (!evaluations.empty()) evaluations.back().confusion.clear();
  evaluations.push_back(std::move(record));
}

double History::elapsed() const {
  double latest = 0;
  if (!steps.empty()) latest = steps.back().record.elapsed;
  if (!evaluations.empty()) latest = std::max(latest, evaluations.back().elapsed);
  return latest;
}

PhaseSeconds History::phases() const {
  if (steps.empty()) return {};
  const StepRecord& last = steps.back().record;
  PhaseSeconds phases = last.phases;
  if (!evaluations.empty() && evaluations.back().step == last.step)
    phases.evaluation += std::max(0.0, evaluations.back().elapsed - last.elapsed);
  return phases;
}

std::string start_line(int64_t step, const std::string& time) {
  return dump({{"kind", "start"}, {"step", step}, {"time", time}});
}

std::string step_line(const StepPoint& point) {
  const StepRecord& r = point.record;
  Json json{{"kind", "step"},
            {"step", r.step},
            {"epoch", r.epoch},
            {"samples", r.samples},
            {"elapsed", r.elapsed}};
  json["train/loss"] = r.loss;
  if (r.accuracy >= 0) json["train/accuracy"] = r.accuracy;
  json["train/learning_rate"] = r.learning_rate;
  json["train/grad_norm"] = r.grad_norm;
  if (r.loss_scale > 0) json["train/loss_scale"] = r.loss_scale;
  json["train/samples_per_second"] = point.samples_per_second;
  json["exchange/wait_ms"] = point.exchange_wait_ms;
  if (point.staleness >= 0) {
    json["exchange/staleness"] = point.staleness;
    json["exchange/staleness_max"] = r.staleness_max;
  }
  if (point.codec_error >= 0) {
    json["exchange/codec_saved_bytes"] = point.codec_saved_bytes;
    json["exchange/codec_error"] = point.codec_error;
  }
  for (const MetricValue& m : r.tables) json[m.name] = m.value;
  json["time/data"] = r.phases.data;
  json["time/compute"] = r.phases.compute;
  json["time/exchange"] = r.phases.exchange;
  json["time/optimizer"] = r.phases.optimizer;
  json["time/evaluation"] = r.phases.evaluation;
  json["time/checkpoint"] = r.phases.checkpoint;
  if (r.phases.exchange_hidden > 0) json["time/exchange_hidden"] = r.phases.exchange_hidden;
  return dump(json);
}

std::string evaluation_line(const EvaluationRecord& record) {
  Json json{{"kind", "evaluation"},
            {"step", record.step},
            {"epoch", record.epoch},
            {"elapsed", record.elapsed}};
  for (const MetricValue& m : record.values) json[std::string(kValidation) + m.name] = m.value;
  if (!record.confusion.empty() && record.confusion.size() <= kMaxConfusionClasses) {
    json["confusion"] = record.confusion;
    json["classes"] = record.classes;
  }
  return dump(json);
}

std::string note_line(const TimedNote& note) {
  return dump({{"kind", "note"},
               {"step", note.step},
               {"elapsed", note.elapsed},
               {"time", note.time},
               {"text", note.text}});
}

std::string finish_line(int64_t step, double elapsed, const RunSummary& s) {
  return dump({{"kind", "finish"},
               {"step", step},
               {"elapsed", elapsed},
               {"status", s.status},
               {"ranks", s.ranks},
               {"lanes", s.lanes},
               {"topology", s.topology},
               {"export", s.export_path},
               {"parity", s.parity}});
}

bool read_line(std::string_view line, int64_t last_step, History& history) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer())
    return false;
  if (json["step"].get<int64_t>() > last_step) return false;
  try {
    add_record(json, history);
  } catch (const Json::exception&) {
    return false;  // whole JSON, but not a record of ours
  }
  return true;
}

}  // namespace trireme
