#include "worker/servers/server_setup.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace trireme {
namespace {

using nlohmann::json;

json json_of(const Shape& shape) {
  json extents = json::array();
  for (int i = 0; i < shape.rank(); ++i) extents.push_back(shape[i]);
  return extents;
}

Shape shape_of(const json& extents) {
  const auto values = extents.get<std::vector<int64_t>>();
  return Shape(std::span<const int64_t>(values));
}

json json_of(const Slot& s) {
  return {{"name", s.name},
          {"logical", json_of(s.logical)},
          {"view", json_of(s.view)},
          {"permutation", s.permutation},
          {"count", s.count},
          {"lr_scale", s.lr_scale},
          {"decay_scale", s.decay_scale},
          {"decays", s.decays},
          {"trainable", s.trainable}};
}

Slot slot_of(const json& j) {
  Slot s;
  s.name = j.at("name");
  s.logical = shape_of(j.at("logical"));
  s.view = shape_of(j.at("view"));
  s.permutation = j.at("permutation").get<std::vector<int>>();
  s.count = j.at("count");
  s.lr_scale = j.at("lr_scale");
  s.decay_scale = j.at("decay_scale");
  s.decays = j.at("decays");
  s.trainable = j.at("trainable");
  return s;
}

json json_of(const TableSpec& table) {
  return {{"name", table.name},
          {"dim", table.dim},
          {"init", static_cast<int>(table.init.kind)},
          {"a", table.init.a},
          {"b", table.init.b}};
}

TableSpec table_of(const json& j) {
  return {j.at("name"),
          j.at("dim"),
          {static_cast<Init>(j.at("init").get<int>()), j.at("a"), j.at("b")}};
}

}  // namespace

std::string to_text(const ServerSetup& setup) {
  json slots = json::array(), runs = json::array(), tables = json::array();
  for (const Slot& slot : setup.params.slots()) slots.push_back(json_of(slot));
  for (const LeafRun& run : setup.runs) runs.push_back({run.first, run.last});
  for (const TableSpec& table : setup.tables) tables.push_back(json_of(table));
  return json{{"slots", slots},
              {"hash", setup.params.hash().hex()},
              {"block", setup.block},
              {"start_clock", setup.start_clock},
              {"generation", setup.generation},
              {"shards", setup.shards},
              {"runs", runs},
              {"average", setup.average},
              {"tables", tables},
              {"run_directory", setup.run_directory}}
      .dump();
}

ServerSetup server_setup_from(const std::string& text) {
  try {
    const json j = json::parse(text);
    std::vector<Slot> slots;
    for (const json& slot : j.at("slots")) slots.push_back(slot_of(slot));
    ServerSetup setup;
    setup.params = ParamTable(std::move(slots));
    setup.block = j.at("block");
    setup.start_clock = j.at("start_clock");
    setup.generation = j.at("generation");
    setup.shards = j.at("shards");
    for (const json& run : j.at("runs")) setup.runs.push_back({run.at(0), run.at(1)});
    setup.average = j.at("average");
    for (const json& table : j.at("tables")) setup.tables.push_back(table_of(table));
    setup.run_directory = j.at("run_directory");
    if (setup.params.hash().hex() != j.at("hash").get<std::string>())
      throw FormatError("the table of parameters that worker 0 sent is not the one that came",
                        "all ranks must run the same build");
    return setup;
  } catch (const json::exception& e) {
    throw FormatError(fmt::format("worker 0 sent a set-up that cannot be read: {}", e.what()),
                      "all ranks must run the same build");
  }
}

}  // namespace trireme
