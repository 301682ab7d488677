#include "config/reader.h"

#include <filesystem>

#include "config/preset_catalog.h"
#include "config/rules.h"
#include "config/sections/sections.h"

namespace trireme::config {

Experiment read_sections(Reading& reading, const std::vector<std::string>& layer_keys) {
  Experiment e;
  e.file = reading.file;
  const auto section = [&](const char* name) { return Section(name, reading); };
  Section run = section("run"), data = section("data"), model = section("model"),
          train = section("train"), optimizer = section("optimizer"),
          schedule = section("schedule"), exchange = section("exchange"),
          tables = section("tables"), cuda = section("cuda"), checkpoint = section("checkpoint"),
          exports = section("export"), debug = section("debug");
  e.run = read_run(run, std::filesystem::path(reading.file).stem().string());
  e.data = read_data(data);
  e.model = read_model(model, layer_keys, reading.errors);
  e.train = read_train(train);
  e.optimizer = read_optimizer(optimizer);
  e.schedule = read_schedule(schedule);
  e.exchange = read_exchange(exchange);
  e.tables = read_tables(tables);
  e.checkpoint = read_checkpoint(checkpoint);
  e.export_ = read_export(exports);
  e.cuda = read_cuda(cuda);
  e.debug = read_debug(debug);
  check_across_sections(e, {run, train, schedule, exchange, cuda, exports});
  return e;
}

namespace {

Field preset_field(const Preset& preset, const PresetKey& key) {
  Field field;
  field.section = "model";
  field.key = key.name;
  field.default_text = key.default_value;
  field.unit = key.unit;
  field.choices = key.choices;
  field.help = key.help;
  field.used_by = UsedBy{"preset", {preset.name}};
  if (key.min < key.max) field.limits = Limits{key.min, key.max};
  switch (key.type) {
    case PresetKeyType::integer:
      field.type = FieldType::integer;
      break;
    case PresetKeyType::number:
      field.type = FieldType::number;
      break;
    case PresetKeyType::boolean:
      field.type = FieldType::boolean;
      break;
    case PresetKeyType::text:
      break;
  }
  return field;
}

}  // namespace

std::vector<Field> declared_fields() {
  const Values nothing;
  Reading reading{nothing, "", "", {}, {}, {}};
  read_sections(reading, {});
  std::vector<Field> fields;
  for (const Field& field : reading.fields) {
    if (field.used_by && field.used_by->selector == "preset") continue;
    fields.push_back(field);
    if (field.name() != "model.metric") continue;
    for (const Preset& preset : preset_catalog()) {
      for (const PresetKey& key : preset.keys) fields.push_back(preset_field(preset, key));
    }
  }
  return fields;
}

}  // namespace trireme::config
